//! A reply that is no stream, as it passes: whether it is whole, what it cost, whether it is an error after all.
//!
//! Reads the bytes once and keeps only the few members of the outermost object that say this, each up to a limit; the
//! conversation itself, however large, is stepped over. What it says is the same however the bytes were cut.

use crate::ir::{Fault, Format, Usage};

use super::members::{is_filled, members, text, unescaped};
use super::walk::{Sight, Walk};
use super::{Codec, EventKind, codec};

/// Most bytes of one member that are kept. Usage and errors are far below.
const MAX_MEMBER: usize = 64 << 10;

/// The members that are kept, of all formats: their names are nowhere at odds.
const KEPT: [&str; 11] = [
    "usage",
    "usageMetadata",
    "model",
    "modelVersion",
    "error",
    "object",
    "type",
    "status",
    "message",
    "code",
    "detail",
];

/// Members that only an answer has. A `message` with a `code` and none of these is an error.
const ANSWERS: [&str; 7] = [
    "choices",
    "data",
    "output",
    "content",
    "candidates",
    "results",
    "id",
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
    pub model: Option<String>,
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
        let heads = self.heads.object();
        let model = match members(&heads, ["model", "modelVersion"]) {
            Ok(found) => found
                .into_iter()
                .flatten()
                .find_map(text)
                .map(|model| model.into_owned()),
            Err(_) => None,
        };
        ReplyEnd {
            whole,
            empty: !self.broken && (self.walk.is_fresh() || (whole && !self.heads.has_members)),
            usage: self.codec.read_usage(&heads),
            model: model.filter(|model| !model.is_empty()),
            error: self.error(&heads),
        }
    }

    fn error(&self, heads: &[u8]) -> Option<Fault> {
        let [error, object, kind, message, code] =
            members(heads, ["error", "object", "type", "message", "code"]).ok()?;
        let says_error = |value: Option<&[u8]>| value == Some(b"\"error\"");
        let is_bare = !self.heads.is_answer && message.is_some_and(is_filled) && code.is_some();
        if error.is_some_and(is_filled) || says_error(object) || says_error(kind) || is_bare {
            return Some(self.codec.read_fault(200, heads));
        }
        // A finish reason may say that the answer failed; streams know which do.
        let finish = self
            .heads
            .finish
            .as_deref()
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
    /// The members as they came: index into [`KEPT`], value.
    members: Vec<(usize, Vec<u8>)>,
    /// The last finish reason of a choice.
    finish: Option<Vec<u8>>,
    has_members: bool,
    is_answer: bool,
    /// The key that was read last, if its value is wanted.
    key: Option<Wanted>,
    /// The value that is being kept: where it belongs, and what of it came in earlier pushes.
    value: Option<(Wanted, Vec<u8>)>,
    /// Where in this push the value goes on.
    start: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Member(usize),
    /// `finish_reason` of a choice.
    Finish,
}

impl Wanted {
    fn level(self) -> u32 {
        match self {
            Wanted::Member(_) => 1,
            Wanted::Finish => 3,
        }
    }
}

impl Heads {
    /// Adds what this push holds of the value that is being kept, up to the offset `end`.
    fn keep(&mut self, bytes: &[u8], end: usize) {
        if let Some((_, value)) = &mut self.value {
            let part = bytes.get(self.start..end).unwrap_or_default();
            let room = (MAX_MEMBER + 1).saturating_sub(value.len());
            value.extend_from_slice(part.get(..room).unwrap_or(part));
        }
    }

    /// The kept members as an object: what the codecs' readers take for the reply. A value that was too long, or is cut, is
    /// not in it.
    fn object(&self) -> Vec<u8> {
        let mut object = b"{".to_vec();
        for (i, value) in &self.members {
            if object.len() > 1 {
                object.push(b',');
            }
            object.push(b'"');
            object.extend_from_slice(KEPT.get(*i).unwrap_or(&"").as_bytes());
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
                let key = unescaped(key);
                self.heads.has_members = true;
                self.heads.is_answer |= ANSWERS.contains(&&*key);
                KEPT.iter()
                    .position(|name| *name == key)
                    .map(Wanted::Member)
            }
            3 if key == b"finish_reason" => Some(Wanted::Finish),
            _ => return,
        };
    }

    fn begin(&mut self, level: u32, at: usize, first: u8) {
        // What is neither `null` nor an object has something in it.
        self.heads.has_members |= level == 0 && first != b'{' && first != b'n';
        if let Some(wanted) = self.heads.key.take_if(|wanted| wanted.level() == level)
            && self.heads.value.is_none()
        {
            self.heads.value = Some((wanted, Vec::new()));
            self.heads.start = at;
        }
    }

    fn end(&mut self, level: u32, at: usize) {
        if self
            .heads
            .value
            .as_ref()
            .is_none_or(|(wanted, _)| wanted.level() != level)
        {
            return;
        }
        self.heads.keep(self.bytes, at);
        match self.heads.value.take() {
            Some((_, value)) if value.len() > MAX_MEMBER => {}
            Some((Wanted::Member(i), value)) => {
                // Of a key that stands twice the later counts, and a reply must not grow the memory by repeating it.
                self.heads.members.retain(|(kept, _)| *kept != i);
                self.heads.members.push((i, value));
            }
            Some((Wanted::Finish, value)) => self.heads.finish = Some(value),
            None => {}
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

    const CHAT: &str = r#" {"id":"x","choices":[{"message":{"content":"\"usage\":{"},"finish_reason":"stop"}],"model":"g\u0070t",
        "usage":{"prompt_tokens":7,"prompt_tokens_details":{"cached_tokens":3}},"error":null} "#;

    #[test]
    fn a_reply_tells_the_same_however_it_is_cut() {
        let whole = chat(CHAT);
        assert!(whole.whole && !whole.empty && whole.error.is_none());
        assert_eq!(
            (
                whole.usage.input,
                whole.usage.cache_read,
                whole.model.as_deref()
            ),
            (Some(4), Some(3), Some("gpt"))
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
    fn every_format_tells_usage_and_model() {
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
            assert_eq!(
                (end.usage.input, end.model.as_deref()),
                (Some(5), Some("m")),
                "{format}"
            );
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
        assert!(tap.heads.object().len() < 2 * MAX_MEMBER);
        let end = tap.finish();
        assert!(end.whole && end.usage.input == Some(5) && end.model.as_deref() == Some("m"));
    }
}
