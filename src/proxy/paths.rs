//! What a path asks for.

use std::borrow::Cow;

use memchr::memchr;

use crate::ir::Format;
use crate::wire::scan::Scan;

/// What a request wants, by method and path alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ask {
    /// A call that goes to a vendor.
    Vendor(VendorCall),
    /// `GET /v1/models`.
    ListModels,
    /// `GET /v1/models/{id}`.
    ShowModel(String),
    Health,
    Ready,
    Metrics,
    /// A page or a call of the admin side, of any method.
    Admin,
    /// The path exists, the method is wrong: what would be right, for `Allow`.
    WrongMethod(&'static str),
    /// Known, but not served yet: why.
    NotServed(&'static str),
    Unknown,
}

/// A call that goes to a vendor of `format`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorCall {
    pub format: Format,
    /// Below the base URL's version: `/chat/completions`. Where the path names the model, what stands behind it:
    /// `:generateContent`.
    pub suffix: String,
    pub kind: CallKind,
    pub named: Option<Named>,
}

impl VendorCall {
    /// Whether a stream is wanted: by the path, or by the body.
    pub fn stream(&self, scan: &Scan) -> bool {
        let in_path = self.named.as_ref().is_some_and(|named| named.stream);
        (scan.stream || in_path) && self.kind != CallKind::Count
    }
}

/// What a path says that other formats say in the body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    pub model: String,
    pub stream: bool,
    /// The stream comes as one JSON array (Gemini without `alt=sse`).
    pub array: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallKind {
    /// A conversation in the call's format.
    Conversation,
    /// How many tokens a conversation in the call's format has.
    Count,
    /// Vectors for texts (`/embeddings`, `:embedContent`, `:batchEmbedContents`).
    Embeddings,
    /// OpenAI's older way of asking a model: a prompt that is gone on with (`/completions`).
    Completion,
    /// Any other path with a model in it.
    Other,
}

/// A path with its vendor prefix taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    pub path: &'a str,
    /// The format that a prefix (`/openai`, `/anthropic`, `/gemini`) names.
    pub prefix: Option<Format>,
}

impl<'a> Place<'a> {
    pub fn of(path: &'a str) -> Place<'a> {
        let prefixes = [
            ("/openai", Format::OpenaiChat),
            ("/anthropic", Format::Anthropic),
            ("/gemini", Format::Gemini),
        ];
        for (prefix, format) in prefixes {
            if let Some(rest) = path.strip_prefix(prefix)
                && rest.starts_with('/')
            {
                return Place {
                    path: rest,
                    prefix: Some(format),
                };
            }
        }
        Place { path, prefix: None }
    }

    /// The format in which an error about this path is said.
    pub fn error_format(&self) -> Format {
        let path = self.path.trim_end_matches('/');
        if path.starts_with("/v1/messages") || path.starts_with("/v1/anthropic/") {
            Format::Anthropic
        } else if path.starts_with("/v1/responses") {
            Format::OpenaiResponses
        } else if path.starts_with("/v1beta/") || path.starts_with("/v1/gemini/") {
            Format::Gemini
        } else {
            self.prefix.unwrap_or(Format::OpenaiChat)
        }
    }

    /// What a request of this method to this path, with this query, wants.
    pub fn ask(&self, method: &str, query: Option<&str>) -> Ask {
        let path = match self.path.trim_end_matches('/') {
            "" => "/",
            path => path,
        };
        let path = &*with_colons(path);
        match path {
            "/health" | "/healthz" => only("GET", method, Ask::Health),
            "/ready" | "/readyz" => only("GET", method, Ask::Ready),
            "/metrics" => only("GET", method, Ask::Metrics),
            "/v1/models" => only("GET", method, Ask::ListModels),
            "/v1beta/models" => only("GET", method, Ask::ListModels),
            path => {
                let below = path.strip_prefix("/v1beta/").or(path.strip_prefix("/v1/"));
                if let Some(named) = below.and_then(|rest| rest.strip_prefix("models/"))
                    && let Some((model, verb)) = named.rsplit_once(':')
                    && VERBS.contains(&verb)
                {
                    return only("POST", method, gemini(model, verb, query));
                }
                let has_colon = memchr(b':', path.as_bytes()).is_some();
                if has_colon && path.contains("/models/") && method == "POST" {
                    return Ask::Unknown;
                }
                match (
                    path.strip_prefix("/v1/"),
                    path.strip_prefix("/v1beta/models/"),
                ) {
                    (Some(rest), _) => self.below_v1(rest, method),
                    (None, Some(id)) => only(
                        "GET",
                        method,
                        Ask::ShowModel(percent_decoded(id).into_owned()),
                    ),
                    (None, None) if self.prefix.is_none() && is_admins(path) => Ask::Admin,
                    (None, None) => Ask::Unknown,
                }
            }
        }
    }
}

/// Paths of the admin side. No vendor's prefix stands before them.
fn is_admins(path: &str) -> bool {
    let roots = ["/admin", "/api/admin", "/docs", "/ui"];
    let below = |root: &&str| {
        let rest = path.strip_prefix(*root);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    path == "/" || roots.iter().any(below)
}

/// Some clients escape the colon before the verb of Gemini's paths.
fn with_colons(path: &str) -> Cow<'_, str> {
    // The rarer first: only Gemini's paths have an escape at all.
    if memchr(b'%', path.as_bytes()).is_some() && path.contains("/models/") && path.contains("%3") {
        return Cow::Owned(path.replace("%3A", ":").replace("%3a", ":"));
    }
    Cow::Borrowed(path)
}

/// What Gemini's paths can ask of a model.
const VERBS: [&str; 5] = [
    "generateContent",
    "streamGenerateContent",
    "countTokens",
    "embedContent",
    "batchEmbedContents",
];

fn gemini(model: &str, verb: &str, query: Option<&str>) -> Ask {
    let stream = verb == "streamGenerateContent";
    let says_sse = |query: &str| query.split('&').any(|pair| pair == "alt=sse");
    Ask::Vendor(VendorCall {
        format: Format::Gemini,
        suffix: [":", verb].concat(),
        kind: match verb {
            "generateContent" | "streamGenerateContent" => CallKind::Conversation,
            "countTokens" => CallKind::Count,
            "embedContent" | "batchEmbedContents" => CallKind::Embeddings,
            _ => CallKind::Other,
        },
        named: Some(Named {
            model: percent_decoded(model).into_owned(),
            stream,
            array: stream && !query.is_some_and(says_sse),
        }),
    })
}

impl Place<'_> {
    fn below_v1(&self, rest: &str, method: &str) -> Ask {
        let conversation = |format, suffix: &str| vendor(format, suffix, CallKind::Conversation);
        let count = |format| vendor(format, rest, CallKind::Count);
        match rest {
            "chat/completions" => only("POST", method, conversation(Format::OpenaiChat, rest)),
            "responses" => only("POST", method, conversation(Format::OpenaiResponses, rest)),
            "messages" => only("POST", method, conversation(Format::Anthropic, rest)),
            "messages/count_tokens" => only("POST", method, count(Format::Anthropic)),
            "responses/input_tokens" => only("POST", method, count(Format::OpenaiResponses)),
            // S1's names.
            "anthropic/completions" => {
                only("POST", method, conversation(Format::Anthropic, "messages"))
            }
            "gemini/completions" => only("POST", method, conversation(Format::Gemini, "")),
            _ if rest.starts_with("models/") => {
                let id = rest.trim_start_matches("models/");
                only(
                    "GET",
                    method,
                    Ask::ShowModel(percent_decoded(id).into_owned()),
                )
            }
            // S1's statistics.
            "api-keys/stats" if self.prefix.is_none() => Ask::Admin,
            _ if stateful(rest) => {
                Ask::NotServed("files, batches, stored responses and realtime are not served")
            }
            _ if method == "POST" && is_plain(rest) => {
                let named = self.prefix.filter(|_| !is_openais(rest));
                let format = named.unwrap_or(Format::OpenaiChat);
                let kind = match (format, rest) {
                    (Format::OpenaiChat, "embeddings") => CallKind::Embeddings,
                    (Format::OpenaiChat, "completions") => CallKind::Completion,
                    _ => CallKind::Other,
                };
                vendor(format, rest, kind)
            }
            _ => Ask::Unknown,
        }
    }
}

/// Paths that are OpenAI's whatever prefix stands before them; of others a prefix tells whose they are.
fn is_openais(rest: &str) -> bool {
    let first = rest.split('/').next().unwrap_or("");
    let known = [
        "completions",
        "embeddings",
        "images",
        "audio",
        "moderations",
        "rerank",
    ];
    known.contains(&first)
}

/// Paths whose answers live at one vendor account: a pool cannot serve them.
fn stateful(rest: &str) -> bool {
    let first = rest.split('/').next().unwrap_or("");
    let owned = [
        "files",
        "batches",
        "uploads",
        "realtime",
        "assistants",
        "threads",
        "vector_stores",
    ];
    owned.contains(&first)
        || rest.starts_with("responses/")
        || rest.starts_with("messages/batches")
        || rest.starts_with("fine_tuning")
        || rest.starts_with("chat/completions/")
}

/// Nothing in it that another program could read as something else than a path.
fn is_plain(rest: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'-' | b'_' | b'.');
    !rest.is_empty()
        && rest.bytes().all(plain)
        && !rest
            .split('/')
            .any(|part| part.is_empty() || part.starts_with('.'))
}

fn vendor(format: Format, rest: &str, kind: CallKind) -> Ask {
    Ask::Vendor(VendorCall {
        format,
        suffix: ["/", rest].concat(),
        kind,
        named: None,
    })
}

fn only(allowed: &'static str, method: &str, ask: Ask) -> Ask {
    if method == allowed || (allowed == "GET" && method == "HEAD") {
        ask
    } else {
        Ask::WrongMethod(if allowed == "GET" {
            "GET, HEAD, OPTIONS"
        } else {
            "POST, OPTIONS"
        })
    }
}

/// `%2F` and its kin decoded; what is not UTF-8 then stays as it was written.
pub fn percent_decoded(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        let mut ahead = bytes.clone();
        let digits = (ahead.next().and_then(hex), ahead.next().and_then(hex));
        match (b, digits) {
            (b'%', (Some(high), Some(low))) => {
                out.push(high * 16 + low);
                bytes = ahead;
            }
            _ => out.push(b),
        }
    }
    String::from_utf8(out).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// A name as it stands in one segment of a path (RFC 3986, section 3.3).
pub fn percent_encoded(name: &str) -> Cow<'_, str> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~:@".contains(&b);
    if name.bytes().all(plain) {
        return Cow::Borrowed(name);
    }
    let mut out = String::with_capacity(name.len() + 8);
    for byte in name.bytes() {
        if plain(byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    Cow::Owned(out)
}

fn hex(b: u8) -> Option<u8> {
    char::from(b)
        .to_digit(16)
        .and_then(|d| u8::try_from(d).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(method: &str, path: &str) -> Ask {
        Place::of(path).ask(method, None)
    }

    #[test]
    fn prefixes_are_taken_off_before_anything_else() {
        assert_eq!(
            ask("POST", "/openai/v1/chat/completions"),
            ask("POST", "/v1/chat/completions")
        );
        assert_eq!(
            ask("POST", "/anthropic/v1/messages"),
            ask("POST", "/v1/messages")
        );
        assert_eq!(
            Place::of("/anthropic/v1/models").error_format(),
            Format::Anthropic
        );
        assert_eq!(ask("GET", "/openaiv1/models"), Ask::Unknown);
        for path in [
            "/v1/chat/completions",
            "/v1/completions",
            "/v1/embeddings",
            "/v1/responses",
            "/v1/responses/input_tokens",
            "/v1/messages",
            "/v1/messages/count_tokens",
            "/v1/anthropic/completions",
            "/v1/gemini/completions",
            "/v1beta/models/m:generateContent",
            "/v1beta/models/m:streamGenerateContent",
            "/v1beta/models/m:countTokens",
            "/v1beta/models/m:embedContent",
            "/v1beta/models/m:batchEmbedContents",
            "/v1/images/generations",
            "/v1/audio/transcriptions",
            "/v1/moderations",
            "/v1/rerank",
        ] {
            assert!(matches!(ask("POST", path), Ask::Vendor(_)), "{path}");
            for prefix in ["/openai", "/anthropic", "/gemini"] {
                let with = [prefix, path].concat();
                assert_eq!(ask("POST", &with), ask("POST", path), "{with}");
            }
        }
    }

    #[test]
    fn any_other_json_path_goes_to_an_openai_vendor() {
        let Ask::Vendor(call) = ask("POST", "/v1/embeddings") else {
            panic!()
        };
        assert_eq!(
            (call.format, call.suffix.as_str(), call.kind),
            (Format::OpenaiChat, "/embeddings", CallKind::Embeddings)
        );
        let kind = |path: &str| match ask("POST", path) {
            Ask::Vendor(call) => call.kind,
            _ => panic!("{path}"),
        };
        assert_eq!(kind("/v1/completions"), CallKind::Completion);
        assert_eq!(kind("/openai/v1/completions"), CallKind::Completion);
        assert_eq!(kind("/v1/moderations"), CallKind::Other);
        assert_eq!(kind("/v1beta/models/m:embedContent"), CallKind::Embeddings);
        assert_eq!(kind("/v1beta/models/m:countTokens"), CallKind::Count);
        assert!(matches!(
            ask("POST", "/v1/images/generations"),
            Ask::Vendor(_)
        ));
    }

    #[test]
    fn the_admin_side_has_its_own_paths_and_no_prefix() {
        for path in [
            "/",
            "/admin",
            "/admin/",
            "/admin/api/v1/status",
            "/api/admin/status",
            "/docs",
            "/ui/app.js",
            "/v1/api-keys/stats",
        ] {
            for method in ["GET", "POST", "DELETE"] {
                assert_eq!(ask(method, path), Ask::Admin, "{path}");
            }
        }
        for path in [
            "/adminx",
            "/api/administer",
            "/uix",
            "//admin",
            "/%61dmin",
            "/openai/admin",
            "/anthropic/",
            "/gemini/docs",
        ] {
            assert_eq!(ask("GET", path), Ask::Unknown, "{path}");
        }
    }

    #[test]
    fn counts_are_known_in_every_format_that_has_them() {
        for (path, format) in [
            ("/v1/messages/count_tokens", Format::Anthropic),
            ("/v1/responses/input_tokens", Format::OpenaiResponses),
            ("/v1beta/models/m:countTokens", Format::Gemini),
        ] {
            let Ask::Vendor(call) = ask("POST", path) else {
                panic!("{path}")
            };
            assert_eq!(
                (call.format, call.kind),
                (format, CallKind::Count),
                "{path}"
            );
            assert_eq!(ask("GET", path), Ask::WrongMethod("POST, OPTIONS"));
        }
        assert!(matches!(
            ask("POST", "/v1/responses/resp_1"),
            Ask::NotServed(_)
        ));
    }

    #[test]
    fn a_path_that_climbs_is_no_path() {
        for path in [
            "/v1/../admin",
            "/v1/x//y",
            "/v1/%2e%2e/x",
            "/v1/a b",
            "/v1/.env",
        ] {
            assert_eq!(ask("POST", path), Ask::Unknown, "{path}");
        }
    }

    #[test]
    fn a_wrong_method_is_told_the_right_one() {
        assert_eq!(
            ask("GET", "/v1/messages"),
            Ask::WrongMethod("POST, OPTIONS")
        );
        assert_eq!(
            ask("POST", "/v1/models"),
            Ask::WrongMethod("GET, HEAD, OPTIONS")
        );
    }

    #[test]
    fn a_model_id_may_hold_an_escaped_slash() {
        assert_eq!(
            ask("GET", "/v1/models/relay-a%2Fgpt-4o"),
            Ask::ShowModel("relay-a/gpt-4o".into())
        );
        assert_eq!(
            ask("GET", "/v1/models/relay-a/gpt-4o"),
            Ask::ShowModel("relay-a/gpt-4o".into())
        );
        assert_eq!(ask("GET", "/v1/models/100%"), Ask::ShowModel("100%".into()));
    }
}
