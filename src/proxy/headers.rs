//! Which headers pass, both ways.
//!
//! To the vendor goes a list of what vendors read, and what the configuration adds; never the client's credential
//! (unless `passthrough`), cookies, hop-by-hop or forwarding headers. To the client go content headers, `retry-after`
//! and our own.

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue,
    USER_AGENT,
};
use http::{HeaderMap, Version};
use pingora::http::{RequestHeader, ResponseHeader};

use crate::ir::Format;
use crate::proxy::wiring::Line;

/// Request headers that vendors read, and that a client may send through us.
const TO_VENDOR: [&str; 14] = [
    "anthropic-version",
    "anthropic-beta",
    "openai-beta",
    "idempotency-key",
    "x-session-id",
    "session-id",
    "session_id",
    "conversation-id",
    "conversation_id",
    "x-client-request-id",
    "x-claude-code-session-id",
    "x-goog-api-client",
    "accept-language",
    "x-initiator",
];

/// A client's own credentials, and what selects an account with them: sent on only with `passthrough`.
const CREDENTIALS: [&str; 5] = [
    "authorization",
    "x-api-key",
    "x-goog-api-key",
    "openai-organization",
    "openai-project",
];

/// Headers of a vendor's answer that reach the client.
const TO_CLIENT: [&str; 5] = [
    "content-type",
    "content-language",
    "content-disposition",
    "retry-after",
    "retry-after-ms",
];

/// Where a vendor puts its own request id.
const VENDOR_IDS: [&str; 4] = ["x-request-id", "request-id", "x-goog-request-id", "cf-ray"];

/// The client's headers that may go to a vendor, picked once for all attempts.
#[derive(Debug, Default)]
pub struct Forwarded {
    passed: Vec<(HeaderName, HeaderValue)>,
    /// The client's own credential: for `passthrough` alone.
    credentials: Vec<(HeaderName, HeaderValue)>,
}

impl Forwarded {
    pub fn of(client: &HeaderMap) -> Forwarded {
        let mut forwarded = Forwarded::default();
        for (name, value) in client {
            let text = name.as_str();
            if *name == USER_AGENT || *name == ACCEPT || TO_VENDOR.contains(&text) {
                forwarded.passed.push((name.clone(), value.clone()));
            } else if CREDENTIALS.contains(&text) {
                forwarded.credentials.push((name.clone(), value.clone()));
            }
        }
        forwarded
    }
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
}

impl Outgoing<'_> {
    /// The head of the request, for a body of that length.
    ///
    /// # Errors
    /// When path or query cannot stand in a request line.
    pub fn head(&self, body: &Bytes) -> pingora::Result<Box<RequestHeader>> {
        let mut target = String::with_capacity(self.line.base_path.len() + self.suffix.len() + 32);
        target.push_str(&self.line.base_path);
        target.push_str(self.suffix);
        if let Some(query) = self.query {
            target.push('?');
            target.push_str(query);
        }
        let mut head = RequestHeader::build_no_case("POST", target.as_bytes(), Some(16))?;
        head.set_version(Version::HTTP_11);
        head.insert_header(HOST, self.line.authority.clone())?;
        head.insert_header(CONTENT_LENGTH, HeaderValue::from(body.len()))?;
        head.insert_header(CONTENT_TYPE, HeaderValue::from_static("application/json"))?;
        head.insert_header(ACCEPT_ENCODING, HeaderValue::from_static("identity"))?;
        self.pass_on(&mut head)?;
        self.credential(&mut head)?;
        for (name, value) in &self.line.extra {
            head.insert_header(name.clone(), value.clone())?;
        }
        Ok(Box::new(head))
    }

    fn pass_on(&self, head: &mut RequestHeader) -> pingora::Result<()> {
        for (name, value) in &self.client.passed {
            head.append_header(name.clone(), value.clone())?;
        }
        if self.line.format == Format::Anthropic && !head.headers.contains_key("anthropic-version")
        {
            head.insert_header("anthropic-version", HeaderValue::from_static("2023-06-01"))?;
        }
        Ok(())
    }

    fn credential(&self, head: &mut RequestHeader) -> pingora::Result<()> {
        let Some(key) = self.key else {
            for (name, value) in &self.client.credentials {
                head.insert_header(name.clone(), value.clone())?;
            }
            return Ok(());
        };
        if let Some(Some(value)) = self.line.keys.get(key) {
            head.insert_header(self.line.auth_name.clone(), value.clone())?;
        }
        Ok(())
    }
}

/// The query that goes to the vendor: without the client's `key=`.
pub fn query_for_vendor(query: Option<&str>) -> Option<String> {
    let query = query?;
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.starts_with("key=") && !pair.is_empty())
        .collect();
    (!kept.is_empty()).then(|| kept.join("&"))
}

/// Copies what a client may see of a vendor's head.
///
/// # Errors
/// Never for headers that Pingora has read.
pub fn copy_for_client(vendor: &HeaderMap, head: &mut ResponseHeader) -> pingora::Result<()> {
    for name in TO_CLIENT {
        if let Some(value) = vendor.get(name) {
            head.insert_header(name, value.clone())?;
        }
    }
    if let Some(id) = vendor_request_id(vendor) {
        head.insert_header("x-upstream-request-id", id.clone())?;
    }
    Ok(())
}

/// The vendor's own request id.
pub fn vendor_request_id(vendor: &HeaderMap) -> Option<&HeaderValue> {
    VENDOR_IDS.iter().find_map(|name| vendor.get(*name))
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
        assert_eq!(query_for_vendor(None), None);
    }
}
