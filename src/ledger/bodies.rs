//! What a request and its answer said, for the one who asked for bodies to be kept: capped while they pass, and without
//! what is known to be secret before they are stored.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use memchr::memmem;

/// What stands where a secret was.
const HIDDEN: &[u8] = b"[hidden]";
/// Looked at beyond the cap, so that a secret which the cap would cut is known as one.
const MARGIN: usize = 4 << 10;
/// Nothing shorter is looked for: it would be found everywhere.
const SHORTEST: usize = 8;
/// A name in quotes is no longer.
const LONGEST_NAME: usize = 40;

/// Members that hold credentials, in lower case, with `_` for `-`.
const NAMES: [&[u8]; 17] = [
    b"access_token",
    b"api_key",
    b"apikey",
    b"authorization",
    b"aws_secret_access_key",
    b"client_secret",
    b"cookie",
    b"id_token",
    b"passwd",
    b"password",
    b"private_key",
    b"proxy_authorization",
    b"refresh_token",
    b"secret",
    b"set_cookie",
    b"x_api_key",
    b"x_goog_api_key",
];

/// The bodies of one request, on the client's side.
#[derive(Debug, Clone)]
pub struct Bodies {
    request: Capped,
    response: Capped,
    /// Bytes of each that are kept.
    most: usize,
    /// Of all vendors.
    secrets: Arc<Secrets>,
    /// What the client has presented.
    own: Vec<String>,
}

/// One of them, up to the cap and somewhat more.
#[derive(Debug, Clone, Default)]
struct Capped {
    bytes: Vec<u8>,
    cut: bool,
}

/// A body as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    pub bytes: Vec<u8>,
    /// There was more.
    pub cut: bool,
}

/// Values that are never stored, in every spelling in which they are looked for.
#[derive(Clone, Default)]
pub struct Secrets(Vec<Vec<u8>>);

/// Without the values.
impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

impl Secrets {
    /// Plain, percent-encoded, and in base64, also where other bytes stand before or behind it. What is shorter than eight
    /// characters is left out.
    pub fn of<'a>(values: impl IntoIterator<Item = &'a str>) -> Secrets {
        let mut all = Vec::new();
        for value in values.into_iter().filter(|value| value.len() >= SHORTEST) {
            let spellings = [
                value.as_bytes().to_vec(),
                STANDARD_NO_PAD.encode(value).into_bytes(),
                URL_SAFE_NO_PAD.encode(value).into_bytes(),
                percent_encoded(value),
            ];
            all.extend(spellings);
            for before in 0..3 {
                all.push(within_base64(&STANDARD_NO_PAD, value, before));
                all.push(within_base64(&URL_SAFE_NO_PAD, value, before));
            }
        }
        // The longest first: one may be a part of another.
        all.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        all.dedup();
        Secrets(all)
    }
}

impl Bodies {
    /// `most`: bytes of each that are kept. `own`: what the client has presented.
    pub fn of(request: &[u8], most: usize, secrets: Arc<Secrets>, own: Vec<String>) -> Bodies {
        let mut bodies = Bodies {
            request: Capped::default(),
            response: Capped::default(),
            most,
            secrets,
            own,
        };
        bodies.request.push(request, most);
        bodies
    }

    /// The next bytes of the answer.
    pub fn answer(&mut self, bytes: &[u8]) {
        self.response.push(bytes, self.most);
    }

    /// Bytes of memory.
    pub fn held(&self) -> usize {
        self.request.bytes.len() + self.response.bytes.len()
    }

    /// Both without secrets, and no longer than they may be: the request, and the answer.
    pub fn redacted(&self) -> (Body, Body) {
        let own = Secrets::of(self.own.iter().map(String::as_str));
        let done = |of: &Capped| {
            let mut bytes = of.bytes.clone();
            for secret in own.0.iter().chain(&self.secrets.0) {
                bytes = without(bytes, secret);
            }
            bytes = without_members(&bytes);
            let cut = of.cut || bytes.len() > self.most;
            bytes.truncate(self.most);
            Body { bytes, cut }
        };
        (done(&self.request), done(&self.response))
    }
}

impl Capped {
    fn push(&mut self, bytes: &[u8], most: usize) {
        let room = (most + MARGIN).saturating_sub(self.bytes.len());
        let (kept, rest) = bytes.split_at(bytes.len().min(room));
        self.bytes.extend_from_slice(kept);
        self.cut |= !rest.is_empty();
    }
}

/// What a value becomes in base64 behind so many bytes, beyond whole groups of three: the letters that it alone decides.
fn within_base64(alphabet: &GeneralPurpose, value: &str, before: usize) -> Vec<u8> {
    let whole = [&[0; 2][..before.min(2)], value.as_bytes()].concat();
    let text = alphabet.encode(&whole).into_bytes();
    let (first, last) = ((before * 8).div_ceil(6), whole.len() * 8 / 6);
    text.get(first..last).unwrap_or_default().to_vec()
}

fn percent_encoded(value: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(value.len());
    for byte in value.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte),
            _ => out.extend(format!("%{byte:02X}").into_bytes()),
        }
    }
    out
}

fn without(bytes: Vec<u8>, secret: &[u8]) -> Vec<u8> {
    let mut found = memmem::find_iter(&bytes, secret).peekable();
    if found.peek().is_none() {
        return bytes;
    }
    let (mut out, mut from) = (Vec::with_capacity(bytes.len()), 0);
    for at in found {
        out.extend_from_slice(bytes.get(from..at).unwrap_or_default());
        out.extend_from_slice(HIDDEN);
        from = at + secret.len();
    }
    out.extend_from_slice(bytes.get(from..).unwrap_or_default());
    out
}

/// Without the text of members that hold credentials, also within JSON that stands as text in JSON, and also where the
/// text is cut off.
fn without_members(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let (mut copied, mut at) = (0, 0);
    while let Some(quote) = find(bytes, at, b'"') {
        at = quote + 1;
        let Some(value) = credential(bytes, at) else {
            continue;
        };
        out.extend_from_slice(bytes.get(copied..value.0).unwrap_or_default());
        out.extend_from_slice(HIDDEN);
        (copied, at) = (value.1, value.1);
    }
    out.extend_from_slice(bytes.get(copied..).unwrap_or_default());
    out
}

/// If a credential's name begins there, behind its quote: where the text of its value begins and ends.
fn credential(bytes: &[u8], name: usize) -> Option<(usize, usize)> {
    let near = bytes.get(name..bytes.len().min(name + LONGEST_NAME))?;
    let end = name + memchr::memchr(b'"', near)?;
    let told = bytes.get(name..end)?;
    let level = told.iter().rev().take_while(|byte| **byte == b'\\').count();
    if !is_name(told.get(..told.len() - level)?) {
        return None;
    }
    let colon = skip_blank(bytes, end + 1);
    if bytes.get(colon) != Some(&b':') {
        return None;
    }
    let at = skip_blank(bytes, colon + 1);
    let rest = bytes.get(at..)?;
    let escapes = rest.iter().take_while(|byte| **byte == b'\\').count();
    if escapes != level || rest.get(level) != Some(&b'"') {
        return None;
    }
    let begin = at + level + 1;
    Some((begin, end_of_text(bytes, begin, level)))
}

/// Where a text ends whose quotes have so many backslashes; the end of all where it does not.
fn end_of_text(bytes: &[u8], begin: usize, level: usize) -> usize {
    let mut at = begin;
    while let Some(quote) = find(bytes, at, b'"') {
        let before = bytes.get(begin..quote).unwrap_or_default();
        let slashes = before.iter().rev().take_while(|b| **b == b'\\').count();
        let ends = match level {
            0 => slashes.is_multiple_of(2),
            level => slashes <= level,
        };
        if ends {
            return quote - slashes.min(level);
        }
        at = quote + 1;
    }
    bytes.len()
}

fn is_name(told: &[u8]) -> bool {
    let same = |known: &[u8]| {
        let plain = |byte: &u8| match byte {
            b'-' => b'_',
            byte => byte.to_ascii_lowercase(),
        };
        known.len() == told.len() && told.iter().map(plain).eq(known.iter().copied())
    };
    NAMES.iter().any(|known| same(known))
}

fn find(bytes: &[u8], from: usize, what: u8) -> Option<usize> {
    Some(from + memchr::memchr(what, bytes.get(from..)?)?)
}

fn skip_blank(bytes: &[u8], from: usize) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest.iter().take_while(|b| b.is_ascii_whitespace()).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(request: &str, most: usize) -> String {
        let secrets = Secrets::of(["sk-vendor-secret-1", "short"]);
        let own = vec!["tg-client+key/1".to_owned()];
        let bodies = Bodies::of(request.as_bytes(), most, Arc::new(secrets), own);
        String::from_utf8(bodies.redacted().0.bytes).unwrap()
    }

    #[test]
    fn known_secrets_are_hidden_in_every_spelling() {
        let plain = "a sk-vendor-secret-1 b tg-client+key/1 c short";
        assert_eq!(kept(plain, 1000), "a [hidden] b [hidden] c short");
        for spelled in [
            URL_SAFE_NO_PAD.encode("sk-vendor-secret-1"),
            STANDARD_NO_PAD.encode("tg-client+key/1"),
            "tg-client%2Bkey%2F1".to_owned(),
        ] {
            assert_eq!(kept(&spelled, 1000), "[hidden]", "{spelled}");
        }
    }

    #[test]
    fn a_secret_is_hidden_in_base64_whatever_stands_around_it() {
        for before in ["", "u", "us", "us:", "user:"] {
            for behind in ["", "1", "12", "123"] {
                for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
                    let told = [before, "sk-vendor-secret-1", behind].concat();
                    let spelled = engine.encode(&told);
                    let kept = kept(&spelled, 1000);
                    assert!(kept.contains("[hidden]"), "{told}: {kept}");
                    let seen = kept.replace("[hidden]", "").len();
                    let around = (before.len() + behind.len()) * 8;
                    assert!(seen <= around.div_ceil(6) + 2, "{told}: {kept}");
                }
            }
        }
    }

    #[test]
    fn members_that_hold_credentials_are_hidden_at_every_depth() {
        for (told, hidden) in [
            (
                r#"{"Authorization": "Bearer x","a":1}"#,
                r#"{"Authorization": "[hidden]","a":1}"#,
            ),
            (
                r#"{"x-api-key":"a\"b","y":"z"}"#,
                r#"{"x-api-key":"[hidden]","y":"z"}"#,
            ),
            (
                r#"{"arguments":"{\"password\": \"p\\\"q\",\"n\":\"m\"}"}"#,
                r#"{"arguments":"{\"password\": \"[hidden]\",\"n\":\"m\"}"}"#,
            ),
            (r#"{"secret":"cut he"#, r#"{"secret":"[hidden]"#),
            (r#"{"secret":"ends in \\"}"#, r#"{"secret":"[hidden]"}"#),
            (
                r#"{"password":{"type":"string"},"max_tokens":4}"#,
                r#"{"password":{"type":"string"},"max_tokens":4}"#,
            ),
            (
                r#"["password","open"] "password" "secret":7"#,
                r#"["password","open"] "password" "secret":7"#,
            ),
            (r#"{"password":"#, r#"{"password":"#),
            (r#"{"password""#, r#"{"password""#),
        ] {
            assert_eq!(kept(told, 1000), hidden);
        }
    }

    #[test]
    fn no_cap_cuts_a_secret_out_of_sight() {
        let told = "0123456789 sk-vendor-secret-1 and more";
        for most in 0..told.len() {
            let kept = kept(told, most);
            assert!(kept.len() <= most && !kept.contains("sk-"), "{kept}");
        }
    }

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        let mut bodies = Bodies::of(b"short", 10, Arc::default(), Vec::new());
        (0..1000).for_each(|_| bodies.answer(b"0123456789abcdef"));
        let (request, response) = bodies.redacted();
        assert_eq!((&*request.bytes, request.cut), (&b"short"[..], false));
        assert_eq!((&*response.bytes, response.cut), (&b"0123456789"[..], true));
        assert!(bodies.held() < 5_000);
    }
}
