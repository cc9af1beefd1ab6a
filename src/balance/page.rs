//! One page of a vendor, asked for by an operator: its list of models. Apart from requests: with connections of its own,
//! which are closed afterwards.

use std::time::Duration;

use bytes::Bytes;
use pingora::ErrorType;
use pingora::connectors::http::Connector;
use pingora::http::RequestHeader;

use crate::balance::host::Host;
use crate::balance::hosts::template;
use crate::config::{Offer, Provider};

/// From the look-up of the name to the end of the page.
const PATIENCE: Duration = Duration::from_secs(20);
/// No list of models is longer.
const LONGEST: usize = 8 << 20;

/// What a vendor has answered.
#[derive(Debug)]
pub struct Page {
    pub status: u16,
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Its name has no address.
    Unresolved,
    /// Nobody takes the connection.
    Unconnected,
    Tls,
    TooLate,
    /// It came to a connection, and to no answer.
    Broken,
}

/// The same, with words for whoever has asked.
#[derive(Debug)]
pub struct NoPage {
    pub way: Way,
    pub words: String,
}

impl NoPage {
    fn new(way: Way, words: impl Into<String>) -> NoPage {
        let words = words.into();
        NoPage { way, words }
    }
}

/// Asks for a page below the base URL, with these headers.
///
/// # Errors
/// Why there is no answer.
pub async fn page(
    provider: &Provider,
    offer: &Offer,
    path: &str,
    headers: &[(String, String)],
) -> Result<Page, NoPage> {
    let asking = ask(provider, offer, path, headers);
    match tokio::time::timeout(PATIENCE, asking).await {
        Ok(page) => page,
        Err(_) => {
            let (place, most) = (offer.base.authority(), PATIENCE.as_secs());
            let words = format!("{place} has not answered within {most} s");
            Err(NoPage::new(Way::TooLate, words))
        }
    }
}

async fn ask(
    provider: &Provider,
    offer: &Offer,
    path: &str,
    headers: &[(String, String)],
) -> Result<Page, NoPage> {
    let place = offer.base.authority();
    let broken = |words: String| NoPage::new(Way::Broken, words);
    let made = template(provider, offer, 0).map_err(broken)?;
    let host = Host::new(&offer.base, made, None);
    host.resolve().await;
    let address = host.address(PATIENCE).await;
    let address = address.map_err(|e| NoPage::new(Way::Unresolved, e.to_string()))?;
    let failed =
        |e: Box<pingora::Error>| NoPage::new(way(e.etype()), format!("{place}: {}", reason(&e)));
    let path = format!("{}{path}", offer.base.path);
    let mut request = RequestHeader::build("GET", path.as_bytes(), Some(8)).map_err(failed)?;
    let mut insert = |name: &str, value: &str| {
        request
            .insert_header(name.to_owned(), value)
            .map_err(|_| broken(format!("the header {name} cannot be sent")))
    };
    insert("host", &place)?;
    insert("accept", "application/json")?;
    insert(
        "user-agent",
        concat!("tidegate/", env!("CARGO_PKG_VERSION")),
    )?;
    for (name, value) in headers {
        insert(name, value)?;
    }
    let connector = Connector::new(None);
    let (mut session, _) = connector
        .get_http_session(&address.peer)
        .await
        .map_err(failed)?;
    session.set_read_timeout(Some(PATIENCE));
    session
        .write_request_header(Box::new(request))
        .await
        .map_err(failed)?;
    session.finish_request_body().await.map_err(failed)?;
    session.read_response_header().await.map_err(failed)?;
    let status = session
        .response_header()
        .map_or(0, |head| head.status.as_u16());
    let mut body = Vec::new();
    while let Some(part) = session.read_response_body().await.map_err(failed)? {
        body.extend_from_slice(&part);
        if body.len() > LONGEST {
            return Err(broken(format!("{place} does not stop answering")));
        }
    }
    session.shutdown().await;
    Ok(Page {
        status,
        body: body.into(),
    })
}

fn way(error: &ErrorType) -> Way {
    match error {
        ErrorType::ConnectTimedout | ErrorType::ReadTimedout | ErrorType::WriteTimedout => {
            Way::TooLate
        }
        ErrorType::TLSHandshakeTimedout
        | ErrorType::TLSHandshakeFailure
        | ErrorType::TLSWantX509Lookup
        | ErrorType::InvalidCert
        | ErrorType::HandshakeError => Way::Tls,
        ErrorType::ConnectRefused
        | ErrorType::ConnectNoRoute
        | ErrorType::ConnectError
        | ErrorType::SocketError
        | ErrorType::BindError => Way::Unconnected,
        _ => Way::Broken,
    }
}

/// What is at the root of an error, in a few words.
fn reason(e: &pingora::Error) -> String {
    let mut root: &dyn std::error::Error = e;
    while let Some(source) = root.source() {
        root = source;
    }
    let words = match root.downcast_ref::<pingora::Error>() {
        Some(e) => e.context.as_ref().map(|said| said.as_str().to_owned()),
        None => Some(root.to_string()),
    };
    match words.filter(|words| !words.is_empty()) {
        Some(words) => words,
        None => e.etype().as_str().to_owned(),
    }
}
