use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::cases::Kind;

/// As much of a body as is looked at.
const HEAD: usize = 4096;

/// A kind of answer, ready to be written.
struct Canned {
    kind: Kind,
    /// Without and with usage asked for.
    parts: [Vec<Bytes>; 2],
}

/// Answers from memory until the benchmark ends. It reads no more of a request than it must: it is not what is
/// measured, but it shares the machine.
pub(super) fn serve(listen: SocketAddr) -> anyhow::Result<()> {
    super::end_with_parent();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(listen)
            .await
            .context("the upstream's port")?;
        let canned: Arc<Vec<Canned>> = Arc::new(Kind::ALL.into_iter().map(Canned::new).collect());
        loop {
            let (tcp, _) = listener.accept().await?;
            tcp.set_nodelay(true)?;
            let canned = Arc::clone(&canned);
            // A connection's end is the proxy's affair.
            tokio::spawn(async move { Connection::new(tcp, canned).serve().await.ok() });
        }
    })
}

impl Canned {
    fn new(kind: Kind) -> Canned {
        let parts = [false, true].map(|usage| framed(kind, &kind.parts(usage)));
        Canned { kind, parts }
    }
}

/// Each part as a write of its own; the head goes with the first.
fn framed(kind: Kind, parts: &[String]) -> Vec<Bytes> {
    if let Kind::Chat | Kind::Messages = kind {
        let body = parts.concat();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
        return vec![format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into()];
    }
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = |part: &String| format!("{:x}\r\n{part}\r\n", part.len());
    let mut framed: Vec<String> = parts.iter().map(chunk).collect();
    framed[0].insert_str(0, head);
    framed.push("0\r\n\r\n".to_owned());
    framed.into_iter().map(Bytes::from).collect()
}

struct Connection {
    tcp: TcpStream,
    canned: Arc<Vec<Canned>>,
    buffer: BytesMut,
}

impl Connection {
    fn new(tcp: TcpStream, canned: Arc<Vec<Canned>>) -> Connection {
        Connection {
            tcp,
            canned,
            buffer: BytesMut::with_capacity(256 << 10),
        }
    }

    async fn serve(mut self) -> anyhow::Result<()> {
        while let Some(length) = self.head().await? {
            let seen = self.body(length).await?;
            self.answer(&seen).await?;
        }
        Ok(())
    }

    async fn more(&mut self) -> io::Result<bool> {
        self.buffer.reserve(64 << 10);
        Ok(self.tcp.read_buf(&mut self.buffer).await? > 0)
    }

    /// The length of the body that follows.
    async fn head(&mut self) -> anyhow::Result<Option<usize>> {
        let end = loop {
            if let Some(end) = memmem::find(&self.buffer, b"\r\n\r\n") {
                break end;
            }
            if !self.more().await? {
                return Ok(None);
            }
        };
        let head = self.buffer.split_to(end + 4).to_ascii_lowercase();
        let Some(at) = memmem::find(&head, b"content-length:") else {
            if head.starts_with(b"get ") {
                return Ok(Some(0));
            }
            bail!("a request without a length");
        };
        let value = head[at + 15..]
            .split(|b| *b == b'\r')
            .next()
            .unwrap_or_default();
        Ok(Some(std::str::from_utf8(value)?.trim().parse()?))
    }

    /// Takes the body in and gives its beginning.
    async fn body(&mut self, length: usize) -> anyhow::Result<Vec<u8>> {
        let mut seen = Vec::with_capacity(length.min(HEAD));
        let mut left = length;
        while left > 0 {
            if self.buffer.is_empty() && !self.more().await? {
                bail!("a body cut short");
            }
            let here = self.buffer.len().min(left);
            let wanted = here.min(HEAD - seen.len());
            seen.extend_from_slice(&self.buffer[..wanted]);
            self.buffer.advance(here);
            left -= here;
        }
        Ok(seen)
    }

    async fn answer(&mut self, body: &[u8]) -> anyhow::Result<()> {
        let Some(at) = memmem::find(body, b"\"model\"") else {
            // Whoever looks whether we live.
            self.tcp
                .write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
                .await?;
            return Ok(());
        };
        let name = body[at + 7..]
            .split(|b| *b == b'"')
            .nth(1)
            .unwrap_or_default();
        let name = name.rsplit(|b| *b == b'-').next().unwrap_or_default();
        let canned = self
            .canned
            .iter()
            .find(|c| c.kind.name().as_bytes() == name);
        let canned = canned.context("a model that nobody named")?;
        let usage = memmem::find(body, b"include_usage").is_some();
        let parts = canned.parts[usize::from(usage)].clone();
        let paced = canned.kind == Kind::ChatPaced;
        for (i, part) in parts.iter().enumerate() {
            if i > 0 {
                pause(paced).await;
            }
            self.tcp.write_all(part).await?;
        }
        Ok(())
    }
}

/// Lets the others run, so that events of many streams come mixed, as they do from a vendor.
async fn pause(paced: bool) {
    match paced {
        true => tokio::time::sleep(Duration::from_millis(1)).await,
        false => tokio::task::yield_now().await,
    }
}
