//! An answer that has begun, held until there is something in it that a client may see.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use pingora::time::timeout;

use crate::clock::{self, Tick};
use crate::ir::{Fault, Format, Usage};
use crate::proxy::exchange::{HOLD, Long, Miss, Order, ReplyBody, Streaming, joined, stream_kind};
use crate::proxy::paths::CallKind;
use crate::proxy::upstream::{ReadFailure, Upstream};
use crate::route::Failure;
use crate::wire;
use crate::wire::convert::{
    Answer, Course, Issuer, Keepsake, Manner, Ready, Telling, Transcode, answer, retell,
};
use crate::wire::counting;
use crate::wire::embed;
use crate::wire::passage::{Looked, Passage};
use crate::wire::relay::{End, Progress, Relay};
use crate::wire::rename::Rename;
use crate::wire::reply::ReplyTap;
use crate::wire::resume::{self, Shown};
use crate::wire::watch::SealWatch;

/// The largest answer that is converted whole: media come as base64 within, nothing else comes near.
const MOST_WHOLE: usize = 64 << 20;

/// How an answer becomes the client's.
pub struct Conversion<'a> {
    pub ready: &'a Ready,
    pub issuer: Issuer,
    pub client: Format,
    /// What the client wants.
    pub manner: Manner,
    pub telling: Telling,
    /// It goes on with an answer that broke off.
    pub resumes: Option<Resumes<'a>>,
    /// The answer is no conversation.
    pub vectors: Option<&'a embed::Back>,
}

/// What is gone on with, and how.
#[derive(Clone, Copy)]
pub struct Resumes<'a> {
    pub shown: &'a Shown,
    pub way: resume::Way,
}

impl Conversion<'_> {
    /// Makes a fault of the vendor's one of the client's format: the status and type follow the kind. OpenAI's two formats
    /// share their words.
    pub fn translate(&self, fault: &mut Fault) {
        let is_openai = |format| matches!(format, Format::OpenaiChat | Format::OpenaiResponses);
        if self.client == self.issuer.format
            || (is_openai(self.client) && is_openai(self.issuer.format))
        {
            return;
        }
        fault.status = wire::codec(self.client).status(fault);
        fault.type_name = None;
        fault.param = None;
    }

    fn course(&self) -> Course {
        Course {
            from: self.issuer,
            client: self.client,
            back: self.ready.back.clone(),
            telling: self.telling.clone(),
        }
    }
}

/// What was held.
pub struct Held {
    pub body: ReplyBody,
    pub keepsakes: Vec<Keepsake>,
    pub dropped: Vec<String>,
}

impl Held {
    fn of(body: ReplyBody) -> Held {
        Held {
            body,
            keepsakes: Vec::new(),
            dropped: Vec::new(),
        }
    }

    fn told(answer: Answer, manner: Manner) -> Held {
        let (bytes, usage) = (Bytes::from(answer.body), answer.usage);
        Held {
            body: match manner {
                Manner::Whole => ReplyBody::Whole { bytes, usage },
                Manner::Stream => ReplyBody::Events { bytes, usage },
            },
            keepsakes: answer.keepsakes,
            dropped: answer.dropped,
        }
    }
}

impl Order<'_> {
    /// Holds an answer until there is content in it; a converted one that is no stream, until it is whole.
    ///
    /// # Errors
    /// [`Miss`].
    pub(super) async fn hold(&self, up: Box<Upstream>, limit: Tick) -> Result<Held, Miss> {
        let content_type = up.header(&CONTENT_TYPE).unwrap_or("");
        let events = content_type.trim_start().starts_with("text/event-stream");
        if events && self.stream {
            return match &self.conversion {
                Some(conversion) if conversion.manner == Manner::Whole => {
                    self.collect(conversion, up).await
                }
                _ => self.hold_stream(up, limit).await.map(Held::of),
            };
        }
        let json = content_type.is_empty() || content_type.contains("json");
        if self.kind != CallKind::Other && (events || !json) {
            return Err(self.miss(Failure::Truncated));
        }
        match &self.conversion {
            Some(conversion) => {
                let body = self.read_whole(up).await?;
                self.convert_whole(conversion, &body)
            }
            None => self
                .hold_whole(up, json, limit)
                .await
                .map(|body| self.watch(body)),
        }
    }

    /// A stream for a client that wants none.
    async fn collect(
        &self,
        conversion: &Conversion<'_>,
        mut up: Box<Upstream>,
    ) -> Result<Held, Miss> {
        let mut transcode = Transcode::whole(conversion.course());
        let mut nothing = Vec::new();
        let mut size = 0;
        while transcode.progress() != Progress::Done {
            match up.chunk().await {
                Ok(Some(chunk)) => {
                    size += chunk.len();
                    if size > MOST_WHOLE {
                        return Err(self.miss(Failure::Truncated));
                    }
                    let pushed = transcode.push(chunk, &mut nothing);
                    pushed.map_err(|fault| self.broken(&transcode, fault))?;
                }
                end => {
                    let how = if end.is_ok() { End::Clean } else { End::Cut };
                    let finished = transcode.finish(how, &mut nothing);
                    finished.map_err(|fault| self.broken(&transcode, fault))?;
                }
            }
        }
        up.release_when_read();
        let Some(reply) = transcode.into_reply() else {
            return Err(self.miss(Failure::Truncated));
        };
        Ok(Held::told(
            retell(conversion.course(), reply, Manner::Whole),
            Manner::Whole,
        ))
    }

    fn broken(&self, transcode: &Transcode, fault: Fault) -> Miss {
        if transcode.said_error() {
            self.stream_error(fault)
        } else if transcode.events() == 0 {
            self.miss(Failure::EmptyAnswer)
        } else {
            self.miss(Failure::Truncated)
        }
    }

    /// A whole answer that is one.
    async fn read_whole(&self, mut up: Box<Upstream>) -> Result<Vec<u8>, Miss> {
        let mut tap = ReplyTap::new(self.outgoing.line.format);
        let mut body = Vec::new();
        loop {
            match up.chunk().await {
                Ok(Some(chunk)) => {
                    tap.push(&chunk);
                    body.extend_from_slice(&chunk);
                }
                Ok(None) => break,
                Err(_) => return Err(self.miss(Failure::Truncated)),
            }
            if body.len() > MOST_WHOLE {
                return Err(self.miss(Failure::Truncated));
            }
        }
        up.release();
        let end = tap.finish();
        if end.empty {
            return Err(self.miss(Failure::EmptyAnswer));
        }
        if let Some(fault) = end.error {
            return Err(self.stream_error(fault));
        }
        if !end.whole {
            return Err(self.miss(Failure::Truncated));
        }
        Ok(body)
    }

    /// A whole answer of another format, or for a client that wants a stream.
    fn convert_whole(&self, conversion: &Conversion<'_>, body: &[u8]) -> Result<Held, Miss> {
        let broken = || self.miss(Failure::Truncated);
        if self.kind == CallKind::Count {
            let (from, client) = (self.outgoing.line.format, conversion.client);
            let told = counting::answer(from, client, body).ok_or_else(broken)?;
            return Ok(Held::of(ReplyBody::Whole {
                bytes: told.into(),
                usage: Usage::default(),
            }));
        }
        let answered = match conversion.vectors {
            None => answer(conversion.course(), body, conversion.manner),
            Some(back) => back.answer(body, conversion.client, &conversion.telling.model),
        };
        let answered = answered.map_err(|_| broken())?;
        Ok(Held::told(answered, conversion.manner))
    }

    /// What of a stream a client has seen already is waited for as long as a whole answer, as long as it flows.
    async fn next_chunk(
        &self,
        up: &mut Upstream,
        is_flowing: bool,
        limit: Tick,
    ) -> Result<Result<Option<Bytes>, ReadFailure>, Miss> {
        if !self.resumes() {
            return Ok(up.chunk().await);
        }
        let wait = if is_flowing {
            self.timeouts.idle
        } else {
            limit.since(clock::now())
        };
        let read = timeout(wait, up.chunk()).await;
        read.map_err(|_| self.late(limit))
    }

    async fn hold_stream(&self, mut up: Box<Upstream>, limit: Tick) -> Result<ReplyBody, Miss> {
        let mut passage = self
            .passage()
            .ok_or_else(|| self.miss(Failure::OtherWords))?;
        let mut held = Vec::new();
        let mut size = 0;
        let ended = loop {
            let is_flowing = passage.has_content();
            match self.next_chunk(&mut up, is_flowing, limit).await? {
                Ok(Some(chunk)) => {
                    size += chunk.len();
                    if let Err(fault) = passage.push(chunk, &mut held) {
                        return Err(self.no_stream(&passage, fault));
                    }
                    // Of an answer that goes on with another, nothing is held as long as it says nothing new.
                    let is_full = size >= HOLD && !self.resumes();
                    if passage.progress() != Progress::Preamble || is_full {
                        break false;
                    }
                }
                end => {
                    let how = if end.is_ok() { End::Clean } else { End::Cut };
                    if let Err(fault) = passage.finish(how, &mut held) {
                        if passage.said_error() || passage.differs() {
                            return Err(self.no_stream(&passage, fault));
                        }
                        let failure = if size == 0 {
                            Failure::EmptyAnswer
                        } else {
                            Failure::Truncated
                        };
                        return Err(self.miss(failure));
                    }
                    break true;
                }
            }
        };
        Ok(ReplyBody::Stream(Box::new(Streaming {
            up,
            passage,
            held,
            idle: self.timeouts.idle,
            ended,
        })))
    }

    fn no_stream(&self, passage: &Passage, fault: Fault) -> Miss {
        if passage.differs() {
            return Miss {
                fault,
                ..self.miss(Failure::OtherWords)
            };
        }
        self.stream_error(fault)
    }

    async fn hold_whole(
        &self,
        mut up: Box<Upstream>,
        json: bool,
        deadline: Tick,
    ) -> Result<ReplyBody, Miss> {
        let mut tap = json.then(|| ReplyTap::new(self.outgoing.line.format));
        let mut held: Vec<Bytes> = Vec::new();
        let mut size = 0;
        loop {
            match up.chunk().await {
                Ok(Some(chunk)) => {
                    size += chunk.len();
                    if let Some(tap) = &mut tap {
                        tap.push(&chunk);
                    }
                    held.push(chunk);
                }
                Ok(None) => break,
                Err(_) => return Err(self.miss(Failure::Truncated)),
            }
            if size >= self.most_held() {
                let declared = up.header(&CONTENT_LENGTH).filter(|_| !up.is_decoding());
                let length = declared.and_then(|length| length.parse().ok());
                return Ok(ReplyBody::Long(Box::new(Long {
                    up,
                    tap,
                    held,
                    length,
                    deadline,
                })));
            }
        }
        up.release();
        self.judge(held, tap)
    }

    /// A whole answer that is here: is it one?
    fn judge(&self, held: Vec<Bytes>, tap: Option<ReplyTap>) -> Result<ReplyBody, Miss> {
        let bytes = joined(held);
        let Some(tap) = tap else {
            return Ok(ReplyBody::Whole {
                bytes,
                usage: Usage::default(),
            });
        };
        let end = tap.finish();
        if end.empty {
            return Err(self.miss(Failure::EmptyAnswer));
        }
        if let Some(fault) = end.error {
            return Err(self.stream_error(fault));
        }
        if !end.whole || (self.stream && self.kind == CallKind::Conversation) {
            return Err(self.miss(Failure::Truncated));
        }
        let bytes = match self.rename {
            Some(name) => {
                let renamed = Rename::new(self.outgoing.line.format, name).whole(&bytes);
                joined(renamed)
            }
            None => bytes,
        };
        Ok(ReplyBody::Whole {
            bytes,
            usage: end.usage,
        })
    }

    /// Looks at a whole answer for opaque state.
    fn watch(&self, body: ReplyBody) -> Held {
        let mut held = Held::of(body);
        if let (true, ReplyBody::Whole { bytes, .. }) = (self.watched, &held.body) {
            let mut watch = SealWatch::new(self.outgoing.line.issuer);
            watch.whole(bytes);
            held.keepsakes = watch.take();
        }
        held
    }

    /// An answer in which something changes is held until it is whole.
    fn most_held(&self) -> usize {
        if self.rename.is_some() {
            MOST_WHOLE
        } else {
            HOLD
        }
    }

    /// `None`: the client's stream stands where none can go on.
    fn passage(&self) -> Option<Passage> {
        Some(match &self.conversion {
            Some(conversion) => Passage::Other(Box::new(match conversion.resumes {
                Some(Resumes { shown, way }) => {
                    let (seam, writer) = shown.resume(way, conversion.telling.clone())?;
                    Transcode::resumed(conversion.course(), seam, writer)
                }
                None => Transcode::stream(conversion.course()),
            })),
            None => {
                let format = self.outgoing.line.format;
                let relay = Relay::new(format, stream_kind(self.kind), self.strip_usage);
                let rename = self.rename.map(|name| Rename::new(format, name));
                let watch = self
                    .watched
                    .then(|| SealWatch::new(self.outgoing.line.issuer));
                if rename.is_none() && watch.is_none() {
                    return Some(Passage::Same(Box::new(relay)));
                }
                Passage::Looked(Box::new(Looked {
                    relay,
                    rename,
                    watch,
                }))
            }
        })
    }
}
