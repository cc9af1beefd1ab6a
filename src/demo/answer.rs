//! From a vendor's proper answer, and the step that a script has for it, to the pieces that go out.

use std::io::Write;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use super::body::Piece;
use super::complaint::ErrorKind;
use super::connection::Fate;
use super::fault::{Break, Coding, Fault, Place, Step};

/// A proper answer in a vendor's format.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) content_type: &'static str,
    pub(super) payload: Payload,
}

#[derive(Debug, Clone)]
pub(super) enum Payload {
    Whole(Bytes),
    Events(Vec<Event>),
    /// A JSON array that comes bit by bit: every event is an element of it, bare.
    Elements(Vec<Event>),
}

/// A part of a stream: a server-sent event ready to go out, blank line and all, or an element of an array.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) part: Part,
    pub(super) bytes: Bytes,
}

/// What an event is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Tells nothing yet: roles, the starts of things, pings.
    Preamble,
    Content,
    /// Says that and why the answer ended, or what it cost.
    Finish,
    Terminal,
}

impl Answer {
    pub(super) fn json(text: String) -> Answer {
        Answer {
            content_type: "application/json",
            payload: Payload::Whole(text.into()),
        }
    }

    pub(super) fn stream(events: Vec<Event>) -> Answer {
        Answer {
            content_type: "text/event-stream; charset=utf-8",
            payload: Payload::Events(events),
        }
    }
}

/// A reply, head and body, as it goes out.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) pieces: Vec<Piece>,
    /// The length that the head announces.
    pub(super) length: Option<u64>,
    /// Time before the head.
    pub(super) delay: Duration,
}

impl Reply {
    /// A body in one part.
    pub(super) fn whole(status: u16, content_type: &str, body: impl Into<Bytes>) -> Reply {
        let body: Bytes = body.into();
        let length = Some(body.len() as u64);
        Reply {
            status,
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            pieces: if body.is_empty() {
                Vec::new()
            } else {
                vec![Piece::Data(body)]
            },
            length,
            delay: Duration::ZERO,
        }
    }

    /// An answer as this step lets it go out. `error` writes an error event in the answer's format.
    pub(super) fn stepped(
        answer: Answer,
        step: &Step,
        error: impl Fn(ErrorKind) -> Bytes,
    ) -> Reply {
        let mut reply = match answer.payload {
            Payload::Whole(body) => whole(
                Reply::whole(200, answer.content_type, body.clone()),
                &body,
                step,
            ),
            Payload::Events(events) => {
                let (events, tail) = broken_off(events, step, error);
                flowing(
                    answer.content_type,
                    paced_events(&events, step, tail, Comments::Allowed),
                )
            }
            Payload::Elements(elements) => {
                let (elements, tail) = broken_off(elements, step, error);
                let closed = tail.is_none();
                flowing(
                    answer.content_type,
                    paced_events(&listed(elements, closed), step, tail, Comments::Senseless),
                )
            }
        };
        for fault in &step.faults {
            reply.alter(fault);
        }
        reply
    }

    /// Changes that are about bytes, not about meaning.
    fn alter(&mut self, fault: &Fault) {
        match fault {
            Fault::SlowHead(time) => self.delay += *time,
            Fault::Compressed(coding) => self.compress(*coding),
            Fault::OneByteChunks => self.split(|_| true),
            Fault::SplitUtf8 => self.split(|byte| (0x80..0xc0).contains(&byte)),
            _ => {}
        }
    }

    /// Cuts the data before every byte that `at` names.
    fn split(&mut self, at: impl Fn(u8) -> bool) {
        let mut pieces = Vec::with_capacity(self.pieces.len());
        for piece in self.pieces.drain(..) {
            let Piece::Data(mut data) = piece else {
                pieces.push(piece);
                continue;
            };
            while !data.is_empty() {
                let next = data.iter().skip(1).position(|b| at(*b));
                let part = data.split_to(next.map_or(data.len(), |n| n + 1));
                pieces.extend([Piece::Data(part), Piece::Flush]);
            }
        }
        self.pieces = pieces;
    }

    /// All data in one coded part; what happens behind it still does.
    fn compress(&mut self, coding: Coding) {
        let mut plain = BytesMut::new();
        let mut after = Vec::new();
        for piece in self.pieces.drain(..) {
            match piece {
                Piece::Data(data) => plain.extend_from_slice(&data),
                Piece::Stall | Piece::Cut | Piece::Seal(_) => after.push(piece),
                Piece::Flush | Piece::Pause(_) => {}
            }
        }
        let (name, coded) = encode(coding, &plain);
        self.headers
            .push(("content-encoding".to_owned(), name.to_owned()));
        self.length = self.length.map(|_| coded.len() as u64);
        self.pieces = vec![Piece::Data(coded.into()), Piece::Flush];
        self.pieces.extend(after);
    }
}

fn encode(coding: Coding, plain: &[u8]) -> (&'static str, Vec<u8>) {
    let mut coded = Vec::new();
    let (name, written) = match coding {
        Coding::Gzip => {
            let mut gzip = flate2::write::GzEncoder::new(&mut coded, flate2::Compression::fast());
            (
                "gzip",
                gzip.write_all(plain).and_then(|()| gzip.try_finish()),
            )
        }
        Coding::Br => {
            // Finishes when dropped.
            let mut brotli = brotli::CompressorWriter::new(&mut coded, 4096, 4, 20);
            ("br", brotli.write_all(plain))
        }
        Coding::Zstd => ("zstd", zstd::stream::copy_encode(plain, &mut coded, 1)),
    };
    if let Err(error) = written {
        log::error!("demo: compression into memory failed: {error}");
    }
    (name, coded)
}

/// A body without an announced length.
fn flowing(content_type: &str, pieces: Vec<Piece>) -> Reply {
    Reply {
        pieces,
        length: None,
        ..Reply::whole(200, content_type, Bytes::new())
    }
}

/// The faults of a step that concern the sequence: where it breaks, and its pace.
fn broken(step: &Step) -> Option<(Place, Break)> {
    step.find(|f| match f {
        Fault::Break { at, how } => Some((*at, *how)),
        _ => None,
    })
}

fn end(how: Break) -> Option<Piece> {
    match how {
        Break::Stall => Some(Piece::Stall),
        Break::Close => Some(Piece::Cut),
        Break::Reset => Some(Piece::Seal(Fate::Reset)),
        Break::End | Break::Error(_) => None,
    }
}

fn whole(mut reply: Reply, body: &Bytes, step: &Step) -> Reply {
    let mut body = body.clone();
    let broken = broken(step).and_then(|(at, how)| Some((at, end(how)?)));
    if let Some((at, _)) = &broken {
        let at = match at {
            Place::Start => 0,
            Place::Bytes(n) => (*n).min(body.len()),
            _ => body.len() / 2,
        };
        body.truncate(at);
    }
    let pace = step.find(|f| match f {
        Fault::SlowBody(time) => Some(*time),
        _ => None,
    });
    reply.pieces = match pace {
        Some(time) => paced(body, time),
        None if body.is_empty() => Vec::new(),
        None => vec![Piece::Data(body)],
    };
    reply
        .pieces
        .extend(broken.into_iter().flat_map(|(_, end)| [Piece::Flush, end]));
    reply.delay += first_token(step);
    reply
}

fn paced(mut body: Bytes, time: Duration) -> Vec<Piece> {
    let part = body.len().div_ceil(10).max(1);
    let mut pieces = Vec::new();
    while !body.is_empty() {
        let part = body.split_to(part.min(body.len()));
        pieces.extend([Piece::Pause(time), Piece::Data(part), Piece::Flush]);
    }
    pieces
}

fn first_token(step: &Step) -> Duration {
    let time = step.find(|f| match f {
        Fault::SlowFirstToken(time) => Some(*time),
        _ => None,
    });
    time.unwrap_or_default()
}

/// The events that the step leaves, and what happens behind them.
fn broken_off(
    mut events: Vec<Event>,
    step: &Step,
    error: impl Fn(ErrorKind) -> Bytes,
) -> (Vec<Event>, Option<Piece>) {
    if let Some(at) = step.find(|f| match f {
        Fault::MalformedEventAt(at) => Some(*at),
        _ => None,
    }) {
        let at = place(&events, Place::Events(at));
        if let Some(torn) = events.get(at).map(torn) {
            events.insert(at, torn);
        }
    }
    let mut tail = None;
    if let Some((at, how)) = broken(step) {
        events.truncate(place(&events, at));
        tail = end(how);
        if let Break::Error(kind) = how {
            let (part, bytes) = (Part::Terminal, error(kind));
            events.push(Event { part, bytes });
        }
    }
    (events, tail)
}

/// Elements as an array, with white space where Google's servers have it.
fn listed(elements: Vec<Event>, closed: bool) -> Vec<Event> {
    let mut events = Vec::with_capacity(elements.len() + 1);
    for (i, element) in elements.into_iter().enumerate() {
        let mut bytes = BytesMut::from(if i == 0 { &b"["[..] } else { b"\n,\r\n" });
        bytes.extend_from_slice(&element.bytes);
        let bytes = bytes.freeze();
        events.push(Event { bytes, ..element });
    }
    if closed {
        let bytes = if events.is_empty() { "[]" } else { "\n]" };
        events.push(Event {
            part: Part::Terminal,
            bytes: bytes.into(),
        });
    }
    events
}

/// The same event with the second half of its JSON missing.
fn torn(event: &Event) -> Event {
    let text = String::from_utf8_lossy(&event.bytes);
    let end = ["\r\n\r\n", "\n\n"]
        .into_iter()
        .find(|end| text.ends_with(end))
        .unwrap_or_default();
    let start = text.find("data: ").map_or(0, |at| at + "data: ".len());
    let mut half = start + (text.trim_end().len().saturating_sub(start)) / 2;
    while !text.is_char_boundary(half) {
        half -= 1;
    }
    Event {
        part: Part::Content,
        bytes: format!("{}{end}", text.get(..half).unwrap_or_default()).into(),
    }
}

/// How many events stand before this place.
fn place(events: &[Event], at: Place) -> usize {
    let first = |parts: &[Part]| {
        let found = events.iter().position(|e| parts.contains(&e.part));
        found.unwrap_or(events.len())
    };
    match at {
        Place::Start => 0,
        Place::Preamble => first(&[Part::Content, Part::Finish, Part::Terminal]),
        Place::Content => first(&[Part::Finish, Part::Terminal]),
        Place::Finish => first(&[Part::Terminal]),
        Place::Bytes(_) => events.len(),
        Place::Events(n) => {
            let content = events
                .iter()
                .enumerate()
                .filter(|(_, e)| e.part == Part::Content);
            let last = match n.checked_sub(1) {
                Some(before) => content.map(|(i, _)| i + 1).nth(before),
                None => Some(first(&[Part::Content, Part::Finish, Part::Terminal])),
            };
            last.unwrap_or_else(|| first(&[Part::Finish, Part::Terminal]))
        }
    }
}

/// Whether comments may stand between the events.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Comments {
    Allowed,
    Senseless,
}

fn paced_events(
    events: &[Event],
    step: &Step,
    tail: Option<Piece>,
    comments: Comments,
) -> Vec<Piece> {
    let crlf = step.has(&Fault::CrLf);
    let comments = comments == Comments::Allowed && step.has(&Fault::Comments);
    let pace = step.find(|f| match f {
        Fault::SlowBody(time) => Some(*time),
        _ => None,
    });
    let first = events.iter().position(|e| e.part == Part::Content);
    let mut pieces = Vec::with_capacity(events.len() * 2 + 1);
    for (i, event) in events.iter().enumerate() {
        if first == Some(i) && !first_token(step).is_zero() {
            pieces.push(Piece::Pause(first_token(step)));
        }
        pieces.extend(pace.map(Piece::Pause));
        if comments {
            pieces.push(Piece::Data(Bytes::from_static(b": still here\n\n")));
        }
        pieces.extend([Piece::Data(framed(&event.bytes, crlf)), Piece::Flush]);
    }
    if let Some((Place::Bytes(n), _)) = broken(step) {
        cut_bytes(&mut pieces, n);
    }
    pieces.extend(tail);
    pieces
}

fn framed(event: &Bytes, crlf: bool) -> Bytes {
    if !crlf {
        return event.clone();
    }
    let text = String::from_utf8_lossy(event).replace("\r\n", "\n");
    text.replace('\n', "\r\n").into()
}

fn cut_bytes(pieces: &mut Vec<Piece>, bytes: usize) {
    let mut left = bytes;
    pieces.retain_mut(|piece| {
        let Piece::Data(data) = piece else {
            return left > 0;
        };
        data.truncate(left);
        left -= data.len();
        !data.is_empty()
    });
    pieces.push(Piece::Flush);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Answer {
        let event = |part, text: &'static str| Event {
            part,
            bytes: Bytes::from_static(text.as_bytes()),
        };
        Answer::stream(vec![
            event(Part::Preamble, "role\n\n"),
            event(Part::Content, "one\n\n"),
            event(Part::Content, "zw\u{f6}lf\n\n"),
            event(Part::Finish, "stop\n\n"),
            event(Part::Terminal, "done\n\n"),
        ])
    }

    fn sent(step: impl Into<Step>) -> (String, Option<Piece>) {
        let reply = Reply::stepped(answer(), &step.into(), |_| Bytes::from_static(b"error\n\n"));
        let mut text = Vec::new();
        let mut tail = None;
        for piece in reply.pieces {
            match piece {
                Piece::Data(data) => text.extend_from_slice(&data),
                Piece::Stall | Piece::Cut | Piece::Seal(_) => tail = Some(piece),
                Piece::Flush | Piece::Pause(_) => {}
            }
        }
        (String::from_utf8_lossy(&text).replace("\n\n", " "), tail)
    }

    #[test]
    fn a_stream_breaks_where_the_step_says() {
        let at = |place| sent(Step::broken(place, Break::Close));
        assert_eq!(at(Place::Start), (String::new(), Some(Piece::Cut)));
        assert_eq!(at(Place::Preamble).0, "role ");
        assert_eq!(at(Place::Events(0)).0, "role ");
        assert_eq!(at(Place::Events(1)).0, "role one ");
        assert_eq!(at(Place::Events(9)).0, "role one zw\u{f6}lf ");
        assert_eq!(at(Place::Content).0, "role one zw\u{f6}lf ");
        assert_eq!(at(Place::Finish).0, "role one zw\u{f6}lf stop ");
        assert_eq!(at(Place::Bytes(9)).0, "role one");
    }

    #[test]
    fn a_break_ends_the_body_cleanly_in_an_error_or_not_at_all() {
        let how = |how| sent(Step::broken(Place::Preamble, how));
        assert_eq!(how(Break::End), ("role ".to_owned(), None));
        assert_eq!(how(Break::Error(ErrorKind::Internal)).0, "role error ");
        assert_eq!(how(Break::Stall).1, Some(Piece::Stall));
        assert_eq!(how(Break::Reset).1, Some(Piece::Seal(Fate::Reset)));
    }

    #[test]
    fn a_list_is_closed_unless_the_connection_breaks_off() {
        let sent = |step: Step| {
            let element = |text: &'static str| Event {
                part: Part::Content,
                bytes: Bytes::from_static(text.as_bytes()),
            };
            let list = Answer {
                content_type: "application/json",
                payload: Payload::Elements(vec![element("1"), element("2")]),
            };
            let reply = Reply::stepped(list, &step, |_| Bytes::from_static(b"error"));
            let mut text = Vec::new();
            for piece in reply.pieces {
                if let Piece::Data(data) = piece {
                    text.extend_from_slice(&data);
                }
            }
            String::from_utf8(text).unwrap()
        };
        let broken = |at, how| sent(Step::broken(at, how));
        assert_eq!(sent(Step::answer()), "[1\n,\r\n2\n]");
        assert_eq!(broken(Place::Events(1), Break::End), "[1\n]");
        assert_eq!(broken(Place::Start, Break::End), "[]");
        assert_eq!(broken(Place::Events(1), Break::Close), "[1");
        let error = Break::Error(ErrorKind::Internal);
        assert_eq!(broken(Place::Events(1), error), "[1\n,\r\nerror\n]");
    }

    #[test]
    fn bytes_are_split_and_framed_but_not_changed() {
        let plain = sent(Step::answer()).0;
        assert_eq!(sent(Fault::OneByteChunks).0, plain);
        assert_eq!(sent(Fault::SplitUtf8).0, plain);
        assert_eq!(sent(Fault::CrLf).0.replace("\r\n\r\n", " "), plain);
        let reply = Reply::stepped(answer(), &Fault::SplitUtf8.into(), |_| Bytes::new());
        let parts = reply.pieces.iter().filter(|p| matches!(p, Piece::Data(_)));
        assert_eq!(parts.count(), 6);
    }

    #[test]
    fn a_whole_body_is_cut_in_half_under_its_full_length() {
        let step = Step::broken(Place::Events(3), Break::Close);
        let reply = Reply::stepped(Answer::json("0123456789".to_owned()), &step, |_| {
            Bytes::new()
        });
        assert_eq!(reply.length, Some(10));
        let half = Piece::Data(Bytes::from_static(b"01234"));
        assert_eq!(reply.pieces, [half, Piece::Flush, Piece::Cut]);
    }
}
