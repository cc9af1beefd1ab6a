//! Where a gateway is reached from here: by its URL, or by the addresses that its configuration has it listen on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::config::Listen;

/// A gateway, by plain HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// `host:port`
    pub host: String,
    /// Before every path; without a slash at its end.
    pub path: String,
}

/// Why it is not reached by plain HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// It wants TLS, and would be asked there.
    Tls(String),
    NoUrl(String),
}

/// `http://HOST[:PORT][/PATH]`
pub(super) fn of_url(url: &str) -> Result<Place, NoPlace> {
    let no_url = || NoPlace::NoUrl(url.to_owned());
    if url.starts_with("https://") {
        return Err(NoPlace::Tls(url.trim_end_matches('/').to_owned()));
    }
    let rest = url.strip_prefix("http://").ok_or_else(no_url)?;
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
            format!("{host}:80")
        },
        path: path.trim_end_matches('/').to_owned(),
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
        let tls = NoPlace::Tls("https://x.example".to_owned());
        assert_eq!(of_url("https://x.example/"), Err(tls));
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
