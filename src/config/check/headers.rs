//! Header names and values that a configuration may set.

use http::{HeaderName, HeaderValue};

use super::Check;
use crate::config::file::{Entry, Node};
use crate::config::gateway::AuthHeader;
use crate::config::report::Problem;
use crate::ir::Format;

/// Headers that make up the message or belong to one connection: setting them would break the exchange.
const OURS: &[&str] = &[
    "host",
    "content-length",
    "transfer-encoding",
    "content-type",
    "content-encoding",
    "accept-encoding",
    "expect",
    "connection",
    "keep-alive",
    "proxy-connection",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "upgrade",
];

impl Check<'_> {
    /// `headers` of a provider. `credentials` are the headers that carry its key.
    pub(super) fn headers(
        &mut self,
        node: Option<&Node>,
        credentials: &[String],
    ) -> Vec<(String, String)> {
        let mut headers: Vec<(String, String)> = Vec::new();
        let entries = node.map_or(&[][..], Node::entries);
        for (at, entry) in entries.iter().enumerate() {
            let name = &entry.key.text;
            let before = entries.iter().take(at);
            if let Some(first) = before
                .map(|entry| &entry.key)
                .find(|other| other.text.eq_ignore_ascii_case(name))
            {
                let problem = Problem::error(
                    entry.key.span,
                    format!("`{name}` and `{}` are the same header", first.text),
                );
                self.push(problem.earlier(first.span, "the first"));
            }
            if credentials
                .iter()
                .any(|other| other.eq_ignore_ascii_case(name))
            {
                let problem = Problem::error(
                    entry.key.span,
                    format!("`{name}` carries this provider's key"),
                );
                self.push(problem.help("its header and its format are set under `auth`"));
            }
            self.header_name(name, entry.key.span.into());
            if let Some(value) = self.header_value(entry) {
                headers.push((name.clone(), value));
            }
        }
        headers
    }

    fn header_value(&mut self, entry: &Entry) -> Option<String> {
        let value = match entry.node.scalar()?.text.strip_prefix("file:") {
            Some(_) => self.secret(&entry.node)?.reveal().to_owned(),
            None => self.string(&entry.node)?.trim().to_owned(),
        };
        if HeaderValue::from_str(&value).is_err() || !value.is_ascii() {
            self.push(Problem::error(
                entry.node.span,
                "this value holds characters that no header can carry",
            ));
            return None;
        }
        Some(value)
    }

    fn header_name(&mut self, name: &str, place: crate::config::report::Place) {
        if HeaderName::from_bytes(name.as_bytes()).is_err() {
            self.push(Problem::error(
                place,
                format!("`{name}` is not a header name"),
            ));
        } else if is_ours(name) {
            self.push(
                Problem::error(place, format!("`{name}` cannot be set here"))
                    .label("the gateway sets it itself"),
            );
        }
    }

    /// `auth` of a provider, for one format.
    pub(super) fn auth(&mut self, node: Option<&Node>, format: Format) -> AuthHeader {
        let usual = usual_auth(format);
        let Some(node) = node else { return usual };
        let header = node
            .get("header")
            .and_then(|header| self.string(header).map(|name| (header, name)));
        if let Some((header, name)) = &header {
            self.header_name(name, header.span.into());
        }
        let name = header.map_or(usual.header, |(_, name)| name);
        let bearer = name.eq_ignore_ascii_case("authorization");
        let Some(pattern) = node.get("format") else {
            let prefix = if bearer { "Bearer " } else { "" };
            return AuthHeader {
                header: name,
                prefix: prefix.to_owned(),
                suffix: String::new(),
            };
        };
        let text = self.string(pattern).unwrap_or_else(|| "{key}".to_owned());
        let mut parts = text.split("{key}");
        let (prefix, suffix, more) = (parts.next().unwrap_or(""), parts.next(), parts.next());
        if suffix.is_none() || more.is_some() {
            let problem = Problem::error(pattern.span, "the format must hold `{key}` once");
            self.push(problem.help("for example \"Bearer {key}\""));
        }
        if !text.is_ascii() || HeaderValue::from_str(&text).is_err() {
            self.push(Problem::error(
                pattern.span,
                "this format holds characters that no header can carry",
            ));
        }
        AuthHeader {
            header: name,
            prefix: prefix.to_owned(),
            suffix: suffix.unwrap_or("").to_owned(),
        }
    }
}

/// Whether the gateway sets a header itself.
pub(in crate::config) fn is_ours(name: &str) -> bool {
    OURS.contains(&name.to_ascii_lowercase().as_str())
}

/// How a format's own vendor wants its key.
pub(in crate::config) fn usual_auth(format: Format) -> AuthHeader {
    let (header, prefix) = match format {
        Format::OpenaiChat | Format::OpenaiResponses => ("Authorization", "Bearer "),
        Format::Anthropic => ("x-api-key", ""),
        Format::Gemini => ("x-goog-api-key", ""),
    };
    AuthHeader {
        header: header.to_owned(),
        prefix: prefix.to_owned(),
        suffix: String::new(),
    }
}
