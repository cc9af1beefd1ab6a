//! A vendor's address, as Pingora's connector asks for it.
//!
//! Pingora works out anew, at each look for a kept connection and at each return of one, where in its pool the peer belongs,
//! and asks the kernel whether the connection found goes where the peer is. Both are known: a peer never changes here, and
//! its address is part of what the pool finds connections by.

use std::fmt;
use std::os::fd::AsRawFd;
use std::sync::Arc;

use pingora::protocols::l4::socket::SocketAddr;
use pingora::upstreams::peer::{HttpPeer, Peer, PeerOptions, Proxy};
use pingora::utils::tls::CertKey;

/// A peer with its place in the pool.
#[derive(Clone)]
pub struct VendorPeer {
    peer: HttpPeer,
    place: u64,
}

impl From<HttpPeer> for VendorPeer {
    fn from(peer: HttpPeer) -> VendorPeer {
        VendorPeer {
            place: peer.reuse_hash(),
            peer,
        }
    }
}

impl fmt::Display for VendorPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.peer.fmt(f)
    }
}

impl Peer for VendorPeer {
    fn address(&self) -> &SocketAddr {
        self.peer.address()
    }

    fn tls(&self) -> bool {
        self.peer.tls()
    }

    fn sni(&self) -> &str {
        self.peer.sni()
    }

    fn reuse_hash(&self) -> u64 {
        self.place
    }

    fn get_peer_options(&self) -> Option<&PeerOptions> {
        self.peer.get_peer_options()
    }

    fn get_proxy(&self) -> Option<&Proxy> {
        self.peer.get_proxy()
    }

    fn get_client_cert_key(&self) -> Option<&Arc<CertKey>> {
        self.peer.get_client_cert_key()
    }

    fn matches_fd<V: AsRawFd>(&self, _: V) -> bool {
        true
    }
}
