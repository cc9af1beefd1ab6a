//! Calls of the admin API: one connection each, by HTTP/1, over TLS where the URL says so.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use openssl::ssl::SslConnector;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::{Failed, tls};
use crate::cli::place::Place;
use crate::config::Secret;

const ROOT: &str = "/admin/api/v1";
/// Of a whole answer: an export of everything is far below.
const LONGEST: usize = 256 << 20;
pub(super) const CONNECT: Duration = Duration::from_secs(5);

/// The method, and a header that says under which condition.
type How<'a> = (&'a Method, Option<(HeaderName, HeaderValue)>);

/// Somebody who may ask.
pub(super) struct Client {
    pub place: Place,
    pub bearer: Secret,
    pub limit: Duration,
    runtime: Runtime,
    /// Where TLS is spoken.
    connector: Option<SslConnector>,
}

/// What stands in a path or a query, escaped (RFC 3986).
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            true => out.push(char::from(byte)),
            false => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// A path with those of the parameters that are told.
pub(super) fn with_query(path: &str, told: &[(&str, Option<String>)]) -> String {
    let told = told.iter();
    let pairs: Vec<String> = told
        .filter_map(|(name, value)| Some(format!("{name}={}", escaped(value.as_deref()?))))
        .collect();
    match pairs.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{}", pairs.join("&")),
    }
}

impl Client {
    /// `ca`: by whom its certificate has to be made.
    pub(super) fn new(
        (place, ca): (Place, Option<&Path>),
        bearer: Secret,
        limit: Duration,
    ) -> Result<Client, Failed> {
        let connector = place.tls.then(|| tls::connector(ca)).transpose()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(Client {
            place,
            bearer,
            limit,
            runtime,
            connector,
        })
    }

    pub(super) fn get(&self, path: &str) -> Result<Value, Failed> {
        self.json(&Method::GET, path, None)
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value, Failed> {
        self.json(&Method::POST, path, Some(body))
    }

    pub(super) fn put(&self, path: &str, body: &Value) -> Result<Value, Failed> {
        self.json(&Method::PUT, path, Some(body))
    }

    /// Only if what it is about still has this ETag.
    pub(super) fn post_if(&self, etag: &str, path: &str, body: &Value) -> Result<Value, Failed> {
        let etag = HeaderValue::try_from(etag).map_err(|_| self.foreign())?;
        let condition = Some((header::IF_MATCH, etag));
        self.parsed(&self.whole((&Method::POST, condition), path, Some(body))?)
    }

    pub(super) fn delete(&self, path: &str) -> Result<Value, Failed> {
        self.json(&Method::DELETE, path, None)
    }

    /// `null` where the answer has no body.
    fn json(&self, method: &Method, path: &str, body: Option<&Value>) -> Result<Value, Failed> {
        self.parsed(&self.whole((method, None), path, body)?)
    }

    fn parsed(&self, text: &[u8]) -> Result<Value, Failed> {
        if text.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(text).map_err(|_| self.foreign())
    }

    /// The answer's body as it is.
    pub(super) fn text(&self, path: &str) -> Result<Bytes, Failed> {
        self.whole((&Method::GET, None), path, None)
    }

    fn whole(&self, how: How<'_>, path: &str, body: Option<&Value>) -> Result<Bytes, Failed> {
        let asking = async {
            let answer = self.send(how, path, body).await?;
            self.read(answer).await
        };
        let waiting = async { timeout(self.limit, asking).await };
        self.runtime
            .block_on(waiting)
            .map_err(|_| self.away(&format!("no answer within {} s", self.limit.as_secs())))?
    }

    async fn read(&self, answer: Response<Incoming>) -> Result<Bytes, Failed> {
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, LONGEST).collect().await;
        let body = body
            .map_err(|_| self.away("the answer broke off"))?
            .to_bytes();
        if head.status.is_success() {
            return Ok(body);
        }
        let problem: Option<Value> = serde_json::from_slice(&body).ok();
        match problem.filter(|problem| problem["detail"].is_string()) {
            Some(problem) => Err(Failed::Refused(problem)),
            None => Err(Failed::Odd(format!(
                "{} answers {}, which is no answer of Tidegate's API",
                self.place, head.status
            ))),
        }
    }

    async fn send(
        &self,
        (method, condition): How<'_>,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Response<Incoming>, Failed> {
        let connecting = timeout(CONNECT, TcpStream::connect(&self.place.host)).await;
        let stream = match connecting {
            Err(_) => return Err(self.away(&format!("no answer within {} s", CONNECT.as_secs()))),
            Ok(Err(e)) => return Err(self.away(&words(&e))),
            Ok(Ok(stream)) => stream,
        };
        let request = Request::builder()
            .method(method)
            .uri([&self.place.path, ROOT, path].concat())
            .header(header::HOST, &self.place.host)
            .header(header::USER_AGENT, "tidegate-cli")
            .header(
                header::AUTHORIZATION,
                ["Bearer ", self.bearer.reveal()].concat(),
            );
        let request = match condition {
            None => request,
            Some((name, value)) => request.header(name, value),
        };
        let request = match body {
            None => request.body(Full::<Bytes>::default()),
            Some(body) => request
                .header(header::CONTENT_TYPE, "application/json")
                .body(Full::from(body.to_string())),
        };
        // What the error names may be the key.
        let request = request.map_err(|_| {
            Failed::Wrong("the admin key, or a name, has what HTTP does not take".to_owned())
        })?;
        let mut sender = match &self.connector {
            None => self.greet(stream).await?,
            Some(connector) => {
                let securing = tls::secure(connector, &self.place.host, stream);
                let secured = timeout(CONNECT, securing).await;
                let secured = secured.unwrap_or_else(|_| Err("no TLS in time".to_owned()));
                self.greet(secured.map_err(|why| self.away(&why))?).await?
            }
        };
        let sent = sender.send_request(request).await;
        sent.map_err(|e| match e.is_parse() {
            true => self.foreign(),
            false => self.away("it hung up"),
        })
    }

    async fn greet<S>(&self, stream: S) -> Result<http1::SendRequest<Full<Bytes>>, Failed>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let hello = http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = hello.map_err(|_| self.foreign())?;
        tokio::spawn(async move {
            // Whoever reads the answer hears of it.
            connection.await.unwrap_or_default();
        });
        Ok(sender)
    }

    /// Reads an answer that does not end, line by line; `None` is told once, before the first. Ends with the answer.
    pub(super) fn follow(
        &self,
        path: &str,
        mut told: impl FnMut(Option<&str>) -> Result<(), Failed>,
    ) -> Result<(), Failed> {
        let mut body = self.runtime.block_on(async {
            let answer = self.send((&Method::GET, None), path, None).await?;
            match answer.status().is_success() {
                true => Ok(answer.into_body()),
                false => match self.read(answer).await {
                    Ok(_) => Err(self.foreign()),
                    Err(failed) => Err(failed),
                },
            }
        })?;
        told(None)?;
        let mut kept: Vec<u8> = Vec::new();
        while let Some(frame) = self.runtime.block_on(body.frame()) {
            let Ok(frame) = frame
                .map_err(|_| ())
                .and_then(|f| f.into_data().map_err(|_| ()))
            else {
                return Err(self.away("the gateway has left"));
            };
            kept.extend_from_slice(&frame);
            while let Some(end) = kept.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = kept.drain(..=end).collect();
                told(Some(String::from_utf8_lossy(&line).trim_end()))?;
            }
        }
        Ok(())
    }

    fn away(&self, why: &str) -> Failed {
        Failed::Away(format!("{} does not answer: {why}", self.place))
    }

    fn foreign(&self) -> Failed {
        Failed::Odd(format!(
            "what answers at {} is not Tidegate's API",
            self.place
        ))
    }
}

fn words(fault: &std::io::Error) -> String {
    let text = fault.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    text.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_escaped_and_what_is_not_is_left_out() {
        let told = [
            ("a", Some("x/y z&é".to_owned())),
            ("b", None),
            ("c", Some("1".to_owned())),
        ];
        assert_eq!(with_query("/p", &told), "/p?a=x%2Fy%20z%26%C3%A9&c=1");
        assert_eq!(with_query("/p", &[("b", None)]), "/p");
    }
}
