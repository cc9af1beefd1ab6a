//! Callers on this machine.

use std::net::IpAddr;

use http::header::{HOST, ORIGIN};

use crate::proxy::access::Caller;

/// A caller on this machine that nobody else speaks through: no forwarding header, a loopback host, and no page of
/// another site behind it (a browser would send its `Origin`). Whoever names no host is not known to be one.
pub(super) fn is_direct_loopback(caller: Caller<'_>) -> bool {
    let headers = caller.headers;
    let forwarded = [
        "x-forwarded-for",
        "x-forwarded-host",
        "x-real-ip",
        "forwarded",
        "via",
        "cf-connecting-ip",
    ];
    let hosts = headers.get_all(HOST);
    let mut hosts = hosts.iter().map(|host| host.to_str().unwrap_or(""));
    let mut said = caller.authority.into_iter().chain(&mut hosts).peekable();
    caller
        .peer
        .is_some_and(|peer| peer.to_canonical().is_loopback())
        && !forwarded.iter().any(|name| headers.contains_key(*name))
        && said.peek().is_some()
        && said.all(is_loopback_authority)
        && headers
            .get(ORIGIN)
            .is_none_or(|origin| origin.to_str().is_ok_and(is_loopback_origin))
}

fn is_loopback_origin(origin: &str) -> bool {
    origin
        .split_once("://")
        .is_some_and(|(_, authority)| is_loopback_authority(authority))
}

fn is_loopback_authority(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(""),
        None => authority.split(':').next().unwrap_or(""),
    };
    let named =
        host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost");
    named
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}
