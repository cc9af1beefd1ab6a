//! Who may call and from where: `listen`, `auth`, `trusted_proxies`, `cors`, `client_keys`.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::names::{NameOf, Names};
use super::{Check, time, url};
use crate::config::file::Node;
use crate::config::gateway::{AuthMode, ClientKey, Glob, Listen, TlsFiles};
use crate::config::report::Problem;
use crate::config::secret::KeyHash;
use crate::config::text::Span;

/// What shows more of a key shows it.
const MAX_MASK: usize = 32;

impl Check<'_> {
    pub(super) fn listeners(&mut self, node: &Node) -> Vec<(Listen, Span)> {
        if node.is_list() && node.items().is_empty() {
            self.push(
                Problem::error(node.span, "no address to listen on")
                    .help("listen: [ \"0.0.0.0:8899\" ]"),
            );
        }
        node.items()
            .iter()
            .filter_map(|item| self.listener(item))
            .collect()
    }

    pub(super) fn listener(&mut self, node: &Node) -> Option<(Listen, Span)> {
        if !node.is_map() {
            let addr = self.address(node)?;
            return Some((Listen { addr, tls: None }, node.span));
        }
        let addr = self
            .required(node, "addr", "listener")
            .and_then(|addr| self.address(addr).map(|parsed| (parsed, addr.span)));
        let tls = node.get("tls").filter(|tls| tls.is_map());
        let files = tls.map(|tls| {
            let cert = self
                .required(tls, "cert", "TLS listener")
                .and_then(|cert| self.pem(cert, "CERTIFICATE"));
            let key = self
                .required(tls, "key", "TLS listener")
                .and_then(|key| self.pem(key, "PRIVATE KEY"));
            cert.zip(key).map(|(cert, key)| TlsFiles { cert, key })
        });
        let (addr, span) = addr?;
        Some((
            Listen {
                addr,
                tls: files.flatten(),
            },
            span,
        ))
    }

    fn address(&mut self, node: &Node) -> Option<SocketAddr> {
        let text = self.string(node)?;
        match socket_address(text.trim()) {
            Ok(addr) => Some(addr),
            Err(help) => {
                let problem = Problem::error(
                    node.span,
                    format!("`{text}` is not an address to listen on"),
                );
                self.push(problem.help(help));
                None
            }
        }
    }

    pub(super) fn auth_mode(&mut self, node: Option<&Node>) -> Option<AuthMode> {
        const MODES: [(&str, AuthMode); 3] = [
            ("auto", AuthMode::Auto),
            ("keys", AuthMode::Keys),
            ("open", AuthMode::Open),
        ];
        node.and_then(|node| self.choice(node, "mode", &MODES))
    }

    pub(super) fn trusted_proxies(&mut self, node: Option<&Node>) -> Vec<IpNet> {
        let mut nets = Vec::new();
        for item in node.map_or(&[][..], Node::items) {
            let Some(text) = self.string(item) else {
                continue;
            };
            let net = text
                .parse::<IpNet>()
                .ok()
                .or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
            match net {
                Some(net) => nets.push(net),
                None => {
                    let problem = Problem::error(
                        item.span,
                        format!("`{text}` is neither an address nor a network"),
                    );
                    self.push(problem.help("for example 10.0.0.7 or 10.0.0.0/8"));
                }
            }
        }
        nets
    }

    pub(super) fn cors(&mut self, node: Option<&Node>) -> Vec<String> {
        let mut origins = Vec::new();
        for item in node
            .and_then(|cors| cors.get("origins"))
            .map_or(&[][..], Node::items)
        {
            let Some(origin) = self.string(item) else {
                continue;
            };
            if origin != "*" && origin != "null" && !is_origin(&origin) {
                let problem = Problem::error(item.span, format!("`{origin}` is not an origin"));
                self.push(problem.help("scheme, host and port as browsers send them, without a path: https://app.example.com; or \"*\""));
            }
            origins.push(origin);
        }
        origins
    }

    pub(super) fn client_keys(
        &mut self,
        node: Option<&Node>,
        tenants: &[String],
    ) -> Vec<(ClientKey, Vec<(Glob, Span)>)> {
        let mut names = Names::default();
        let mut keys: Vec<(ClientKey, Vec<(Glob, Span)>)> = Vec::new();
        for item in node
            .map_or(&[][..], Node::items)
            .iter()
            .filter(|item| item.is_map())
        {
            let name = self.name(item, NameOf::ClientKey, &mut names);
            let models = item.get("models");
            if let Some(models) =
                models.filter(|models| models.is_list() && models.items().is_empty())
            {
                let problem =
                    Problem::error(models.span, "this client key may call no model at all");
                self.push(problem.help("leave `models` out to allow all, or set `enabled: false`"));
            }
            let globs = self.globs(models, "model name");
            let expires = item.get("expires").and_then(|node| self.expiry(node));
            let enabled = self.flag(item, "enabled", true);
            let allowance = self.allowance(item.get("limits"));
            let tenant = item.get("tenant").and_then(|node| {
                let name = self.string(node)?;
                self.lookup(&name, node.span, "tenant", tenants)
            });
            let Some((span, hash, masked)) = self.key_itself(item) else {
                continue;
            };
            if let Some((other, _)) = keys.iter().find(|(other, _)| other.hash == hash) {
                let message = format!("the client key `{}` has this value already", other.name);
                self.push(Problem::error(span, message));
            }
            let allowed = models.map(|_| globs.iter().map(|(glob, _)| glob.clone()).collect());
            keys.push((
                ClientKey {
                    name,
                    hash,
                    masked,
                    models: allowed,
                    expires,
                    allowance,
                    tenant,
                    enabled,
                },
                globs,
            ));
        }
        keys
    }

    /// A client key by its value or by its hash, and how it is shown. The value itself goes no further.
    fn key_itself(&mut self, key: &Node) -> Option<(Span, KeyHash, String)> {
        let masked = key.get("masked").and_then(|node| self.mask(node));
        let Some(node) = key.get("hash") else {
            if let Some(masked) = key.entry("masked").filter(|entry| !entry.node.is_null()) {
                let problem = Problem::error(masked.key.span, "`masked` goes with `hash`");
                self.push(
                    problem.help("a key with a `value` is shown by its beginning and its end"),
                );
            }
            let node = self.required(key, "value", "client key")?;
            let value = self.secret(node)?;
            return Some((node.span, KeyHash::of(value.reveal()), value.masked()));
        };
        if let Some(value) = key.entry("value").filter(|entry| !entry.node.is_null()) {
            let problem = Problem::error(value.key.span, "a client key has a `value` or a `hash`");
            let hash = key.entry("hash").map_or(node.span, |entry| entry.key.span);
            self.push(
                problem
                    .label("one of them is enough")
                    .earlier(hash, "the other one"),
            );
        }
        let hash = KeyHash::parse(self.string(node)?.trim());
        if hash.is_none() {
            let problem = Problem::error(node.span, "this is no hash of a client key");
            self.push(problem.help(
                "hash: sha256: and 64 hexadecimal digits, as `printf %s KEY | sha256sum` prints them; the key itself goes under `value`",
            ));
        }
        Some((node.span, hash?, masked.unwrap_or_else(|| "…".to_owned())))
    }

    fn mask(&mut self, node: &Node) -> Option<String> {
        let text = self.string(node)?;
        if !text.contains('…') || text.len() > MAX_MASK || text.contains(char::is_control) {
            let problem = Problem::error(node.span, "this does not show a client key");
            self.push(problem.help(
                "its beginning and its end with `…` between them, at most 32 bytes: \"tg-…wxyz\"",
            ));
            return None;
        }
        Some(text)
    }

    fn expiry(&mut self, node: &Node) -> Option<u64> {
        let text = self.string(node)?;
        let expiry = time::expiry(&text);
        if expiry.is_none() {
            let problem = Problem::error(node.span, format!("`{text}` is not a time"));
            self.push(
                problem.help("2027-01-31 (the end of that day, UTC) or 2027-01-31T18:00:00Z"),
            );
        }
        expiry
    }
}

/// `host:port`, where the host is an address or `localhost`; else what to write.
pub(in crate::config) fn socket_address(text: &str) -> Result<SocketAddr, String> {
    let numeric = text
        .strip_prefix("localhost:")
        .map(|port| format!("127.0.0.1:{port}"));
    let numeric = numeric.as_deref().unwrap_or(text);
    match numeric.parse::<SocketAddr>() {
        Ok(addr) if addr.port() == 0 => {
            Err("port 0 would be another one at every start".to_owned())
        }
        Ok(addr) => Ok(addr),
        Err(_) => Err(
            match text.strip_prefix(':').unwrap_or(text).parse::<u16>() {
                Ok(port) => format!(
                    "write \"0.0.0.0:{port}\" for every interface, \"127.0.0.1:{port}\" for this machine only"
                ),
                Err(_) if text.parse::<IpAddr>().is_ok() => {
                    "the port is missing: \"0.0.0.0:8899\"".to_owned()
                }
                Err(_) => "an IP address and a port: \"0.0.0.0:8899\" or \"[::]:8899\"".to_owned(),
            },
        ),
    }
}

/// An origin as a browser sends it: lower case, no path, no port that goes without saying.
fn is_origin(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    let plain = scheme.bytes().all(|byte| {
        byte.is_ascii_lowercase() || matches!(byte, b'-' | b'+' | b'.') || byte.is_ascii_digit()
    });
    let host = rest
        .rsplit_once(':')
        .filter(|(_, port)| port.parse::<u16>().is_ok())
        .map_or(rest, |(host, _)| host);
    let address = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .is_some_and(|host| host.parse::<IpAddr>().is_ok());
    let usual = (scheme == "https" && rest.ends_with(":443"))
        || (scheme == "http" && rest.ends_with(":80"));
    plain
        && !scheme.is_empty()
        && !usual
        && (address || url::host_name(host).is_ok())
        && !text.bytes().any(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_browsers_send() {
        for good in [
            "https://app.example.com",
            "http://localhost:3000",
            "https://[::1]:8443",
            "chrome-extension://abc",
        ] {
            assert!(is_origin(good), "{good}");
        }
        for bad in [
            "app.example.com",
            "https://app.example.com/",
            "https://a/b",
            "https://App.example.com",
            "https://a:443",
            "://a",
            "https://",
        ] {
            assert!(!is_origin(bad), "{bad}");
        }
    }

    #[test]
    fn an_address_that_is_none_comes_with_what_to_write() {
        assert!(socket_address("localhost:80").is_ok() && socket_address("[::]:80").is_ok());
        assert!(socket_address("8899").unwrap_err().contains("0.0.0.0:8899"));
        assert!(
            socket_address(":8899")
                .unwrap_err()
                .contains("0.0.0.0:8899")
        );
        assert!(
            socket_address("0.0.0.0")
                .unwrap_err()
                .contains("port is missing")
        );
        assert!(socket_address("example.com:80").is_err() && socket_address("0.0.0.0:0").is_err());
    }
}
