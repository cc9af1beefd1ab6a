//! The active health check: a GET of a harmless page, as a `HealthCheck`.
//!
//! Any answer below 500 shows that the vendor is there: a vendor's model list says nothing about its completions, so a
//! passed check ends only cooldowns that came from connection, TLS or timeout failures (`route::cooldown`).

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use pingora::connectors::http::Connector;
use pingora::http::RequestHeader;
use pingora::prelude::*;
use pingora_load_balancing::Backend;
use pingora_load_balancing::health_check::HealthCheck;

use crate::balance::host::PeerTemplate;

/// The whole check, from connect to head.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks one page of a vendor.
pub struct PageCheck {
    pub connector: Arc<Connector>,
    pub provider: String,
    pub template: PeerTemplate,
    /// With the base URL's own path.
    pub path: String,
    /// The credential header that the vendor wants, where it has one.
    pub auth: Option<(String, String)>,
}

impl PageCheck {
    async fn ask(&self, target: &Backend) -> Result<()> {
        let peer = self.template.peer(target.addr.clone());
        let mut request = RequestHeader::build("GET", self.path.as_bytes(), Some(4))?;
        request.insert_header("host", &self.template.authority)?;
        request.insert_header("accept", "application/json")?;
        request.insert_header(
            "user-agent",
            concat!("tidegate/", env!("CARGO_PKG_VERSION")),
        )?;
        if let Some((name, value)) = &self.auth {
            request.insert_header(name.clone(), value)?;
        }
        let (mut session, _) = self.connector.get_http_session(&peer).await?;
        session.set_read_timeout(Some(PATIENCE));
        session.write_request_header(Box::new(request)).await?;
        session.finish_request_body().await?;
        session.read_response_header().await?;
        let status = session
            .response_header()
            .map_or(0, |head| head.status.as_u16());
        session.shutdown().await;
        if (200..500).contains(&status) {
            return Ok(());
        }
        Error::e_explain(HTTPStatus(status), "health check")
    }
}

#[async_trait]
impl HealthCheck for PageCheck {
    async fn check(&self, target: &Backend) -> Result<()> {
        match pingora::time::timeout(PATIENCE, self.ask(target)).await {
            Ok(answer) => answer,
            Err(_) => Error::e_explain(ReadTimedout, "health check"),
        }
    }

    async fn health_status_change(&self, target: &Backend, healthy: bool) {
        let state = if healthy { "healthy" } else { "unhealthy" };
        let address = target.addr.to_string();
        let place = place(&self.template.authority, &address);
        log::info!("health check: {} at {place} is {state}", self.provider);
    }

    fn health_threshold(&self, _success: bool) -> usize {
        1
    }
}

/// Host and address, once where they are the same.
fn place(authority: &str, address: &str) -> String {
    if authority == address {
        address.to_owned()
    } else {
        format!("{authority} ({address})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_said_once() {
        assert_eq!(place("10.0.0.1:80", "10.0.0.1:80"), "10.0.0.1:80");
        assert_eq!(
            place("api.example.com", "10.0.0.1:443"),
            "api.example.com (10.0.0.1:443)"
        );
    }
}
