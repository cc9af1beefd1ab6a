//! A reply that is no stream, as it passes: whether it is whole, what it cost, whether it is an error after all.
//!
//! Reads the bytes once and keeps only the few members of the outermost object that say this, each up to a limit; the
//! conversation itself, however large, is stepped over. What it says is the same however the bytes were cut.

use std::ops::Range;

use crate::ir::{Fault, Format, Usage};

use super::members::{is_filled, unescaped};
use super::walk::{Sight, Walk};
use super::{Codec, EventKind, codec};

/// Most bytes of one member that are kept. Usage and errors are far below.
const MAX_MEMBER: usize = 64 << 10;
/// What the kept members of a usual reply need.
const USUAL: usize = 256;

/// The members that are kept, of all formats: their names are nowhere at odds.
const KEPT: [&str; 9] = [
    "usage",
    "usageMetadata",
    "error",
    "object",
    "type",
    "status",
    "message",
    "code",
    "detail",
];

/// Index into [`KEPT`].
fn kept(key: &[u8]) -> Option<usize> {
    Some(match key {
        b"usage" => 0,
        b"usageMetadata" => 1,
        b"error" => 2,
        b"object" => 3,
        b"type" => 4,
        b"status" => 5,
        b"message" => 6,
        b"code" => 7,
        b"detail" => 8,
        _ => return None,
    })
}

/// Members that only an answer has. A `message` with a `code` and none of these is an error.
fn is_of_answer(key: &[u8]) -> bool {
    matches!(
        key,
        b"choices" | b"data" | b"output" | b"content" | b"candidates" | b"results" | b"id"
    )
}

/// What vendors say of an answer that has ended well: nothing else is looked into.
const GOOD_FINISHES: [&[u8]; 5] = [
    b"null",
    b"\"stop\"",
    b"\"length\"",
    b"\"tool_calls\"",
    b"\"content_filter\"",
];

/// Watches one reply.
pub struct ReplyTap {
    codec: &'static dyn Codec,
    walk: Walk,
    heads: Heads,
    /// It is no JSON: what comes after the first fault in it is not looked at.
    broken: bool,
}

/// What a reply was, once it is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyEnd {
    /// It is one JSON document from beginning to end. Neither a cut one is nor a page.
    pub whole: bool,
    /// There is nothing in it: no bytes but white space, `null` or `{}`.
    pub empty: bool,
    pub usage: Usage,
    /// The reply is an error whatever its status was.
    pub error: Option<Fault>,
}

impl ReplyTap {
    pub fn new(format: Format) -> ReplyTap {
        ReplyTap {
            codec: codec(format),
            walk: Walk::new(),
            heads: Heads::default(),
            broken: false,
        }
    }

    /// Takes the next bytes of the body.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.broken {
            return;
        }
        self.heads.start = 0;
        let mut watching = Watching {
            bytes,
            heads: &mut self.heads,
        };
        self.broken = self.walk.push(bytes, 0, &mut watching).is_err();
        self.heads.keep(bytes, bytes.len());
    }

    /// The body is over.
    pub fn finish(&self) -> ReplyEnd {
        let whole = !self.broken && self.walk.is_whole();
        let heads = &self.heads;
        let usage = heads.member("usage").or(heads.member("usageMetadata"));
        ReplyEnd {
            whole,
            empty: !self.broken && (self.walk.is_fresh() || (whole && !heads.has_members)),
            usage: usage.map_or_else(Usage::default, |usage| self.codec.read_usage(usage)),
            error: self.error(),
        }
    }

    fn error(&self) -> Option<Fault> {
        let heads = &self.heads;
        let says_error = |name| heads.member(name) == Some(b"\"error\"");
        let is_filled = |name| heads.member(name).is_some_and(is_filled);
        let is_bare = !heads.is_answer && is_filled("message") && heads.member("code").is_some();
        if is_filled("error") || says_error("object") || says_error("type") || is_bare {
            return Some(self.codec.read_fault(200, &heads.object()));
        }
        // A finish reason may say that the answer failed; streams know which do.
        let finish = heads
            .finish()
            .filter(|finish| !GOOD_FINISHES.contains(finish))
            .filter(|_| self.codec.format() == Format::OpenaiChat)?;
        let chunk = [b"{\"choices\":[{\"finish_reason\":", finish, b"}]}"].concat();
        match self.codec.read_event(None, &chunk) {
            EventKind::Fault(fault) => Some(*fault),
            _ => None,
        }
    }
}

/// What is kept of a reply.
#[derive(Debug, Default)]
struct Heads {
    /// The kept values, one behind the other as they came.
    text: Vec<u8>,
    /// Where in `text` the value of each of [`KEPT`] stands, and behind these that of the last finish reason of a choice.
    kept: [Option<Range<usize>>; KEPT.len() + 1],
    has_members: bool,
    is_answer: bool,
    /// The key that was read last, if its value is wanted.
    key: Option<Wanted>,
    /// The value that is being kept, and where in `text` it begins.
    value: Option<(Wanted, usize)>,
    /// Where in this push the value goes on.
    start: usize,
}

/// Index into [`Heads::kept`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted(usize);

impl Wanted {
    const FINISH: Wanted = Wanted(KEPT.len());

    fn level(self) -> u32 {
        if self == Wanted::FINISH { 3 } else { 1 }
    }
}

impl Heads {
    fn member(&self, name: &str) -> Option<&[u8]> {
        self.value_of(Wanted(KEPT.iter().position(|kept| *kept == name)?))
    }

    fn finish(&self) -> Option<&[u8]> {
        self.value_of(Wanted::FINISH)
    }

    fn value_of(&self, wanted: Wanted) -> Option<&[u8]> {
        self.text.get(self.kept.get(wanted.0)?.clone()?)
    }

    /// Adds what this push holds of the value that is being kept, up to the offset `end`.
    fn keep(&mut self, bytes: &[u8], end: usize) {
        if let Some((_, begun)) = self.value {
            let part = bytes.get(self.start..end).unwrap_or_default();
            let room = (begun + MAX_MEMBER + 1).saturating_sub(self.text.len());
            if self.text.capacity() == 0 {
                self.text.reserve(USUAL);
            }
            self.text
                .extend_from_slice(part.get(..room).unwrap_or(part));
        }
    }

    /// The value that is being kept is over.
    fn settle(&mut self, wanted: Wanted, begun: usize) {
        if self.text.len() - begun > MAX_MEMBER {
            self.text.truncate(begun);
            return;
        }
        let mut value = begun..self.text.len();
        let slot = self.kept.get_mut(wanted.0).and_then(Option::take);
        if let Some(old) = slot {
            // Of a key that stands twice the later counts, and a reply must not grow the memory by repeating it.
            self.text.drain(old.clone());
            let moved = |range: &mut Range<usize>| {
                if range.start >= old.end {
                    *range = range.start - old.len()..range.end - old.len();
                }
            };
            self.kept.iter_mut().flatten().for_each(moved);
            moved(&mut value);
        }
        if let Some(slot) = self.kept.get_mut(wanted.0) {
            *slot = Some(value);
        }
    }

    /// The kept members as an object: what the codecs' readers of errors take for the reply. A value that was too long, or
    /// is cut, is not in it.
    fn object(&self) -> Vec<u8> {
        let mut object = b"{".to_vec();
        for (i, name) in KEPT.iter().enumerate() {
            let Some(value) = self.value_of(Wanted(i)) else {
                continue;
            };
            if object.len() > 1 {
                object.push(b',');
            }
            object.push(b'"');
            object.extend_from_slice(name.as_bytes());
            object.extend_from_slice(b"\":");
            object.extend_from_slice(value);
        }
        object.push(b'}');
        object
    }
}

struct Watching<'a> {
    bytes: &'a [u8],
    heads: &'a mut Heads,
}

impl Sight for Watching<'_> {
    const LEVELS: u32 = 3;

    fn key(&mut self, level: u32, key: &[u8]) {
        self.heads.key = match level {
            1 => {
                let unescaped = key.contains(&b'\\').then(|| unescaped(key));
                let key = unescaped.as_deref().map_or(key, str::as_bytes);
                self.heads.has_members = true;
                let kept = kept(key);
                self.heads.is_answer |= kept.is_none() && is_of_answer(key);
                kept.map(Wanted)
            }
            3 if key == b"finish_reason" => Some(Wanted::FINISH),
            _ => return,
        };
    }

    fn begin(&mut self, level: u32, at: usize, first: u8) {
        // What is neither `null` nor an object has something in it.
        self.heads.has_members |= level == 0 && first != b'{' && first != b'n';
        if let Some(wanted) = self.heads.key.take_if(|wanted| wanted.level() == level)
            && self.heads.value.is_none()
        {
            self.heads.value = Some((wanted, self.heads.text.len()));
            self.heads.start = at;
        }
    }

    fn end(&mut self, level: u32, at: usize) {
        let ends = |(wanted, _): &mut (Wanted, usize)| wanted.level() == level;
        if self.heads.value.as_mut().is_some_and(ends) {
            self.heads.keep(self.bytes, at);
            if let Some((wanted, begun)) = self.heads.value.take() {
                self.heads.settle(wanted, begun);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::FaultKind;

    fn tapped(format: Format, parts: &[&[u8]]) -> ReplyEnd {
        let mut tap = ReplyTap::new(format);
        parts.iter().for_each(|part| tap.push(part));
        tap.finish()
    }

    fn chat(reply: &str) -> ReplyEnd {
        tapped(Format::OpenaiChat, &[reply.as_bytes()])
    }

    const CHAT: &str = r#" {"id":"x","choices":[{"message":{"content":"\"usage\":{"},"finish_reason":"stop"}],
        "usage":{"prompt_tokens":9},"us\u0061ge":{"prompt_tokens":7,"prompt_tokens_details":{"cached_tokens":3}},"error":null} "#;

    #[test]
    fn a_reply_tells_the_same_however_it_is_cut() {
        let whole = chat(CHAT);
        assert!(whole.whole && !whole.empty && whole.error.is_none());
        assert_eq!(
            (whole.usage.input, whole.usage.cache_read),
            (Some(4), Some(3))
        );
        for one in 0..CHAT.len() {
            for two in (one..CHAT.len()).step_by(7) {
                let bytes = CHAT.as_bytes();
                let cut = tapped(
                    Format::OpenaiChat,
                    &[&bytes[..one], &bytes[one..two], &bytes[two..]],
                );
                assert_eq!(cut, whole, "at {one}, {two}");
            }
        }
    }

    #[test]
    fn kept_members_are_known_by_their_names() {
        for (at, name) in KEPT.iter().enumerate() {
            assert_eq!(kept(name.as_bytes()), Some(at), "{name}");
        }
    }

    #[test]
    fn a_cut_reply_is_not_whole() {
        for end in 0..CHAT.trim_end().len() {
            assert!(!chat(&CHAT[..end]).whole, "at {end}");
        }
    }

    #[test]
    fn pages_and_garbage_are_not_whole() {
        for reply in [
            "<html>{}</html>",
            "ok",
            "{\"a\":1}}",
            "{\"a\":1} x",
            "data: {}\n\n",
        ] {
            let end = chat(reply);
            assert!(!end.whole && !end.empty, "{reply}");
        }
    }

    #[test]
    fn nothing_is_empty() {
        for reply in ["", " \n", "{}", "null", "{ } "] {
            assert!(chat(reply).empty, "{reply:?}");
        }
        for reply in ["{\"a\":1}", "[]", "0"] {
            assert!(!chat(reply).empty, "{reply:?}");
        }
    }

    #[test]
    fn errors_under_a_good_status_are_found() {
        for (format, reply, kind) in [
            (
                Format::OpenaiChat,
                r#"{"error":{"message":"m","code":429}}"#,
                FaultKind::RateLimit,
            ),
            (
                Format::OpenaiChat,
                r#"{"error":"overloaded"}"#,
                FaultKind::Overloaded,
            ),
            (
                Format::OpenaiChat,
                r#"{"object":"error","message":"m","code":404}"#,
                FaultKind::NotFound,
            ),
            (
                Format::OpenaiChat,
                r#"{"code":"Arrearage","message":"m"}"#,
                FaultKind::Billing,
            ),
            (
                Format::OpenaiChat,
                r#"{"choices":[{"finish_reason":"network_error"}]}"#,
                FaultKind::Internal,
            ),
            (
                Format::Anthropic,
                r#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#,
                FaultKind::Overloaded,
            ),
            (
                Format::OpenaiResponses,
                r#"{"id":"r","status":"failed","error":{"code":"server_error","message":"m"}}"#,
                FaultKind::Internal,
            ),
            (
                Format::Gemini,
                r#"{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}"#,
                FaultKind::Overloaded,
            ),
        ] {
            let end = tapped(format, &[reply.as_bytes()]);
            assert_eq!(end.error.map(|fault| fault.kind), Some(kind), "{reply}");
        }
        let fine = r#"{"id":"r","error":null,"message":"hi","code":"x","type":"message"}"#;
        assert_eq!(chat(fine).error, None);
    }

    #[test]
    fn every_format_tells_usage() {
        for (format, reply) in [
            (
                Format::OpenaiChat,
                r#"{"usage":{"prompt_tokens":5},"model":"m"}"#,
            ),
            (
                Format::OpenaiResponses,
                r#"{"model":"m","usage":{"input_tokens":5}}"#,
            ),
            (
                Format::Anthropic,
                r#"{"us\u0061ge":{"input_tokens":5},"model":"m"}"#,
            ),
            (
                Format::Gemini,
                r#"{"usageMetadata":{"promptTokenCount":5},"modelVersion":"m"}"#,
            ),
        ] {
            let end = tapped(format, &[reply.as_bytes()]);
            assert_eq!(end.usage.input, Some(5), "{format}");
        }
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut tap = ReplyTap::new(Format::OpenaiChat);
        tap.push(b"{");
        for _ in 0..2000 {
            tap.push(b"\"usage\":{\"prompt_tokens\":5},\"error\":\"");
            tap.push(&[b'x'; 100_000]);
            tap.push(b"\",");
        }
        tap.push(b"\"model\":\"m\"}");
        assert!(tap.heads.text.capacity() < 4 * MAX_MEMBER);
        let end = tap.finish();
        assert!(end.whole && end.usage.input == Some(5) && end.error.is_none());
    }
}
