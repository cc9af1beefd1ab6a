//! The traits of pingora-load-balancing, implemented for our endpoints and vendor hosts.
//!
//! A vendor host is a `LoadBalancer` of its own: [`discovery`] asks DNS in the background, [`health`] asks the vendor
//! for a harmless page, and [`host`] turns the addresses into peers that the exchange connects to. Which endpoint a
//! request goes to is [`selection`]'s matter, over the pure algorithms of `route::pick`.
//!
//! Invariant: nothing here blocks a request on DNS but the very first look-up of a host, and that within the connect
//! timeout; a host that stops resolving keeps its last addresses.

pub mod discovery;
pub mod health;
pub mod host;
pub mod hosts;
pub mod page;
pub mod peer;
pub mod selection;

pub use host::{Host, PeerError};
pub use hosts::Hosts;
