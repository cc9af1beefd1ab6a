//! Where a gateway is reached from here: by its URL, or by the addresses that its configuration has it listen on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::Listen;

/// A gateway, by HTTP/1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// `host:port`
    pub host: String,
    /// Before every path; without a slash at its end.
    pub path: String,
    pub tls: bool,
}

/// Why nobody knows how to reach it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// It listens with TLS alone, there; by which name it can prove who it is nobody knows.
    Tls(String),
    NoUrl(String),
}

/// `http://HOST[:PORT][/PATH]`, or `https://…`
pub(super) fn of_url(url: &str) -> Result<Place, NoPlace> {
    let no_url = || NoPlace::NoUrl(url.to_owned());
    let plain = url.strip_prefix("http://");
    let (rest, tls) = match plain {
        Some(rest) => (rest, false),
        None => (url.strip_prefix("https://").ok_or_else(no_url)?, true),
    };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    // A name before the host would be no part of it.
    if host.is_empty() || host.contains('@') || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(no_url());
    }
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    Ok(Place {
        host: if has_port {
            host.to_owned()
        } else {
            format!("{host}:{}", if tls { 443 } else { 80 })
        },
        path: path.trim_end_matches('/').to_owned(),
        tls,
    })
}

/// The first listener without TLS, from this machine.
pub(super) fn of_listeners(listeners: &[Listen]) -> Result<Place, NoPlace> {
    let Some(plain) = listeners.iter().find(|listen| listen.tls.is_none()) else {
        let first = listeners.first();
        let addr = first.map_or_else(String::new, |listen| here(listen.addr).to_string());
        return Err(NoPlace::Tls(format!("https://{addr}")));
    };
    Ok(Place {
        host: here(plain.addr).to_string(),
        path: String::new(),
        tls: false,
    })
}

/// Every interface includes loopback.
fn here(addr: SocketAddr) -> SocketAddr {
    let ip = match addr.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, addr.port())
}

/// As a URL, without its path.
impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.host)
    }
}

impl Place {
    /// Whether it is certainly this machine.
    pub(super) fn is_here(&self) -> bool {
        let host = self
            .host
            .rsplit_once(':')
            .map_or(&*self.host, |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_a_port_and_no_slash_at_its_end() {
        let place = of_url("http://gate.example/below/").unwrap();
        assert_eq!((&*place.host, &*place.path), ("gate.example:80", "/below"));
        let place = of_url("http://[::1]:8899").unwrap();
        assert_eq!((&*place.host, &*place.path), ("[::1]:8899", ""));
        for wrong in [
            "x.example",
            "http://",
            "http://a b",
            "ftp://x",
            "http://u:p@x",
        ] {
            assert!(matches!(of_url(wrong), Err(NoPlace::NoUrl(_))), "{wrong}");
        }
        let secure = of_url("https://x.example/").unwrap();
        assert_eq!((&*secure.host, secure.tls), ("x.example:443", true));
        assert_eq!(secure.to_string(), "https://x.example:443");
    }

    #[test]
    fn only_loopback_is_certainly_here() {
        for (url, here) in [
            ("http://127.0.0.1:1", true),
            ("http://localhost", true),
            ("http://[::1]:2", true),
            ("http://10.0.0.1:1", false),
            ("http://localhost.example", false),
        ] {
            assert_eq!(of_url(url).unwrap().is_here(), here, "{url}");
        }
    }
}
