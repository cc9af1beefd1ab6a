use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::{Buf, Bytes, BytesMut};
use memchr::memmem;
use tidegate::clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::cases::Case;

/// A round that takes longer is hung.
const PATIENCE: Duration = Duration::from_secs(120);

/// The credential that the gateway asks for; the others take no notice of it.
pub(super) const KEY: &str = "bench-client-key-0123456789abcdef";

/// A closed loop: so many connections, each with one request at a time, until all requests are answered.
pub(super) struct Load {
    runtime: tokio::runtime::Runtime,
    connections: usize,
}

/// What a round has shown.
pub(super) struct Round {
    pub(super) requests: usize,
    /// Microseconds from the first byte sent to the last byte read, of every request.
    pub(super) latencies: Vec<u32>,
    pub(super) elapsed: Duration,
}

struct Task {
    request: Bytes,
    answer: Vec<u8>,
    left: AtomicUsize,
    requests: usize,
    /// How far apart they begin.
    every: Option<Duration>,
}

impl Load {
    pub(super) fn new(connections: usize) -> anyhow::Result<Load> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        Ok(Load {
            runtime,
            connections,
        })
    }

    /// Asks `requests` times. Every answer must be what the upstream sent.
    pub(super) fn round(
        &self,
        to: SocketAddr,
        case: &Case,
        requests: usize,
    ) -> anyhow::Result<Round> {
        self.paced(to, case, requests, None)
    }

    /// The same, no more than so many a second.
    pub(super) fn paced(
        &self,
        to: SocketAddr,
        case: &Case,
        requests: usize,
        rate: Option<usize>,
    ) -> anyhow::Result<Round> {
        let task = Arc::new(Task {
            request: request(case, to),
            answer: case.answer.clone(),
            left: AtomicUsize::new(requests),
            requests,
            every: rate.map(|rate| Duration::from_secs(1) / u32::try_from(rate).unwrap_or(1)),
        });
        let began = clock::now();
        let latencies = self.runtime.block_on(async {
            let asking = ask(to, &task, self.connections);
            tokio::time::timeout(PATIENCE, asking)
                .await
                .context("the round does not end")?
        })?;
        Ok(Round {
            requests: latencies.len(),
            latencies,
            elapsed: clock::now().since(began),
        })
    }
}

fn request(case: &Case, to: SocketAddr) -> Bytes {
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: {to}\r\nuser-agent: bench/1\r\naccept: */*\r\nauthorization: Bearer \
         {KEY}\r\nanthropic-version: 2023-06-01\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        case.path,
        case.body.len()
    );
    [head.as_bytes(), case.body.as_bytes()].concat().into()
}

async fn ask(to: SocketAddr, task: &Arc<Task>, connections: usize) -> anyhow::Result<Vec<u32>> {
    let mut asking = JoinSet::new();
    for _ in 0..connections {
        let mut client = Client {
            tcp: TcpStream::connect(to).await.context("connecting")?,
            buffer: BytesMut::with_capacity(64 << 10),
        };
        client.tcp.set_nodelay(true)?;
        let task = Arc::clone(task);
        asking.spawn(async move { client.ask_on(&task).await });
    }
    let mut latencies = Vec::new();
    while let Some(done) = asking.join_next().await {
        latencies.extend(done??);
    }
    Ok(latencies)
}

impl Task {
    /// Which request is next, from 0.
    fn take(&self) -> Option<usize> {
        let taken = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        taken.ok().map(|left| self.requests - left)
    }
}

struct Client {
    tcp: TcpStream,
    buffer: BytesMut,
}

impl Client {
    async fn ask_on(&mut self, task: &Task) -> anyhow::Result<Vec<u32>> {
        let mut latencies = Vec::new();
        let start = Instant::now();
        while let Some(at) = task.take() {
            if let Some(every) = task.every {
                sleep_until(start + every * u32::try_from(at)?).await;
            }
            let began = clock::now();
            self.tcp.write_all(&task.request).await?;
            self.answer(&task.answer).await?;
            let took = clock::now().since(began).as_micros();
            latencies.push(u32::try_from(took).unwrap_or(u32::MAX));
        }
        Ok(latencies)
    }

    async fn more(&mut self) -> anyhow::Result<()> {
        self.buffer.reserve(16 << 10);
        ensure!(
            self.tcp.read_buf(&mut self.buffer).await? > 0,
            "the connection was closed in an answer"
        );
        Ok(())
    }

    /// The bytes up to this mark, and the mark.
    async fn line(&mut self, mark: &[u8]) -> anyhow::Result<BytesMut> {
        loop {
            if let Some(at) = memmem::find(&self.buffer, mark) {
                return Ok(self.buffer.split_to(at + mark.len()));
            }
            self.more().await?;
        }
    }

    /// Reads an answer and compares it.
    async fn answer(&mut self, wanted: &[u8]) -> anyhow::Result<()> {
        let head = self.line(b"\r\n\r\n").await?.to_ascii_lowercase();
        if !head.starts_with(b"http/1.1 200") {
            bail!(
                "refused: {}{}",
                String::from_utf8_lossy(&head),
                String::from_utf8_lossy(&self.buffer)
            );
        }
        let mut left = wanted;
        if let Some(at) = memmem::find(&head, b"content-length:") {
            let value = head[at + 15..]
                .split(|b| *b == b'\r')
                .next()
                .unwrap_or_default();
            let length: usize = std::str::from_utf8(value)?.trim().parse()?;
            self.compare(length, &mut left).await?;
        } else {
            loop {
                let line = self.line(b"\r\n").await?;
                let size = std::str::from_utf8(&line)?.trim();
                let size = usize::from_str_radix(size, 16).context("a chunk's size")?;
                self.compare(size, &mut left).await?;
                self.line(b"\r\n").await?;
                if size == 0 {
                    break;
                }
            }
        }
        ensure!(
            left.is_empty(),
            "an answer too short by {} bytes",
            left.len()
        );
        Ok(())
    }

    async fn compare(&mut self, mut length: usize, left: &mut &[u8]) -> anyhow::Result<()> {
        while length > 0 {
            if self.buffer.is_empty() {
                self.more().await?;
            }
            let here = length.min(self.buffer.len());
            let got = &self.buffer[..here];
            let Some(rest) = left.strip_prefix(got) else {
                bail!(
                    "another answer than was sent: {:?} where {:?} was to come",
                    String::from_utf8_lossy(got),
                    String::from_utf8_lossy(&left[..left.len().min(here)])
                );
            };
            *left = rest;
            self.buffer.advance(here);
            length -= here;
        }
        Ok(())
    }
}
