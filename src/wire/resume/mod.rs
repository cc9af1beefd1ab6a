//! An answer that breaks off when its client has seen some of it, and another answer that goes on with it.
//!
//! Owns what is the same for all formats. [`Shown`] watches what goes to the client, in the client's own format, whichever
//! way it came (a vendor's bytes or a conversion): what has been said, and through the format's [`Bookmark`] where in the
//! stream it stands. When the answer breaks off, it gives the partial text for a vendor that goes on with it
//! ([`Way::GoOn`]), the [`Seam`] through which the other answer is told, and a writer that stands where the stream stood: in
//! the same part, under the same ids, with the next number. So a stream that is relayed stays the vendor's very bytes up to
//! the break, and what follows is written in the same stream; where nothing breaks, nothing is different.
//!
//! The state of a stream is thereby in one place, and a stream that has been resumed once is watched on and may be resumed
//! again. A stream that nobody can go on with safely is not resumed: one with (the beginning of) a call in it, with anything
//! but text and reasoning, with citations or log probabilities (they count from the beginning), with a reason to have ended,
//! with several choices, or with more words than [`MOST`].

mod seam;

use bytes::Bytes;

pub use seam::{Kind, Seam};

use super::convert::Telling;
use super::sse::{self, Framing};
use super::{Bookmark, EventReader, EventWriter, codec};
use crate::ir::{Body, Collector, Delta, Event, Format, Part, Reply};

/// Bytes of text and reasoning that are remembered of one answer. A longer one is not resumed.
pub const MOST: usize = 256 << 10;

/// How another endpoint is asked for the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// With the partial answer, to go on from there: whatever comes is the rest.
    GoOn,
    /// Anew: what was said already has to come again, and is left out.
    Anew,
}

/// What a client has been shown of an answer.
pub struct Shown {
    framing: Framing,
    reader: Box<dyn EventReader>,
    bookmark: Box<dyn Bookmark>,
    said: Said,
}

/// What the events have told.
#[derive(Default)]
struct Said {
    collector: Collector,
    open: Option<Kind>,
    size: usize,
    /// Nobody can go on with it.
    is_closed: bool,
}

impl Shown {
    pub fn new(client: Format) -> Shown {
        let codec = codec(client);
        Shown {
            framing: Framing::default(),
            reader: codec.reader(""),
            bookmark: codec.bookmark(),
            said: Said::default(),
        }
    }

    /// These bytes go to the client.
    pub fn see(&mut self, bytes: &Bytes) {
        if self.said.is_closed {
            return;
        }
        let Ok(runs) = self.framing.push(bytes.clone()) else {
            return self.said.close();
        };
        for run in &runs {
            for event in sse::events(run) {
                if let Some(data) = &event.data {
                    self.bookmark.see(event.name, data);
                    let said = &mut self.said;
                    let heard = self
                        .reader
                        .read(event.name, data, &mut |event| said.see(event));
                    if heard.is_err() {
                        said.close();
                    }
                }
            }
        }
    }

    /// Whether another answer may go on with it.
    pub fn is_open(&self) -> bool {
        !self.said.is_closed && self.bookmark.is_open()
    }

    /// What is given to a vendor to go on from: the text without the white space at its end, which vendors refuse there.
    /// `None`: there is none.
    pub fn partial(&self) -> Option<String> {
        let text = self.text();
        let partial = text.trim_end();
        (!partial.is_empty()).then(|| partial.to_owned())
    }

    /// How the other answer is told to the client. `None`: the stream stands where none can go on.
    pub fn resume(&self, way: Way, mut telling: Telling) -> Option<(Seam, Box<dyn EventWriter>)> {
        if !self.is_open() {
            return None;
        }
        let reply = self.said.collector.so_far();
        if !reply.start.id.is_empty() {
            telling.own_id = reply.start.id.clone().into_owned();
        }
        let now = telling.now;
        let (writer, open) = self.bookmark.writer(telling, reply, self.said.open)?;
        let mut start = reply.start.clone();
        // The time of the first answer stays that of the stream.
        start.created = start.created.or(Some(now));
        let (thinking, text) = (self.thinking(), self.text());
        Some((Seam::new(way, start, (thinking, text), open), writer))
    }

    fn text(&self) -> String {
        self.joined(|part, out| {
            if let Body::Text(text) = &part.body {
                out.push_str(&text.text);
            }
        })
    }

    fn thinking(&self) -> String {
        self.joined(|part, out| {
            if let Body::Thinking(thinking) = &part.body {
                out.extend(thinking.summaries.iter().map(|summary| &**summary));
                out.push_str(&thinking.text);
            }
        })
    }

    fn joined(&self, add: impl Fn(&Part<'_>, &mut String)) -> String {
        let mut out = String::new();
        for part in parts(self.said.collector.so_far()) {
            add(part, &mut out);
        }
        out
    }
}

/// The parts of the one answer.
pub(super) fn parts<'r>(reply: &'r Reply<'static>) -> &'r [Part<'static>] {
    reply
        .choices
        .first()
        .map_or(&[][..], |choice| choice.parts.as_slice())
}

impl Said {
    fn close(&mut self) {
        *self = Said {
            is_closed: true,
            ..Said::default()
        };
    }

    fn see(&mut self, event: Event<'_>) {
        if self.is_closed {
            return;
        }
        if !self.may_go_on(&event) || self.size > MOST {
            return self.close();
        }
        match &event {
            Event::Open { part, .. } => self.open = Kind::of(&part.body),
            Event::Close { .. } => self.open = None,
            Event::Start(_)
            | Event::Delta { .. }
            | Event::Stop { .. }
            | Event::Usage(_)
            | Event::Tier(_)
            | Event::End => {}
        }
        self.collector.push(event);
    }

    fn may_go_on(&mut self, event: &Event<'_>) -> bool {
        match event {
            Event::Start(_) | Event::Usage(_) | Event::Tier(_) => true,
            Event::Open { choice, part } => *choice == 0 && Kind::of(&part.body).is_some(),
            Event::Close { choice } => *choice == 0,
            Event::Delta { choice, delta } => {
                let words = match delta {
                    Delta::Text(words) | Delta::Thinking(words) | Delta::Summary(words) => {
                        words.len()
                    }
                    Delta::Seal(_) | Delta::NextSummary => 0,
                    Delta::Refusal(_)
                    | Delta::Arguments(_)
                    | Delta::Citation(_)
                    | Delta::Logprobs(_)
                    | Delta::Audio(_)
                    | Delta::Transcript(_) => return false,
                };
                self.size += words;
                *choice == 0
            }
            Event::Stop { .. } | Event::End => false,
        }
    }
}

#[cfg(test)]
mod tests;
