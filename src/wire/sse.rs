//! Server-sent events (WHATWG HTML, 9.2 "Server-sent events"): where one ends, and what it says.
//!
//! Lines may end in LF, CR or CRLF, also mixed; a byte order mark may stand first; the bytes may be cut anywhere. An event
//! goes from its first line to the blank line after it, so that all events together are all bytes of the stream. A line
//! feed that comes late, behind a carriage return that has already ended an event, is an event of its own without fields.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use memchr::{memchr2, memrchr2};

/// The largest event that is waited for: images come as one base64 string in one event, nothing else comes near.
pub const MAX_EVENT: usize = 16 << 20;

/// An event is larger than [`MAX_EVENT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

/// Cuts a stream of bytes into whole events, and keeps the one that is not complete yet.
#[derive(Debug, Default)]
pub struct Framing {
    /// The beginning of an event whose end has not come. Bounded by [`MAX_EVENT`].
    tail: BytesMut,
    /// Where in its lines `tail` stops.
    line: Line,
}

/// Where in the lines of an event a position is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Line {
    #[default]
    Start,
    Inside,
    /// Behind a carriage return that ended a line with something in it: a line feed here belongs to it.
    Return,
}

impl Framing {
    /// Takes what came and gives the events that are whole now: first the one that was begun before (joined, the only one
    /// that is copied), then the run of those that `chunk` holds from beginning to end (a slice of it, or all of it). Either
    /// may be empty.
    pub fn push(&mut self, mut chunk: Bytes) -> Result<[Bytes; 2], TooLarge> {
        let mut joined = Bytes::new();
        if !self.tail.is_empty() {
            let Some(end) = event_end(&chunk, &mut self.line) else {
                self.hold(&chunk)?;
                return Ok([joined, Bytes::new()]);
            };
            self.hold(&chunk.split_to(end))?;
            joined = self.tail.split().freeze();
        }
        let whole = chunk.split_to(runs_until(&chunk));
        if !chunk.is_empty() {
            self.line = Line::Start;
            // It has no end: only the position in its lines is wanted.
            let _none = event_end(&chunk, &mut self.line);
            self.hold(&chunk)?;
        }
        Ok([joined, whole])
    }

    /// The stream is over: gives back the event that was not complete.
    pub fn finish(&mut self) -> Bytes {
        self.line = Line::Start;
        self.tail.split().freeze()
    }

    fn hold(&mut self, part: &[u8]) -> Result<(), TooLarge> {
        if self.tail.len() + part.len() > MAX_EVENT {
            return Err(TooLarge);
        }
        self.tail.extend_from_slice(part);
        Ok(())
    }
}

/// What stands in one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event<'a> {
    /// All of it, with the blank line that ends it.
    pub bytes: &'a [u8],
    /// The value of the last `event` line.
    pub name: Option<&'a [u8]>,
    /// The values of its `data` lines, joined by line feeds.
    pub data: Option<Cow<'a, [u8]>>,
    pub kind: Lines,
}

/// Which lines an event is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lines {
    /// Only the blank one.
    Blank,
    /// Comments.
    Comments,
    /// Something that is no field of an event; whatever it is (a page, bare JSON), a client does not see it.
    Foreign,
    /// At least one field.
    Fields,
}

/// The events in a run of whole events. An end without a blank line ends the last one.
pub fn events(run: &[u8]) -> impl Iterator<Item = Event<'_>> {
    let mut rest = run;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let event = fields(rest);
        rest = rest.get(event.bytes.len()..).unwrap_or_default();
        Some(event)
    })
}

/// Reads the event with which `bytes` begin, up to its blank line or the end.
///
/// A byte order mark is passed over wherever an event begins, not only at the beginning of the stream.
pub fn fields(bytes: &[u8]) -> Event<'_> {
    let mut event = Event {
        bytes,
        name: None,
        data: None,
        kind: Lines::Blank,
    };
    let mut rest = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
    while !rest.is_empty() {
        let (line, after) = split_line(rest);
        rest = after;
        if line.is_empty() {
            break;
        }
        let kind = event.line(line);
        event.kind = event.kind.max(kind);
    }
    event.bytes = bytes.get(..bytes.len() - rest.len()).unwrap_or(bytes);
    event
}

impl<'a> Event<'a> {
    #[inline]
    fn line(&mut self, line: &'a [u8]) -> Lines {
        if let Some(value) = value_of(b"data", line) {
            self.data = Some(match self.data.take() {
                None => Cow::Borrowed(value),
                Some(before) => Cow::Owned([&before, &b"\n"[..], value].concat()),
            });
        } else if let Some(value) = value_of(b"event", line) {
            self.name = Some(value);
        } else if line.first() == Some(&b':') {
            return Lines::Comments;
        } else if value_of(b"id", line).is_none() && value_of(b"retry", line).is_none() {
            return Lines::Foreign;
        }
        Lines::Fields
    }
}

/// The value of the field `name`, if the line is that: what stands after the colon and at most one space.
#[inline]
fn value_of<'a>(name: &[u8], line: &'a [u8]) -> Option<&'a [u8]> {
    match line.strip_prefix(name)? {
        [b':', b' ', value @ ..] | [b':', value @ ..] => Some(value),
        [] => Some(&[]),
        _ => None,
    }
}

/// The first line without its end, and what comes after that.
#[inline]
fn split_line(bytes: &[u8]) -> (&[u8], &[u8]) {
    let Some(at) = memchr2(b'\n', b'\r', bytes) else {
        return (bytes, &[]);
    };
    match bytes.split_at_checked(at) {
        Some((line, [b'\r', b'\n', rest @ ..] | [_, rest @ ..])) => (line, rest),
        _ => (bytes, &[]),
    }
}

/// The offset behind the first blank line, or `None` and in `line` where the bytes stop.
fn event_end(bytes: &[u8], line: &mut Line) -> Option<usize> {
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if *line == Line::Inside {
            let step = memchr2(b'\n', b'\r', bytes.get(at..).unwrap_or_default())?;
            at += step;
            *line = match bytes.get(at) {
                Some(b'\r') => Line::Return,
                _ => Line::Start,
            };
            at += 1;
        } else if *line == Line::Return {
            at += usize::from(byte == b'\n');
            *line = Line::Start;
        } else {
            match byte {
                b'\n' => return Some(at + 1),
                b'\r' => return Some(at + 1 + usize::from(bytes.get(at + 1) == Some(&b'\n'))),
                _ => *line = Line::Inside,
            }
        }
    }
    None
}

/// The offset behind the last blank line of bytes that begin with an event. Looks from the end, since a chunk mostly ends
/// where an event does.
fn runs_until(bytes: &[u8]) -> usize {
    let mut end = bytes.len();
    while let Some(at) = memrchr2(b'\n', b'\r', bytes.get(..end).unwrap_or_default()) {
        let before = |at: usize| at.checked_sub(1).and_then(|i| bytes.get(i));
        let is_pair = bytes.get(at) == Some(&b'\n') && before(at) == Some(&b'\r');
        end = at - usize::from(is_pair);
        if matches!(before(end), None | Some(b'\n' | b'\r')) {
            return at + 1;
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(parts: &[&[u8]]) -> (Vec<Vec<u8>>, Vec<u8>) {
        let mut framing = Framing::default();
        let mut found = Vec::new();
        for part in parts {
            for run in framing.push(Bytes::copy_from_slice(part)).unwrap() {
                found.extend(events(&run).map(|event| event.bytes.to_vec()));
            }
        }
        (found, framing.finish().to_vec())
    }

    /// Name and data.
    type Said = (Option<Vec<u8>>, Option<Vec<u8>>);

    const STREAMS: &[&str] = &[
        "data: a\n\ndata: b\n\n",
        "data: a\r\n\r\ndata: b\r\n\r\n",
        "data: a\r\rdata: b\r\r",
        "data: a\n\r\nevent: x\r\ndata: b\n\n: c\r\r\ndata",
        "\u{FEFF}data: a\n\n\n\n\r\n\rdata: b\n",
        "data: é漢\n\ndata:b\n\n",
        "",
    ];

    #[test]
    fn any_cut_gives_the_same_bytes_and_the_same_fields() {
        for stream in STREAMS {
            let bytes = stream.as_bytes();
            let (whole, tail) = framed(&[bytes]);
            assert_eq!([whole.concat(), tail.clone()].concat(), bytes);
            let said = |events: &[Vec<u8>]| -> Vec<Said> {
                let read = events
                    .iter()
                    .map(|bytes| fields(bytes))
                    .filter(|event| event.kind != Lines::Blank);
                read.map(|event| {
                    (
                        event.name.map(<[u8]>::to_vec),
                        event.data.map(Cow::into_owned),
                    )
                })
                .collect()
            };
            for one in 0..=bytes.len() {
                for two in one..=bytes.len() {
                    let (events, rest) = framed(&[&bytes[..one], &bytes[one..two], &bytes[two..]]);
                    assert_eq!(
                        events.concat(),
                        whole.concat(),
                        "{stream:?} at {one}, {two}"
                    );
                    assert_eq!(said(&events), said(&whole), "{stream:?} at {one}, {two}");
                    assert_eq!(rest, tail);
                }
            }
        }
    }

    #[test]
    fn an_event_is_given_as_soon_as_its_blank_line_begins_to_end() {
        for stream in ["data: a\n\n", "data: a\r\r", "data: a\r\n\r"] {
            assert_eq!(framed(&[stream.as_bytes()]).0.len(), 1, "{stream:?}");
        }
        assert_eq!(framed(&[b"data: a\r\n"]).0.len(), 0);
    }

    #[test]
    fn whole_events_are_not_copied() {
        let chunk = Bytes::from_static(b"data: a\n\ndata: b\n\nda");
        let [joined, whole] = Framing::default().push(chunk.clone()).unwrap();
        assert!(joined.is_empty());
        assert_eq!((whole.as_ptr(), whole.len()), (chunk.as_ptr(), 18));
    }

    #[test]
    fn fields_are_read_in_all_their_spellings() {
        let event = fields(b"\xEF\xBB\xBFevent:x\n: note\ndata:a\r\ndata: b\rdata\nid: 7\nretry: 1\n\ndata: next\n\n");
        assert_eq!(event.name, Some(&b"x"[..]));
        assert_eq!(event.data.as_deref(), Some(&b"a\nb\n"[..]));
        assert_eq!(event.kind, Lines::Fields);
        assert!(event.bytes.ends_with(b"retry: 1\n\n"));
        assert_eq!(
            fields(b"data:  two spaces\n\n").data.as_deref(),
            Some(&b" two spaces"[..])
        );
        assert_eq!(fields(b"database: x\n\n").kind, Lines::Foreign);
        assert_eq!(fields(b": note\n\n").kind, Lines::Comments);
        assert_eq!(fields(b"{\"error\": 1}\n\n").kind, Lines::Foreign);
        assert_eq!(fields(b"\n").kind, Lines::Blank);
    }

    #[test]
    fn an_event_without_end_is_given_up() {
        let mut framing = Framing::default();
        let part = Bytes::from(vec![b'x'; MAX_EVENT / 4]);
        for _ in 0..4 {
            assert!(framing.push(part.clone()).is_ok());
        }
        assert_eq!(framing.push(Bytes::from_static(b"x")), Err(TooLarge));
    }
}
