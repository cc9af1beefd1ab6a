//! A vendor's base URL, taken apart; and the version that its path must carry.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::config::gateway::BaseUrl;
use crate::ir::Format;

/// What is wrong with a URL, to stand after "this URL", and what to do about it.
pub(super) struct Fault {
    pub message: String,
    pub help: Option<String>,
}

fn fault(message: impl Into<String>) -> Fault {
    Fault {
        message: message.into(),
        help: None,
    }
}

/// Ends of paths that belong to a request, not to a base.
pub(in crate::config) const REQUEST_PATHS: &[&str] = &[
    "/chat/completions",
    "/completions",
    "/embeddings",
    "/responses",
    "/messages",
    "/models",
    "/images/generations",
];

/// Reads a base URL and adds the format's version where the path has none.
pub(super) fn base(text: &str, format: Format) -> Result<BaseUrl, Fault> {
    let (tls, rest) = scheme(text)?;
    if let Some(bad) = rest.chars().find(|c| {
        !c.is_ascii_graphic() || matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '}' | '|')
    }) {
        let what = if bad.is_whitespace() {
            "holds white space".to_owned()
        } else if bad.is_ascii() {
            format!("holds `{bad}`")
        } else {
            format!("holds `{bad}`, which is not ASCII")
        };
        return Err(fault(what));
    }
    if rest.contains(['?', '#']) {
        return Err(fault(
            "has a query or a fragment: a base URL ends with its path",
        ));
    }
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    if authority.contains('@') {
        return Err(Fault {
            message: "holds a user or password".to_owned(),
            help: Some("give the credential under `keys`".to_owned()),
        });
    }
    let (host, port) = host_and_port(authority)?;
    let path = path.trim_end_matches('/');
    if path.contains("//")
        || path
            .split('/')
            .any(|segment| segment == "." || segment == "..")
    {
        return Err(fault("has an empty, `.` or `..` segment in its path"));
    }
    if let Some(end) = REQUEST_PATHS.iter().find(|end| path.ends_with(*end)) {
        let shorter = text.trim_end_matches('/').strip_suffix(end).unwrap_or(text);
        return Err(Fault {
            message: format!("ends in `{end}`, which is the path of a request"),
            help: Some(format!("base_url: {shorter}")),
        });
    }
    let port = port.unwrap_or(if tls { 443 } else { 80 });
    Ok(BaseUrl {
        tls,
        host,
        port,
        path: versioned(path, format),
    })
}

fn scheme(text: &str) -> Result<(bool, &str), Fault> {
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(Fault {
            message: "has no scheme".to_owned(),
            help: Some(format!("write `https://{text}`")),
        });
    };
    match scheme.to_ascii_lowercase().as_str() {
        "https" => Ok((true, rest)),
        "http" => Ok((false, rest)),
        _ => Err(fault(format!(
            "has the scheme `{scheme}`; `https` and `http` are understood"
        ))),
    }
}

fn host_and_port(authority: &str) -> Result<(String, Option<u16>), Fault> {
    let (host, port) = if let Some(inner) = authority.strip_prefix('[') {
        let Some((host, after)) = inner.split_once(']') else {
            return Err(fault("has a `[` without its `]`"));
        };
        if host.parse::<Ipv6Addr>().is_err() {
            return Err(fault(format!(
                "has `{host}` in brackets, which is not an IPv6 address"
            )));
        }
        (
            host.to_ascii_lowercase(),
            after
                .strip_prefix(':')
                .or(if after.is_empty() { None } else { Some("") }),
        )
    } else {
        let (host, port) = authority
            .split_once(':')
            .map_or((authority, None), |(host, port)| (host, Some(port)));
        host_name(host).map_err(fault)?;
        (host.to_ascii_lowercase(), port)
    };
    let port = match port.map(str::parse::<u16>) {
        None => None,
        Some(Ok(port)) if port > 0 => Some(port),
        Some(_) => return Err(fault("has a port that is not a number from 1 to 65535")),
    };
    Ok((host, port))
}

/// Whether a name can be asked of DNS and put into SNI. An empty one would switch the verification of certificates off.
pub(super) fn host_name(host: &str) -> Result<(), String> {
    if host.is_empty() {
        return Err("has no host".to_owned());
    }
    let numeric = host
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    if numeric && host.parse::<Ipv4Addr>().is_err() {
        return Err(format!(
            "has the host `{host}`, which is not an IPv4 address"
        ));
    }
    let label = |label: &str| {
        let inside = label
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        !label.is_empty()
            && label.len() <= 63
            && inside
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let name = host.strip_suffix('.').unwrap_or(host);
    if host.len() > 253 || !name.split('.').all(label) {
        return Err(format!("has the host `{host}`, which is not a host name"));
    }
    Ok(())
}

/// Adds the version of the format's API to a path that names none: `/v1`, for Gemini `/v1beta`.
fn versioned(path: &str, format: Format) -> String {
    if path.split('/').any(is_version) {
        return path.to_owned();
    }
    let version = match format {
        Format::OpenaiChat | Format::OpenaiResponses | Format::Anthropic => "v1",
        Format::Gemini => "v1beta",
    };
    format!("{path}/{version}")
}

/// `v1`, `v4`, `v1beta`, `v1alpha1`.
fn is_version(segment: &str) -> bool {
    let Some(rest) = segment.strip_prefix('v') else {
        return false;
    };
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = segment.len() - 1 - rest.len();
    let stage = rest.trim_end_matches(|c: char| c.is_ascii_digit());
    digits > 0 && matches!(stage, "" | "beta" | "alpha")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str, format: Format) -> String {
        match base(text, format) {
            Ok(url) => format!(
                "{} {} {}",
                if url.tls { "tls" } else { "plain" },
                url.authority(),
                url.path
            ),
            Err(fault) => fault.message,
        }
    }

    #[test]
    fn a_missing_version_is_added_and_one_that_is_there_stays() {
        let chat = Format::OpenaiChat;
        assert_eq!(
            url("https://api.example.com", chat),
            "tls api.example.com /v1"
        );
        assert_eq!(
            url("https://api.example.com/v1/", chat),
            "tls api.example.com /v1"
        );
        assert_eq!(
            url("https://api.example.com/anthropic", Format::Anthropic),
            "tls api.example.com /anthropic/v1"
        );
        assert_eq!(
            url("https://g.example.com", Format::Gemini),
            "tls g.example.com /v1beta"
        );
        assert_eq!(
            url("https://g.example.com/v1beta/openai", chat),
            "tls g.example.com /v1beta/openai"
        );
        assert_eq!(
            url("https://z.example.com/api/paas/v4", chat),
            "tls z.example.com /api/paas/v4"
        );
        assert_eq!(
            url("https://z.example.com/vertex", chat),
            "tls z.example.com /vertex/v1"
        );
    }

    #[test]
    fn hosts_and_ports_are_taken_apart() {
        let chat = Format::OpenaiChat;
        assert_eq!(
            url("http://127.0.0.1:9000", chat),
            "plain 127.0.0.1:9000 /v1"
        );
        assert_eq!(
            url("HTTPS://API.Example.com:443/v1", chat),
            "tls api.example.com /v1"
        );
        assert_eq!(url("https://[::1]:8443/v1", chat), "tls [::1]:8443 /v1");
    }

    #[test]
    fn what_could_not_be_asked_is_refused() {
        for bad in [
            "",
            "https://",
            "https:///v1",
            "https://:443",
            "api.example.com",
            "ftp://x.example",
            "https://u:p@x.example",
            "https://x.example:0",
            "https://x.example:port",
            "https://x.example:99999",
            "https://[::1",
            "https://[zz]",
            "https://[::1]x",
            "https://1.2.3",
            "https://-x.example",
            "https://x..example",
            "https://x.example/a b",
            "https://x.example/v1?key=1",
            "https://x.example/v1#f",
            "https://x.example/../v1",
            "https://x.example//v1",
            "https://bücher.example",
            "https://x.example/v1/chat/completions",
        ] {
            assert!(base(bad, Format::OpenaiChat).is_err(), "{bad}");
        }
    }
}
