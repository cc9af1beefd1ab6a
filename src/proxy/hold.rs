//! An answer that has begun, held until there is something in it that a client may see.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use pingora::time::timeout;

use crate::clock::{self, Tick};
use crate::ir::{Fault, Usage};
use crate::proxy::exchange::{
    Cost, HOLD, Long, Miss, Order, ReplyBody, Streaming, is_events, joined, stream_kind,
};
use crate::proxy::paths::CallKind;
use crate::proxy::telling::Resumes;
use crate::proxy::upstream::{ReadFailure, Upstream};
use crate::route::Failure;
use crate::wire::convert::{Answer, Keepsake, Manner, Transcode, answer, retell};
use crate::wire::counting;
use crate::wire::passage::{Looked, Passage};
use crate::wire::relay::{End, Progress, Relay};
use crate::wire::rename::Rename;
use crate::wire::reply::ReplyTap;
use crate::wire::watch::SealWatch;

/// The largest answer that is converted whole: media come as base64 within, nothing else comes near.
const MOST_WHOLE: usize = 64 << 20;

/// What was held.
pub struct Held {
    pub body: ReplyBody,
    pub keepsakes: Vec<Keepsake>,
    pub dropped: Vec<String>,
    /// Not the vendor's own bytes.
    pub retold: bool,
}

impl Held {
    fn of(body: ReplyBody) -> Held {
        Held {
            body,
            keepsakes: Vec::new(),
            dropped: Vec::new(),
            retold: false,
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
            retold: true,
        }
    }
}

impl Order<'_> {
    /// Holds an answer until there is content in it; one that is no stream, or is to be none, until it is whole.
    ///
    /// # Errors
    /// [`Miss`].
    pub(super) async fn hold(&self, up: Box<Upstream>, limit: Tick) -> Result<Held, Box<Miss>> {
        let events = is_events(&up);
        let conversation = self.kind == CallKind::Conversation;
        // Vendors answer in either manner, whatever they were asked for.
        if events && (self.stream || conversation) {
            return match self.teller.manner() {
                Manner::Whole => self.collect(up).await,
                Manner::Stream => self.hold_stream(up, limit).await,
            };
        }
        let content_type = up.header(&CONTENT_TYPE).unwrap_or("");
        let json = content_type.is_empty() || content_type.contains("json");
        let streamless = self.stream && self.kind == CallKind::Completion;
        if self.kind != CallKind::Other && (events || !json || streamless) {
            return Err(self.miss(Failure::Truncated));
        }
        if self.resumes() {
            return self.resume_whole(up).await;
        }
        if self.teller.converts() || (self.stream && conversation) {
            let body = self.read_whole(up).await?;
            return self.convert_whole(&body);
        }
        let body = self.hold_whole(up, json, limit).await?;
        Ok(self.watch(body))
    }

    /// A stream for a client that wants none.
    async fn collect(&self, mut up: Box<Upstream>) -> Result<Held, Box<Miss>> {
        let mut transcode = Transcode::whole(self.teller.course());
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
        let answer = retell(self.teller.course(), reply, Manner::Whole);
        Ok(self.told(answer, Manner::Whole))
    }

    /// An answer that was told anew. Of one that stays in its format nothing is kept unless it could go elsewhere.
    fn told(&self, answer: Answer, manner: Manner) -> Held {
        let mut held = Held::told(answer, manner);
        if !self.teller.converts() && !self.watched {
            held.keepsakes.clear();
        }
        held
    }

    fn broken(&self, transcode: &Transcode, fault: Fault) -> Box<Miss> {
        if transcode.said_error() {
            self.stream_error(fault)
        } else if transcode.events() == 0 {
            self.miss(Failure::EmptyAnswer)
        } else {
            self.miss(Failure::Truncated)
        }
    }

    /// A whole answer that is one.
    async fn read_whole(&self, mut up: Box<Upstream>) -> Result<Vec<u8>, Box<Miss>> {
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
    fn convert_whole(&self, body: &[u8]) -> Result<Held, Box<Miss>> {
        let broken = || self.miss(Failure::Truncated);
        let (client, manner) = (self.teller.client(), self.teller.manner());
        if self.kind == CallKind::Count {
            let from = self.outgoing.line.format;
            let told = counting::answer(from, client, body).ok_or_else(broken)?;
            return Ok(Held {
                retold: true,
                ..Held::of(ReplyBody::Whole {
                    bytes: told.into(),
                    usage: Usage::default(),
                })
            });
        }
        let answered = match self.teller.vectors {
            None => answer(self.teller.course(), body, manner),
            Some(back) => back.answer(body, client, self.teller.name()),
        };
        Ok(self.told(answered.map_err(|_| broken())?, manner))
    }

    /// An answer that came whole, for a client that has the beginning of it.
    async fn resume_whole(&self, up: Box<Upstream>) -> Result<Held, Box<Miss>> {
        let body = self.read_whole(up).await?;
        let mut transcode = self
            .resumed()
            .ok_or_else(|| self.miss(Failure::OtherWords))?;
        let mut told = Vec::new();
        let taken = transcode.take_whole(self.outgoing.line.format, &body, &mut told);
        if let Err(fault) = taken {
            let failure = match transcode.differs() {
                true => Failure::OtherWords,
                false => Failure::Truncated,
            };
            return Err(self.miss_by(failure, fault));
        }
        let (bytes, usage) = (joined(told), transcode.usage());
        Ok(Held {
            keepsakes: transcode.keepsakes(),
            retold: true,
            ..Held::of(ReplyBody::Events { bytes, usage })
        })
    }

    /// What of a stream a client has seen already is waited for as long as a whole answer, as long as it flows.
    async fn next_chunk(
        &self,
        up: &mut Upstream,
        is_flowing: bool,
        limit: Tick,
    ) -> Result<Result<Option<Bytes>, ReadFailure>, Box<Miss>> {
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

    async fn hold_stream(&self, mut up: Box<Upstream>, limit: Tick) -> Result<Held, Box<Miss>> {
        let mut passage = self
            .passage()
            .ok_or_else(|| self.miss(Failure::OtherWords))?;
        let mut held = Vec::new();
        let mut size = 0;
        let begun = (&mut passage, &mut held, &mut size);
        let ended = self.until_content(&mut up, begun, limit).await;
        let ended = ended.map_err(|mut miss| {
            miss.cost = Some(Box::new(Cost {
                said: passage.usage(),
                bytes: u64::try_from(size).unwrap_or(u64::MAX),
            }));
            miss
        })?;
        let body = ReplyBody::Stream(Box::new(Streaming {
            up,
            passage,
            held,
            idle: self.timeouts.idle,
            ended,
        }));
        Ok(Held {
            retold: self.teller.converts(),
            ..Held::of(body)
        })
    }

    /// Whether the stream has come to its end with its first content.
    async fn until_content(
        &self,
        up: &mut Upstream,
        (passage, held, size): (&mut Passage, &mut Vec<Bytes>, &mut usize),
        limit: Tick,
    ) -> Result<bool, Box<Miss>> {
        loop {
            let is_flowing = passage.has_content();
            match self.next_chunk(up, is_flowing, limit).await? {
                Ok(Some(chunk)) => {
                    *size += chunk.len();
                    if let Err(fault) = passage.push(chunk, held) {
                        return Err(self.no_stream(passage, fault));
                    }
                    // Of an answer that goes on with another, nothing is held as long as it says nothing new.
                    let is_full = *size >= HOLD && !self.resumes();
                    if passage.progress() != Progress::Preamble || is_full {
                        return Ok(false);
                    }
                }
                end => {
                    let how = if end.is_ok() { End::Clean } else { End::Cut };
                    if let Err(fault) = passage.finish(how, held) {
                        if passage.said_error() || passage.differs() {
                            return Err(self.no_stream(passage, fault));
                        }
                        let failure = if *size == 0 {
                            Failure::EmptyAnswer
                        } else {
                            Failure::Truncated
                        };
                        return Err(self.miss(failure));
                    }
                    return Ok(true);
                }
            }
        }
    }

    fn no_stream(&self, passage: &Passage, fault: Fault) -> Box<Miss> {
        if passage.differs() {
            return self.miss_by(Failure::OtherWords, fault);
        }
        self.stream_error(fault)
    }

    async fn hold_whole(
        &self,
        mut up: Box<Upstream>,
        json: bool,
        deadline: Tick,
    ) -> Result<ReplyBody, Box<Miss>> {
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
    fn judge(&self, held: Vec<Bytes>, tap: Option<ReplyTap>) -> Result<ReplyBody, Box<Miss>> {
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
        if !end.whole {
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

    /// What goes on with an answer that broke off. `None`: the client's stream stands where none can.
    fn resumed(&self) -> Option<Transcode> {
        let Resumes { shown, way } = self.teller.resumes?;
        let course = self.teller.course();
        let (seam, writer) = shown.resume(way, course.telling.clone())?;
        Some(Transcode::resumed(course, seam, writer))
    }

    /// `None`: the client's stream stands where none can go on.
    fn passage(&self) -> Option<Passage> {
        if self.resumes() {
            return Some(Passage::Other(Box::new(self.resumed()?)));
        }
        if self.teller.converts() {
            let transcode = Transcode::stream(self.teller.course());
            return Some(Passage::Other(Box::new(transcode)));
        }
        let format = self.outgoing.line.format;
        let relay = Relay::new(format, stream_kind(self.kind), self.strip_usage);
        let rename = self.rename.map(|name| Rename::new(format, name));
        let watch = self
            .watched
            .then(|| SealWatch::new(self.outgoing.line.issuer));
        if rename.is_none() && watch.is_none() {
            return Some(Passage::Same(Box::new(relay)));
        }
        Some(Passage::Looked(Box::new(Looked {
            relay,
            rename,
            watch,
        })))
    }
}
