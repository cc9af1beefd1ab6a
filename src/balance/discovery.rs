//! DNS as a `ServiceDiscovery`: the addresses of one host name, asked for without blocking.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use async_trait::async_trait;
use pingora::prelude::*;
use pingora::protocols::l4::socket::SocketAddr;
use pingora_load_balancing::discovery::ServiceDiscovery;
use pingora_load_balancing::{Backend, Extensions};

/// A resolver that has not answered by then is as good as none.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks up one host. A literal address is its own answer.
pub struct Dns {
    host: String,
    port: u16,
}

impl Dns {
    pub fn new(host: impl Into<String>, port: u16) -> Dns {
        Dns {
            host: host.into(),
            port,
        }
    }
}

#[async_trait]
impl ServiceDiscovery for Dns {
    /// # Errors
    /// When the resolver answers with an error, with no address, or not in time.
    async fn discover(&self) -> Result<(BTreeSet<Backend>, HashMap<u64, bool>)> {
        let asked = tokio::net::lookup_host((self.host.as_str(), self.port));
        let found = match pingora::time::timeout(PATIENCE, asked).await {
            Ok(found) => {
                found.or_err_with(ConnectNoRoute, || format!("cannot resolve {}", self.host))?
            }
            Err(_) => {
                return Error::e_explain(
                    ConnectTimedout,
                    format!("no answer from DNS for {}", self.host),
                );
            }
        };
        let backends: BTreeSet<Backend> = found
            .map(|addr| Backend {
                addr: SocketAddr::Inet(addr),
                weight: 1,
                ext: Extensions::new(),
            })
            .collect();
        if backends.is_empty() {
            return Error::e_explain(ConnectNoRoute, format!("{} has no address", self.host));
        }
        Ok((backends, HashMap::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_literal_address_is_its_own_answer() {
        for (host, shown) in [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80")] {
            let (found, _) = Dns::new(host, 80).discover().await.unwrap();
            assert_eq!(found.iter().next().unwrap().addr.to_string(), shown);
        }
    }

    #[tokio::test]
    async fn a_name_that_does_not_exist_is_an_error_and_no_panic() {
        assert!(
            Dns::new("no-such-host.invalid", 443)
                .discover()
                .await
                .is_err()
        );
    }
}
