//! Which headers pass, both ways.
//!
//! To the vendor goes a list of what vendors read, and what the configuration adds; never the client's credential
//! (unless `passthrough`), cookies, hop-by-hop or forwarding headers. To the client go content headers, `retry-after`
//! and our own.

use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_DISPOSITION, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE,
    HOST, HeaderName, HeaderValue, RETRY_AFTER,
};
use http::{HeaderMap, Version};
use pingora::http::RequestHeader;

use crate::ir::Format;
use crate::proxy::access::{bare_credential, is_key};
use crate::proxy::wiring::Line;

/// Request headers that vendors read, and that a client may send through us.
fn is_for_vendors(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "user-agent"
            | "accept"
            | "anthropic-version"
            | "anthropic-beta"
            | "openai-beta"
            | "idempotency-key"
            | "x-session-id"
            | "session-id"
            | "session_id"
            | "conversation-id"
            | "conversation_id"
            | "x-client-request-id"
            | "x-claude-code-session-id"
            | "x-goog-api-client"
            | "accept-language"
            | "x-initiator"
    )
}

/// A client's own credentials, and what selects an account with them: sent on only with `passthrough`.
fn is_credential(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "authorization" | "x-api-key" | "x-goog-api-key" | "openai-organization" | "openai-project"
    )
}

/// Headers of a vendor's answer that reach the client.
static TO_CLIENT: [HeaderName; 5] = [
    CONTENT_TYPE,
    CONTENT_LANGUAGE,
    CONTENT_DISPOSITION,
    RETRY_AFTER,
    HeaderName::from_static("retry-after-ms"),
];

/// Where a vendor puts its own request id.
static VENDOR_IDS: [HeaderName; 4] = [
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("request-id"),
    HeaderName::from_static("x-goog-request-id"),
    HeaderName::from_static("cf-ray"),
];

/// Under which name a client gets the vendor's request id.
pub const UPSTREAM_REQUEST_ID: HeaderName = HeaderName::from_static("x-upstream-request-id");

static VERSION: HeaderName = HeaderName::from_static("anthropic-version");

/// Taken at once for a request's head; most are shorter.
const HEAD_ROOM: usize = 1024;

/// The client's headers that may go to a vendor, picked once for all attempts.
#[derive(Debug, Default)]
pub struct Forwarded {
    passed: Vec<(HeaderName, HeaderValue)>,
    /// The client's own credential: for `passthrough` alone.
    credentials: Vec<(HeaderName, HeaderValue)>,
}

impl Forwarded {
    /// Picks them. `spent` is the header that let the client in here: what it says is a key of ours and goes nowhere.
    pub fn of(client: &HeaderMap, spent: Option<&HeaderName>) -> Forwarded {
        let mut forwarded = Forwarded::default();
        let ours = spent.and_then(|name| client.get(name)).and_then(bare);
        let is_ours = |value: &HeaderValue| ours.is_some() && bare(value) == ours;
        for (name, value) in client {
            if is_for_vendors(name) {
                forwarded.passed.push((name.clone(), value.clone()));
            } else if is_credential(name) && !is_ours(value) {
                forwarded.credentials.push((name.clone(), value.clone()));
            }
        }
        forwarded
    }
}

fn bare(value: &HeaderValue) -> Option<&str> {
    value.to_str().ok().map(bare_credential)
}

/// What a request to a vendor is made of, apart from the body.
pub struct Outgoing<'a> {
    pub client: &'a Forwarded,
    pub line: &'a Line,
    /// Index of the provider key; `None` with `passthrough`.
    pub key: Option<usize>,
    /// Below the base URL: `/chat/completions`.
    pub suffix: &'a str,
    /// Without the client's `key=`.
    pub query: Option<&'a str>,
    /// Of the body, where it is not JSON.
    pub content_type: Option<&'a HeaderValue>,
    /// The body is not the client's own.
    pub converted: Option<Converted<'a>>,
}

/// What the head of a converted request says in place of what the client's said.
#[derive(Clone, Copy)]
pub struct Converted<'a> {
    /// What the body calls for.
    pub headers: &'a [(&'static str, String)],
    /// The answer that is asked for is a stream.
    pub stream: bool,
}

impl Outgoing<'_> {
    /// The head of an HTTP/1.1 request with a body of that length, as it goes over the wire.
    ///
    /// # Errors
    /// When path or query cannot stand in a request line.
    pub fn http1_head(&self, length: usize) -> Result<Vec<u8>, BadTarget> {
        let mut head = Vec::with_capacity(HEAD_ROOM);
        head.extend_from_slice(b"POST ");
        let from = head.len();
        self.write_target(&mut head);
        let target = head.get(from..).unwrap_or_default();
        // RFC 9112, section 3.2: nothing that would end the request line.
        if target.iter().any(|b| *b <= b' ' || *b == 0x7f) {
            return Err(BadTarget);
        }
        head.extend_from_slice(b" HTTP/1.1\r\n");
        self.each_field(|name, value| {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        });
        head.extend_from_slice(b"content-length: ");
        head.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
        head.extend_from_slice(b"\r\n\r\n");
        Ok(head)
    }

    /// The head of an HTTP/2 request with a body of that length.
    ///
    /// # Errors
    /// When path or query cannot stand in a `:path`.
    pub fn http2_head(&self, length: usize) -> Result<Box<RequestHeader>, BadTarget> {
        let mut target = Vec::with_capacity(HEAD_ROOM);
        self.write_target(&mut target);
        let mut head =
            RequestHeader::build_no_case("POST", &target, Some(16)).map_err(|_| BadTarget)?;
        head.set_version(Version::HTTP_2);
        self.each_field(|name, value| {
            // Fails for more headers than a head can hold, which the client's own head has not.
            head.append_header(name.clone(), value.clone()).ok();
        });
        head.insert_header(CONTENT_LENGTH, HeaderValue::from(length))
            .map_err(|_| BadTarget)?;
        Ok(Box::new(head))
    }

    fn write_target(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.line.base_path.as_bytes());
        out.extend_from_slice(self.suffix.as_bytes());
        if let Some(query) = self.query {
            out.push(b'?');
            out.extend_from_slice(query.as_bytes());
        }
    }

    /// Whether a header of the client's says something to a vendor of this format, about this body.
    fn is_for(&self, name: &HeaderName) -> bool {
        let name = name.as_str();
        let of = |prefix: &str| name.starts_with(prefix);
        match self.line.format {
            _ if self.converted.is_some() => {
                !(of("anthropic-") || of("openai-") || of("x-goog-") || name == "accept")
            }
            Format::Anthropic => !(of("openai-") || of("x-goog-")),
            Format::OpenaiChat | Format::OpenaiResponses => !(of("anthropic-") || of("x-goog-")),
            Format::Gemini => !(of("anthropic-") || of("openai-")),
        }
    }

    /// Every header but `content-length`. What the configuration adds stands in the place of what has its name.
    fn each_field(&self, mut put: impl FnMut(&HeaderName, &HeaderValue)) {
        let extra = &self.line.extra;
        let mut put_unless_set = |name: &HeaderName, value: &HeaderValue| {
            if extra.iter().all(|(set, _)| set != name) {
                put(name, value);
            }
        };
        put_unless_set(&HOST, &self.line.authority);
        let json = HeaderValue::from_static("application/json");
        put_unless_set(&CONTENT_TYPE, self.content_type.unwrap_or(&json));
        put_unless_set(&ACCEPT_ENCODING, &HeaderValue::from_static("identity"));
        for (name, value) in &self.client.passed {
            if self.is_for(name) {
                put_unless_set(name, value);
            }
        }
        if let Some(converted) = self.converted {
            let accept = if converted.stream {
                "text/event-stream"
            } else {
                "application/json"
            };
            put_unless_set(&ACCEPT, &HeaderValue::from_static(accept));
            for (name, value) in converted.headers {
                let name = HeaderName::from_static(name);
                if let Ok(value) = HeaderValue::from_str(value)
                    && name != VERSION
                {
                    put_unless_set(&name, &value);
                }
            }
        }
        let says_version =
            || self.converted.is_none() && self.client.passed.iter().any(|(n, _)| *n == VERSION);
        if self.line.format == Format::Anthropic && !says_version() {
            put_unless_set(&VERSION, &HeaderValue::from_static("2023-06-01"));
        }
        match self.key {
            None => {
                for (name, value) in &self.client.credentials {
                    put_unless_set(name, value);
                }
            }
            Some(key) => {
                if let Some(Some(value)) = self.line.keys.get(key) {
                    put_unless_set(&self.line.auth_name, value);
                }
            }
        }
        for (name, value) in extra {
            put(name, value);
        }
    }
}

/// Path or query hold what cannot stand in a request line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("path or query hold what cannot stand in a request line")]
pub struct BadTarget;

/// The query that goes to the vendor: without the client's `key=`.
pub fn query_for_vendor(query: Option<&str>) -> Option<String> {
    let query = query?;
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| !is_key(pair.split('=').next().unwrap_or("")) && !pair.is_empty())
        .collect();
    (!kept.is_empty()).then(|| kept.join("&"))
}

/// What a client may see of a vendor's head, under the names that it gets.
pub fn for_client(vendor: &HeaderMap) -> Vec<(HeaderName, HeaderValue)> {
    let mut shown: Vec<(HeaderName, HeaderValue)> = Vec::with_capacity(3);
    let mut id: Option<(usize, &HeaderValue)> = None;
    for (name, value) in vendor {
        if TO_CLIENT.contains(name) {
            // The first counts.
            if shown.iter().all(|(known, _)| known != name) {
                shown.push((name.clone(), value.clone()));
            }
        } else if let Some(rank) = VENDOR_IDS.iter().position(|known| known == name)
            && id.is_none_or(|(known, _)| rank < known)
        {
            id = Some((rank, value));
        }
    }
    shown.extend(id.map(|(_, id)| (UPSTREAM_REQUEST_ID, id.clone())));
    shown
}

/// The vendor's own id of the request.
pub fn vendors_id(vendor: &HeaderMap) -> Option<&HeaderValue> {
    VENDOR_IDS.iter().find_map(|name| vendor.get(name))
}

/// The header and value that present a key.
///
/// # Errors
/// Says which part cannot stand in a header.
pub fn auth_header(
    name: &str,
    prefix: &str,
    key: &str,
    suffix: &str,
) -> Result<(HeaderName, HeaderValue), String> {
    let header = HeaderName::try_from(name).map_err(|_| format!("{name:?} is no header name"))?;
    let mut value = HeaderValue::try_from(format!("{prefix}{key}{suffix}"))
        .map_err(|_| format!("a key for {name} holds characters that no header can carry"))?;
    value.set_sensitive(true);
    Ok((header, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_key_is_cut_out_of_the_query() {
        assert_eq!(
            query_for_vendor(Some("alt=sse&key=secret&x=1")).as_deref(),
            Some("alt=sse&x=1")
        );
        assert_eq!(query_for_vendor(Some("key=secret")), None);
        assert_eq!(
            query_for_vendor(Some("%6bey=secret&%4Bex=1")).as_deref(),
            Some("%4Bex=1")
        );
        assert_eq!(query_for_vendor(None), None);
    }
}
