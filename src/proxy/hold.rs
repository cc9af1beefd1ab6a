//! An answer that has begun, held until there is something in it that a client may see.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};

use crate::clock::Tick;
use crate::ir::{Fault, Usage};
use crate::proxy::exchange::{
    HOLD, Long, Miss, Order, ReplyBody, Streaming, is_events, joined, stream_kind,
};
use crate::proxy::paths::CallKind;
use crate::proxy::upstream::Upstream;
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
    pub(super) async fn hold(&self, up: Box<Upstream>, limit: Tick) -> Result<Held, Miss> {
        let events = is_events(&up);
        let conversation = self.kind == CallKind::Conversation;
        // Vendors answer in either manner, whatever they were asked for.
        if events && (self.stream || conversation) {
            return match self.teller.manner() {
                Manner::Whole => self.collect(up).await,
                Manner::Stream => self.hold_stream(up).await,
            };
        }
        let content_type = up.header(&CONTENT_TYPE).unwrap_or("");
        let json = content_type.is_empty() || content_type.contains("json");
        let streamless = self.stream && self.kind == CallKind::Completion;
        if self.kind != CallKind::Other && (events || !json || streamless) {
            return Err(self.miss(Failure::Truncated));
        }
        if self.teller.converts() || (self.stream && conversation) {
            let body = self.read_whole(up).await?;
            return self.convert_whole(&body);
        }
        let body = self.hold_whole(up, json, limit).await?;
        Ok(self.watch(body))
    }

    /// A stream for a client that wants none.
    async fn collect(&self, mut up: Box<Upstream>) -> Result<Held, Miss> {
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
    fn convert_whole(&self, body: &[u8]) -> Result<Held, Miss> {
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

    async fn hold_stream(&self, mut up: Box<Upstream>) -> Result<Held, Miss> {
        let mut passage = self.passage();
        let mut held = Vec::new();
        let mut size = 0;
        let ended = loop {
            match up.chunk().await {
                Ok(Some(chunk)) => {
                    size += chunk.len();
                    if let Err(fault) = passage.push(chunk, &mut held) {
                        return Err(self.stream_error(fault));
                    }
                    if passage.progress() != Progress::Preamble || size >= HOLD {
                        break false;
                    }
                }
                end => {
                    let how = if end.is_ok() { End::Clean } else { End::Cut };
                    if let Err(fault) = passage.finish(how, &mut held) {
                        if passage.said_error() {
                            return Err(self.stream_error(fault));
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

    fn passage(&self) -> Passage {
        if self.teller.converts() {
            return Passage::Other(Box::new(Transcode::stream(self.teller.course())));
        }
        let format = self.outgoing.line.format;
        let relay = Relay::new(format, stream_kind(self.kind), self.strip_usage);
        let rename = self.rename.map(|name| Rename::new(format, name));
        let watch = self
            .watched
            .then(|| SealWatch::new(self.outgoing.line.issuer));
        if rename.is_none() && watch.is_none() {
            return Passage::Same(Box::new(relay));
        }
        Passage::Looked(Box::new(Looked {
            relay,
            rename,
            watch,
        }))
    }
}
