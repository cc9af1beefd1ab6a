//! A stream on its way from one format to another.

use std::borrow::Cow;

use bytes::Bytes;

use super::adapt::{Adaptation, unwrapped};
use super::loss::Losses;
use super::seals::{Issuer, Keeping, Keepsake};
use super::target::Telling;
use crate::ir::{
    Arguments, Body, Collector, Delta, Event, Fault, Format, Part, Reply, StopReason, Usage,
};
use crate::wire::error::{broken_answer, translate};
use crate::wire::json::on_one_line;
use crate::wire::relay::{End, Progress};
use crate::wire::sse::{self, Framing, Lines};
use crate::wire::{Choices, Codec, EventKind, EventReader, EventWriter, Unheard, codec};

pub(super) const NOTHING_SAID: &str = "the model's answer broke off before it said anything";
const TOO_EARLY: &str = "the provider's stream ended before the answer was complete";

/// The stream machine of converted traffic: a vendor's bytes in, a client's bytes out, by the same rules as
/// [`crate::wire::relay::Relay`]'s.
pub struct Transcode {
    framing: Framing,
    /// The vendor's format and the client's.
    way: (Format, Format),
    codec: &'static dyn Codec,
    reader: Box<dyn EventReader>,
    line: Line,
    malformed: u32,
    events: u64,
    failed: bool,
    said_error: bool,
}

/// The way of the events behind the reader.
struct Line {
    back: Adaptation,
    /// The arguments of the open call, which are free text for the client and come in an object.
    free: Option<(u32, String)>,
    keeping: Keeping,
    takes_call_seals: bool,
    /// The choice whose open part is a call.
    in_call: Option<u32>,
    sink: Sink,
    out: Vec<u8>,
    seen: Seen,
}

/// Where the events end.
enum Sink {
    /// As a stream, in the client's format.
    Stream(Box<dyn EventWriter>),
    /// As one answer, for a client that wants no stream.
    Whole(Box<Collector>),
}

/// What the answer has told so far.
#[derive(Debug, Default)]
struct Seen {
    content: bool,
    /// Something but reasoning.
    said: bool,
    done: bool,
    /// An end came and no choice had a reason to end: relays write it also when what they relayed was cut.
    early: bool,
    finished: Choices,
    /// It ended for no good reason, and there is nothing in it but reasoning.
    is_nothing: bool,
    /// The choices that call tools.
    called: Choices,
    usage: Usage,
    model: Option<String>,
}

/// What a stream becomes, and what goes with it.
pub struct Course {
    pub from: Issuer,
    pub client: Format,
    pub back: Adaptation,
    pub telling: Telling,
}

impl Transcode {
    /// A stream that stays one.
    pub fn stream(course: Course) -> Transcode {
        let writer = codec(course.client).writer(course.telling.clone());
        Transcode::new(course, Sink::Stream(writer))
    }

    /// A stream that becomes one answer: ask for it by [`into_reply`](Transcode::into_reply).
    pub fn whole(course: Course) -> Transcode {
        Transcode::new(course, Sink::Whole(Box::default()))
    }

    fn new(course: Course, sink: Sink) -> Transcode {
        Transcode {
            framing: Framing::default(),
            way: (course.from.format, course.client),
            codec: codec(course.from.format),
            reader: codec(course.from.format).reader(&course.telling.seed),
            line: Line {
                back: course.back,
                free: None,
                keeping: Keeping::new(course.from),
                takes_call_seals: takes_call_seals(course.client),
                in_call: None,
                sink,
                out: Vec::new(),
                seen: Seen::default(),
            },
            malformed: 0,
            events: 0,
            failed: false,
            said_error: false,
        }
    }

    /// Takes what came from the vendor and appends what goes to the client.
    ///
    /// # Errors
    /// As [`crate::wire::relay::Relay::push`].
    pub fn push(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        if self.failed {
            return Ok(());
        }
        let runs = self.framing.push(chunk).map_err(|sse::TooLarge| {
            self.failed = true;
            broken_answer("the provider sent an event that is too large")
        })?;
        let mut ended = Ok(());
        'all: for run in &runs {
            for event in sse::events(run) {
                ended = self.take(&event);
                if ended.is_err() {
                    break 'all;
                }
            }
        }
        self.flush(out);
        ended.inspect_err(|_| self.failed = true)
    }

    /// The transport has ended.
    ///
    /// # Errors
    /// As [`crate::wire::relay::Relay::finish`].
    pub fn finish(&mut self, end: End, out: &mut Vec<Bytes>) -> Result<(), Fault> {
        let tail = self.framing.finish();
        let ended = self.end(&tail, end);
        self.flush(out);
        ended.inspect_err(|_| self.failed = true)
    }

    fn end(&mut self, tail: &[u8], end: End) -> Result<(), Fault> {
        if self.line.seen.done {
            return Ok(());
        }
        if !tail.is_empty() && !self.failed {
            let event = sse::fields(tail);
            match end {
                End::Clean => self.take(&event)?,
                // Only an error counts in what is cut.
                End::Cut => {
                    let data = event.data.as_deref().unwrap_or(tail);
                    let heard = self.reader.read(event.name, data, &mut |_| {});
                    if let Err(Unheard::Fault(fault)) = heard {
                        return Err(self.fail(*fault));
                    }
                }
            }
        }
        if end == End::Clean && !self.failed {
            let line = &mut self.line;
            self.reader.finish(&mut |event| line.pass(event));
        }
        match &self.line.seen {
            seen if seen.is_nothing => Err(broken_answer(NOTHING_SAID)),
            seen if seen.done => Ok(()),
            _ => Err(broken_answer(TOO_EARLY)),
        }
    }

    fn take(&mut self, event: &sse::Event<'_>) -> Result<(), Fault> {
        self.events += u64::from(event.kind == Lines::Fields);
        let data: &[u8] = match (&event.data, event.kind) {
            (_, Lines::Blank | Lines::Comments) | (None, Lines::Fields) => return Ok(()),
            (_, Lines::Foreign) => event.bytes.trim_ascii(),
            (Some(data), Lines::Fields) => data,
        };
        let data = on_one_line(data);
        let line = &mut self.line;
        // What follows the end is nobody's, but for what it cost.
        if line.seen.done {
            if let EventKind::Part(part) | EventKind::End(part) =
                self.codec.read_event(event.name, &data)
            {
                line.seen.usage.merge(part.usage);
            }
            return Ok(());
        }
        match self
            .reader
            .read(event.name, &data, &mut |event| line.pass(event))
        {
            Ok(()) if line.seen.early => Err(broken_answer(TOO_EARLY)),
            Ok(()) if line.seen.is_nothing => Err(broken_answer(NOTHING_SAID)),
            Ok(()) => Ok(()),
            Err(Unheard::Fault(fault)) => Err(self.fail(*fault)),
            Err(Unheard::Malformed) => {
                self.malformed = self.malformed.saturating_add(1);
                Ok(())
            }
        }
    }

    fn fail(&mut self, mut fault: Fault) -> Fault {
        self.said_error = true;
        translate(&mut fault, self.way, true);
        fault
    }

    fn flush(&mut self, out: &mut Vec<Bytes>) {
        let written = &mut self.line.out;
        if !written.is_empty() {
            out.push(Bytes::copy_from_slice(written));
            written.clear();
        }
    }

    /// Ends the client's stream with an error.
    pub fn write_fault(&mut self, fault: &Fault, out: &mut Vec<u8>) {
        if let Sink::Stream(writer) = &mut self.line.sink {
            writer.write_fault(fault, out);
        }
    }

    pub fn progress(&self) -> Progress {
        let seen = &self.line.seen;
        if seen.done {
            Progress::Done
        } else if seen.content {
            Progress::Content
        } else {
            Progress::Preamble
        }
    }

    /// How many events have come. Comments are none.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Whether the fault that [`push`](Transcode::push) or [`finish`](Transcode::finish) gave is the vendor's own word.
    pub fn said_error(&self) -> bool {
        self.said_error
    }

    pub fn usage(&self) -> Usage {
        self.line.seen.usage
    }

    pub fn model(&self) -> Option<&str> {
        self.line.seen.model.as_deref()
    }

    pub fn malformed(&self) -> u32 {
        self.malformed
    }

    /// What there is to remember since the last time.
    pub fn keepsakes(&mut self) -> Vec<Keepsake> {
        self.line.keeping.take()
    }

    /// What the client's format could not say.
    pub fn losses(&self) -> Losses {
        match &self.line.sink {
            Sink::Stream(writer) => writer.losses().clone(),
            Sink::Whole(_) => Losses::default(),
        }
    }

    /// The answer that was collected, if it was to be one.
    pub fn into_reply(self) -> Option<Reply<'static>> {
        match self.line.sink {
            Sink::Stream(_) => None,
            Sink::Whole(collector) => Some(collector.finish()),
        }
    }
}

/// Whether a format has a place for the seal of a call.
pub(super) fn takes_call_seals(client: Format) -> bool {
    match client {
        Format::OpenaiChat | Format::Gemini => true,
        Format::OpenaiResponses | Format::Anthropic => false,
    }
}

impl Line {
    fn pass(&mut self, event: Event<'_>) {
        self.seen.see(&event);
        if self.seen.early || self.seen.is_nothing {
            return;
        }
        let event = match event {
            Event::Stop { choice, mut stop } => {
                // Vendors say `stop` also where they call tools.
                if stop.reason == StopReason::End && self.seen.called.has(u64::from(choice)) {
                    stop.reason = StopReason::ToolUse;
                }
                Event::Stop { choice, stop }
            }
            event @ (Event::Start(_)
            | Event::Open { .. }
            | Event::Delta { .. }
            | Event::Close { .. }
            | Event::Usage(_)
            | Event::Tier(_)
            | Event::End) => event,
        };
        if let Some(event) = self.restore(event) {
            self.keeping.see(&event);
            if let Some(event) = self.unsealed(event) {
                self.write(event);
            }
        }
    }

    /// A call without its seal, which is kept by the call's id where the client's format has no place for it.
    fn unsealed<'e>(&mut self, event: Event<'e>) -> Option<Event<'e>> {
        if self.takes_call_seals {
            return Some(event);
        }
        match event {
            Event::Open { choice, mut part } => {
                self.in_call = matches!(part.body, Body::Call(_)).then_some(choice);
                if self.in_call.is_some() {
                    part.seal = None;
                }
                Some(Event::Open { choice, part })
            }
            Event::Delta {
                choice,
                delta: Delta::Seal(_),
            } if self.in_call == Some(choice) => None,
            event @ (Event::Start(_)
            | Event::Delta { .. }
            | Event::Close { .. }
            | Event::Stop { .. }
            | Event::Usage(_)
            | Event::Tier(_)
            | Event::End) => Some(event),
        }
    }

    fn write(&mut self, event: Event<'_>) {
        match &mut self.sink {
            Sink::Stream(writer) => writer.write(event, &mut self.out),
            Sink::Whole(collector) => collector.push(event),
        }
    }

    /// Gives calls back what they are to the client. Free text can only be told once the object around it is whole.
    fn restore<'e>(&mut self, event: Event<'e>) -> Option<Event<'e>> {
        if self.back.is_nothing() {
            return Some(event);
        }
        match event {
            Event::Open {
                choice,
                part:
                    Part {
                        at,
                        body: Body::Call(mut call),
                        cache,
                        seal,
                    },
            } => {
                if self.back.is_free(&call.name) {
                    self.free = Some((choice, String::new()));
                    call.arguments = Arguments::Json(Cow::Borrowed(""));
                    self.back.restore(&mut call);
                    call.arguments = Arguments::Free(Cow::Borrowed(""));
                } else {
                    self.back.restore(&mut call);
                }
                let part = Part {
                    at,
                    body: Body::Call(call),
                    cache,
                    seal,
                };
                Some(Event::Open { choice, part })
            }
            Event::Delta {
                choice,
                delta: Delta::Arguments(more),
            } => match &mut self.free {
                Some((open, held)) if *open == choice => {
                    held.push_str(&more);
                    None
                }
                _ => Some(Event::Delta {
                    choice,
                    delta: Delta::Arguments(more),
                }),
            },
            Event::Close { choice } => {
                if let Some((_, held)) = self.free.take_if(|(open, _)| *open == choice) {
                    let delta = Delta::Arguments(Cow::Owned(unwrapped(&held)));
                    let delta = Event::Delta { choice, delta };
                    self.keeping.see(&delta);
                    self.write(delta);
                }
                Some(Event::Close { choice })
            }
            event @ (Event::Start(_)
            | Event::Open { .. }
            | Event::Delta { .. }
            | Event::Stop { .. }
            | Event::Usage(_)
            | Event::Tier(_)
            | Event::End) => Some(event),
        }
    }
}

impl Seen {
    fn see(&mut self, event: &Event<'_>) {
        match event {
            Event::Start(start) => {
                if !start.model.is_empty() {
                    self.model = Some(start.model.clone().into_owned());
                }
            }
            Event::Open { choice, part } => {
                if let Body::Call(_) = part.body {
                    self.called.insert(u64::from(*choice));
                }
                match &part.body {
                    Body::Text(_) | Body::Refusal(_) | Body::Audio(_) => {}
                    Body::Thinking(thinking) => self.content |= thinking.redacted,
                    Body::Image(_)
                    | Body::Video(_)
                    | Body::Document(_)
                    | Body::Call(_)
                    | Body::Outcome(_)
                    | Body::Foreign(_) => {
                        self.content = true;
                        self.said = true;
                    }
                }
            }
            Event::Delta { delta, .. } => {
                let is_content = says_something(delta);
                self.content |= is_content;
                self.said |= is_content && !is_reasoning(delta);
            }
            Event::Stop { choice, stop } => {
                self.finished.insert(u64::from(*choice));
                self.is_nothing |= breaks_off(stop.reason) && !self.said;
            }
            Event::Usage(usage) => self.usage.merge(*usage),
            Event::End => {
                self.early = self.finished.is_empty();
                self.done = !self.early && !self.is_nothing;
            }
            Event::Close { .. } | Event::Tier(_) => {}
        }
    }
}

/// Whether an answer with nothing in it that ends so is none: a call that cannot be read, or a reason that no client of
/// another format is told, so that it would look like a good end.
pub(super) fn breaks_off(reason: StopReason) -> bool {
    matches!(reason, StopReason::MalformedCall | StopReason::Other)
}

fn is_reasoning(delta: &Delta<'_>) -> bool {
    matches!(
        delta,
        Delta::Thinking(_) | Delta::Summary(_) | Delta::Seal(_)
    )
}

fn says_something(delta: &Delta<'_>) -> bool {
    match delta {
        Delta::Text(text)
        | Delta::Refusal(text)
        | Delta::Thinking(text)
        | Delta::Summary(text)
        | Delta::Seal(text)
        | Delta::Arguments(text)
        | Delta::Audio(text)
        | Delta::Transcript(text) => !text.is_empty(),
        Delta::NextSummary | Delta::Citation(_) | Delta::Logprobs(_) => false,
    }
}
