//! Calls of our own to the data plane: they go the way of every client's, over a socket that only this process has, and
//! nobody asks them for a key.

use std::path::PathBuf;

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::UnixStream;

/// Of a whole answer.
const LONGEST: usize = 16 << 20;

/// Where the data plane takes them.
#[derive(Debug, Clone)]
pub struct Plane(pub PathBuf);

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub body: Bytes,
}

/// Posts JSON, and reads the whole answer.
///
/// # Errors
/// There is none.
pub(super) async fn call(plane: &Plane, path: &str, body: Bytes) -> Result<Answer, String> {
    let request = Request::post(path)
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(body))
        .map_err(|e| e.to_string())?;
    whole(plane, request).await
}

/// Sends a request, and reads the whole answer.
///
/// # Errors
/// There is none.
pub(super) async fn whole(plane: &Plane, request: Request<Full<Bytes>>) -> Result<Answer, String> {
    let answer = send(plane, request).await?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, LONGEST).collect().await;
    Ok(Answer {
        status: head.status.as_u16(),
        body: body.map_err(|e| e.to_string())?.to_bytes(),
    })
}

/// Sends a request; the answer's body comes as it is made. Dropping it ends the call.
///
/// # Errors
/// There is no answer.
pub(super) async fn send(
    plane: &Plane,
    mut request: Request<Full<Bytes>>,
) -> Result<http::Response<Incoming>, String> {
    let stream = UnixStream::connect(&plane.0)
        .await
        .map_err(|e| e.to_string())?;
    let host = header::HeaderValue::from_static("localhost");
    request.headers_mut().insert(header::HOST, host);
    let io = TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io)
        .await
        .map_err(|e| e.to_string())?;
    // It ends with the answer's body.
    tokio::spawn(async move {
        if let Err(e) = connection.await {
            log::debug!("admin: a call to the data plane has ended: {e}");
        }
    });
    sender
        .send_request(request)
        .await
        .map_err(|e| e.to_string())
}
