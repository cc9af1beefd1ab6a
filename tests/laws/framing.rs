//! The framing against an oracle that splits the whole stream into lines first.

use bytes::Bytes;
use tidegate::wire::sse::{Framing, Lines, events, fields};

use super::ground::cut;

/// What an event says: its name, its data, and which lines it has.
type Said = (Option<Vec<u8>>, Option<Vec<u8>>, Lines);

/// However the bytes are cut, nothing of them is lost, and the whole events say what their lines say.
pub fn holds(bytes: &[u8], places: &[u16]) {
    let mut framing = Framing::default();
    let (mut came, mut said) = (Vec::new(), Vec::new());
    for part in cut(bytes, places) {
        for run in framing.push(Bytes::copy_from_slice(part)).unwrap() {
            for event in events(&run) {
                came.extend_from_slice(event.bytes);
                if event.kind != Lines::Blank {
                    let data = event.data.map(|data| data.into_owned());
                    said.push((event.name.map(<[u8]>::to_vec), data, event.kind));
                }
            }
        }
    }
    let tail = framing.finish();
    came.extend_from_slice(&tail);
    assert_eq!(came, bytes);
    let (expected, open) = slowly(bytes);
    assert_eq!(said, expected);
    // A line feed may still belong to the carriage return that ended the last event.
    let left = fields(&tail);
    assert!(open || left.kind == Lines::Blank, "{left:?}");
}

/// The events of the stream, and whether another has begun.
fn slowly(bytes: &[u8]) -> (Vec<Said>, bool) {
    let mut found = Vec::new();
    let mut event: Vec<Vec<u8>> = Vec::new();
    let mut line = Vec::new();
    let mut rest = bytes;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if !b"\r\n".contains(byte) {
            line.push(*byte);
            continue;
        }
        if *byte == b'\r' {
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        if !line.is_empty() {
            event.push(std::mem::take(&mut line));
        } else {
            found.extend(read(&std::mem::take(&mut event)));
        }
    }
    (found, !event.is_empty() || !line.is_empty())
}

/// What the lines of an event say.
fn read(lines: &[Vec<u8>]) -> Vec<Said> {
    let mut found: Vec<Said> = Vec::new();
    let mut said: Said = (None, None, Lines::Blank);
    let mut begins = true;
    for line in lines {
        let line = match line.strip_prefix(b"\xEF\xBB\xBF") {
            Some(bare) if begins => bare,
            _ => line,
        };
        // A mark alone is a blank line.
        begins &= line.is_empty();
        let colon = line.iter().position(|byte| *byte == b':');
        let (name, value) = match colon {
            Some(colon) => (&line[..colon], &line[colon + 1..]),
            None => (line, &[][..]),
        };
        let value = value.strip_prefix(b" ").unwrap_or(value).to_vec();
        let kind = match name {
            b"data" => {
                said.1 = Some(match said.1.take() {
                    None => value,
                    Some(before) => [before, value].join(&b'\n'),
                });
                Lines::Fields
            }
            b"event" => {
                said.0 = Some(value);
                Lines::Fields
            }
            b"id" | b"retry" => Lines::Fields,
            b"" if colon.is_some() => Lines::Comments,
            b"" => Lines::Blank,
            _ => Lines::Foreign,
        };
        said.2 = said.2.max(kind);
    }
    if said.2 != Lines::Blank {
        found.push(said);
    }
    found
}
