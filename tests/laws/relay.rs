//! Laws of streams and replies that pass in their own format.

use bytes::Bytes;
use serde_json::Value;
use tidegate::ir::{Fault, Format, Usage};
use tidegate::wire::codec;
use tidegate::wire::relay::{End, Progress, Relay, StreamKind};
use tidegate::wire::reply::ReplyTap;

use super::ground::{cut, is_json};

/// What became of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    pub out: Vec<u8>,
    pub result: Result<(), Fault>,
    pub progress: Progress,
    pub usage: Usage,
    pub model: Option<String>,
    pub malformed: u32,
}

pub fn relayed<'a>(
    mut relay: Relay,
    parts: impl IntoIterator<Item = &'a [u8]>,
    end: End,
) -> Outcome {
    let mut out = Vec::new();
    let pushed = parts
        .into_iter()
        .try_for_each(|part| relay.push(Bytes::copy_from_slice(part), &mut out));
    let result = pushed.and_then(|()| relay.finish(end, &mut out));
    Outcome {
        out: out.concat(),
        result,
        progress: relay.progress(),
        usage: relay.usage(),
        model: relay.model().map(str::to_owned),
        malformed: relay.malformed(),
    }
}

pub fn conversation(format: Format) -> Relay {
    Relay::new(format, StreamKind::Conversation, false)
}

/// The stream in one piece.
pub fn whole(format: Format, stream: &[u8], end: End) -> Outcome {
    relayed(conversation(format), [stream], end)
}

/// After what has gone out an error event can follow: it ends in a blank line, or nothing has gone out.
pub fn assert_ends_between_events(out: &[u8]) {
    let ends = [&b"\n\n"[..], b"\r\r", b"\r\n\r\n", b"\r\n\r", b"\n\r\n"];
    assert!(
        out.is_empty() || ends.iter().any(|end| out.ends_with(end)),
        "{:?}",
        String::from_utf8_lossy(out)
    );
}

/// The same comes out, and the same is known, however the bytes are cut.
pub fn any_split_gives_the_same(format: Format, stream: &[u8], cuts: &[u16], end: End) {
    let split = relayed(conversation(format), cut(stream, cuts), end);
    assert_eq!(split, whole(format, stream, end));
}

/// A stream has ended well only if it was done, and then what went out is whole by itself: a client sees the same.
pub fn whole_is_what_a_client_sees_as_whole(format: Format, stream: &[u8], end: End) -> Outcome {
    let outcome = whole(format, stream, end);
    if outcome.result.is_ok() {
        assert_eq!(outcome.progress, Progress::Done);
        assert_eq!(whole(format, &outcome.out, End::Cut).result, Ok(()));
    }
    outcome
}

/// Whatever an error reply holds, what is made of it is JSON, and ends a stream as an error.
pub fn any_fault_is_told_as_one(format: Format, body: &[u8]) {
    let codec = codec(format);
    let fault = codec.read_fault(500, body);
    let mut out = Vec::new();
    codec.write_fault(&fault, &mut out);
    assert!(serde_json::from_slice::<Value>(&out).is_ok());
    let mut event = Vec::new();
    codec.write_fault_event(&fault, &mut event);
    assert!(whole(format, &event, End::Clean).result.is_err());
}

/// What is known of a reply is the same however it is cut, and it is whole if a parser says so.
pub fn a_reply_tells_the_same(format: Format, body: &[u8], cuts: &[u16]) {
    let mut one = ReplyTap::new(format);
    one.push(body);
    let mut parts = ReplyTap::new(format);
    cut(body, cuts).iter().for_each(|part| parts.push(part));
    assert_eq!(parts.finish(), one.finish());
    // Deeper nesting than this is refused.
    let nested = body.iter().filter(|byte| b"[{".contains(byte)).count();
    if std::str::from_utf8(body).is_ok() && nested <= 127 {
        assert_eq!(one.finish().whole, is_json(body));
    }
}
