use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tidegate::demo::{Setup, Vendor};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A vendor that serves on a port of its own.
pub(crate) struct Stand {
    pub(crate) vendor: Vendor,
    pub(crate) addr: SocketAddr,
    serving: tokio::task::JoinHandle<()>,
}

impl Stand {
    pub(crate) async fn new(setup: Setup) -> Stand {
        let vendor = Vendor::new(setup);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let serving = tokio::spawn(vendor.serve(listener));
        Stand {
            vendor,
            addr,
            serving,
        }
    }

    pub(crate) fn stop(&self) {
        self.serving.abort();
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::over(TcpStream::connect(self.addr).await.unwrap()).await
    }

    /// One request on a connection of its own.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.connect().await.post(path, body).await.unwrap()
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        self.stop();
    }
}

pub(crate) async fn stand() -> Stand {
    Stand::new(Setup::default()).await
}

/// One connection.
pub(crate) enum Client {
    H1(http1::SendRequest<Full<Bytes>>),
    H2(http2::SendRequest<Full<Bytes>>),
}

impl Client {
    pub(crate) async fn over<T>(io: T) -> Client
    where
        T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::handshake(TokioIo::new(io)).await.unwrap();
        tokio::spawn(connection);
        Client::H1(sender)
    }

    pub(crate) async fn h2(addr: SocketAddr) -> Client {
        let tcp = TcpStream::connect(addr).await.unwrap();
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(tcp));
        let (sender, connection) = handshake.await.unwrap();
        tokio::spawn(connection);
        Client::H2(sender)
    }

    pub(crate) async fn post(&mut self, path: &str, body: Value) -> hyper::Result<Reply> {
        let request = Request::post(path).header("anthropic-version", "2023-06-01");
        let body = Full::new(Bytes::from(body.to_string()));
        self.send(request.body(body).unwrap()).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> hyper::Result<Reply> {
        let request = Request::get(path).body(Full::default()).unwrap();
        self.send(request).await
    }

    pub(crate) async fn send(&mut self, mut request: Request<Full<Bytes>>) -> hyper::Result<Reply> {
        let response = match self {
            Client::H1(sender) => {
                sender.ready().await?;
                sender.send_request(request).await?
            }
            Client::H2(sender) => {
                let uri = format!("http://demo{}", request.uri());
                *request.uri_mut() = uri.parse().unwrap();
                sender.ready().await?;
                sender.send_request(request).await?
            }
        };
        let (head, mut body) = response.into_parts();
        let mut reply = Reply {
            status: head.status,
            headers: head.headers,
            frames: Vec::new(),
            end: Ok(()),
        };
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => reply.frames.extend(frame.into_data().ok()),
                Err(error) => {
                    reply.end = Err(error);
                    break;
                }
            }
        }
        Ok(reply)
    }
}

/// An answer as far as it came.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) frames: Vec<Bytes>,
    pub(crate) end: hyper::Result<()>,
}

impl Reply {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.frames.concat()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// The data of all events, as JSON where it is JSON.
    pub(crate) fn events(&self) -> Vec<Value> {
        let text = self.text().replace("\r\n", "\n");
        assert!(text.ends_with("\n\n"), "{text:?}");
        let events = text.trim_end().split("\n\n").map(|event| {
            let data = event
                .lines()
                .filter_map(|l| l.strip_prefix("data: "))
                .collect::<String>();
            serde_json::from_str(&data).unwrap_or(Value::from(data))
        });
        events.collect()
    }

    /// The names of all events.
    pub(crate) fn names(&self) -> Vec<String> {
        let text = self.text();
        let names = text.lines().filter_map(|l| l.strip_prefix("event: "));
        names.map(str::to_owned).collect()
    }
}

/// Strings at this JSON pointer of every event, put together.
pub(crate) fn joined(events: &[Value], pointer: &str) -> String {
    events
        .iter()
        .filter_map(|e| e.pointer(pointer)?.as_str())
        .collect()
}
