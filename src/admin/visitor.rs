//! Who asks, as the data plane says it: it takes these headers away from whoever else sends them.

use std::net::IpAddr;

use axum::http::HeaderMap;

/// What is known of a caller before it says anything itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Visitor {
    /// Its own address, behind proxies that are trusted.
    pub client: Option<IpAddr>,
    /// It is on this machine, and nobody speaks through it.
    pub direct: bool,
    /// Its connection is encrypted.
    pub tls: bool,
}

impl Visitor {
    pub(super) fn of(headers: &HeaderMap) -> Visitor {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        Visitor {
            client: text("x-tidegate-client").and_then(|client| client.parse().ok()),
            direct: text("x-tidegate-direct") == Some("1"),
            tls: text("x-tidegate-tls") == Some("1"),
        }
    }
}
