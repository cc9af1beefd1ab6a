//! A gateway process, scripted vendors in this process, and a client that notices everything.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tempfile::TempDir;
use tidegate::demo::Vendor;
use tokio::net::{TcpListener, TcpStream};

/// Nothing here takes longer than this, or it hangs.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A vendor in this process.
pub struct TestVendor {
    pub vendor: Vendor,
    pub addr: SocketAddr,
    server: tokio::task::JoinHandle<()>,
}

impl TestVendor {
    /// Starts one on a port of its own.
    pub async fn start() -> TestVendor {
        TestVendor::serve(Vendor::default()).await
    }

    pub async fn serve(vendor: Vendor) -> TestVendor {
        TestVendor::serve_at(SocketAddr::from(([127, 0, 0, 1], 0)), vendor).await
    }

    /// One that comes up where somebody is waiting for it.
    pub async fn serve_at(addr: SocketAddr, vendor: Vendor) -> TestVendor {
        let listener = TcpListener::bind(addr).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let serving = vendor.clone();
        let server = tokio::spawn(async move {
            let _ended = serving.serve(listener).await;
        });
        TestVendor {
            vendor,
            addr,
            server,
        }
    }

    /// `http://127.0.0.1:PORT/v1`
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.addr)
    }
}

impl Drop for TestVendor {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// An address of this machine where nobody listens.
///
/// Below the ports that the system gives out by itself, each only once in this process: a port that was free a moment
/// ago is not one that a neighbouring test gets meanwhile.
pub fn dead_addr() -> SocketAddr {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 10_000 + (std::process::id() * 211 + n) % 20_000;
        let addr = SocketAddr::from(([127, 0, 0, 1], u16::try_from(port).unwrap()));
        if std::net::TcpListener::bind(addr).is_ok() {
            return addr;
        }
    }
}

/// A gateway process of its own, ended with the value.
pub struct Gateway {
    pub addr: SocketAddr,
    child: Child,
    dir: TempDir,
    /// Variables of the process, beside the log's level.
    env: Vec<(String, String)>,
}

impl Gateway {
    /// Starts the binary with what stands under `gateway:` (indented by two) and waits until it is ready. `listen`, the
    /// log and short timings that tests can wait for are added unless `section` has them.
    pub async fn start(section: &str) -> Gateway {
        Gateway::start_with(section, "threads: 1\n").await
    }

    /// The same with top-level keys of Pingora.
    pub async fn start_with(section: &str, top: &str) -> Gateway {
        let dir = tempfile::tempdir().unwrap();
        let addr = dead_addr();
        let gateway = Gateway::spawn(dir, addr, section, top);
        gateway.until_ready().await;
        gateway
    }

    /// The same for a section that says itself where to listen.
    pub async fn start_at(addr: SocketAddr, section: &str) -> Gateway {
        let gateway = Gateway::spawn(tempfile::tempdir().unwrap(), addr, section, "threads: 1\n");
        gateway.until_ready().await;
        gateway
    }

    /// The same with variables in its environment, in a directory of the test's choice.
    #[allow(dead_code, reason = "the tests of the admin side use it")]
    pub async fn start_in(dir: TempDir, section: &str, env: &[(&str, &str)]) -> Gateway {
        let addr = dead_addr();
        let conf = dir.path().join("tidegate.yaml");
        let text = Gateway::config(&dir, addr, section, "threads: 1\n");
        std::fs::write(&conf, text).unwrap();
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let env: Vec<_> = env.iter().map(own).collect();
        let child = Gateway::launch(&dir, &env);
        let gateway = Gateway {
            addr,
            child,
            dir,
            env,
        };
        gateway.until_ready().await;
        gateway
    }

    /// Starts it again with other variables.
    #[allow(dead_code, reason = "the tests of the admin side use it")]
    pub async fn start_again_with(&mut self, env: &[(&str, &str)]) {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        self.env = env.iter().map(own).collect();
        self.start_again().await;
    }

    fn spawn(dir: TempDir, addr: SocketAddr, section: &str, top: &str) -> Gateway {
        let conf = dir.path().join("tidegate.yaml");
        std::fs::write(&conf, Gateway::config(&dir, addr, section, top)).unwrap();
        let child = Gateway::launch(&dir, &[]);
        let env = Vec::new();
        Gateway {
            addr,
            child,
            dir,
            env,
        }
    }

    /// Starts it again on a disk that takes no file of more than so many KiB.
    pub async fn start_capped(&mut self, kib: u32) {
        // In blocks of 512 bytes. Whoever writes more gets an error, not a signal.
        let script = "trap '' XFSZ; ulimit -f $(($1 * 2)); shift; exec \"$@\"";
        let mut shell = Command::new("sh");
        let shell = shell.args(["-c", script, "sh", &kib.to_string()]);
        let shell = shell.arg(env!("CARGO_BIN_EXE_tidegate"));
        self.child = Gateway::launch_by(shell, &self.dir, &self.env);
        self.until_ready().await;
    }

    fn launch(dir: &TempDir, env: &[(String, String)]) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        Gateway::launch_by(&mut command, dir, env)
    }

    fn launch_by(command: &mut Command, dir: &TempDir, env: &[(String, String)]) -> Child {
        let open = |name| {
            let mut file = std::fs::OpenOptions::new();
            file.create(true).append(true).open(dir.path().join(name))
        };
        let (out, log) = (open("stdout.log"), open("stderr.log"));
        command
            .args(["--conf", "tidegate.yaml"])
            .current_dir(dir.path())
            .env_clear()
            .env("LOG_LEVEL", "info")
            .envs(env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(out.unwrap())
            .stderr(log.unwrap())
            .spawn()
            .unwrap()
    }

    /// Ends the process without a word (`kill -9`).
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, with what it has left behind.
    pub async fn start_again(&mut self) {
        self.child = Gateway::launch(&self.dir, &self.env);
        self.until_ready().await;
    }

    /// Runs another command of the binary with this gateway's configuration: exit code and output.
    pub fn command(&self, words: &[&str]) -> (Option<i32>, String) {
        let output = self.output(words);
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text)
    }

    /// The same, with what it said beside.
    pub fn output(&self, words: &[&str]) -> std::process::Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        let command = command.args(words).args(["--conf", "tidegate.yaml"]);
        let command = command.current_dir(self.dir.path()).env_clear();
        command.output().unwrap()
    }

    fn config(dir: &TempDir, addr: SocketAddr, section: &str, top: &str) -> String {
        let mut text = format!(
            "version: 1\npid_file: {0}/pid\nupgrade_sock: {0}/upgrade.sock\n{top}gateway:\n",
            dir.path().display()
        );
        if !section.contains("  listen:") {
            text.push_str(&format!("  listen: [ \"{addr}\" ]\n"));
        }
        if !section.contains("  log:") {
            text.push_str(&format!(
                "  log: {{ format: json, file: \"{}/access.log\" }}\n",
                dir.path().display()
            ));
        }
        if !section.contains("  retry:") {
            text.push_str("  retry: { base: 10ms, max: 40ms, patience: 300ms }\n");
        }
        text.push_str(section);
        text
    }

    /// Writes the configuration anew; the gateway reloads by itself.
    pub fn rewrite(&self, section: &str) {
        let text = Gateway::config(&self.dir, self.addr, section, "threads: 1\n");
        std::fs::write(self.dir.path().join("tidegate.yaml"), text).unwrap();
    }

    async fn until_ready(&self) {
        let ready = async {
            while !matches!(self.get("/ready").await, Some(answer) if answer.status == 200) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        if tokio::time::timeout(PATIENCE, ready).await.is_err() {
            panic!("the gateway does not start:\n{}", self.stderr());
        }
    }

    /// The same, where it may not be ready yet: it listens.
    pub async fn start_again_unready(&mut self) {
        self.child = Gateway::launch(&self.dir, &self.env);
        until("it listens", PATIENCE, async || {
            self.get("/health").await.is_some()
        })
        .await;
    }

    pub fn dir(&self) -> PathBuf {
        self.dir.path().to_owned()
    }

    pub fn stderr(&self) -> String {
        let log = std::fs::read_to_string(self.dir.path().join("access.log")).unwrap_or_default();
        std::fs::read_to_string(self.dir.path().join("stderr.log")).unwrap_or_default() + &log
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal: `TERM`, `HUP`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.pid().to_string())
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits for the process to end by itself; its exit code.
    pub async fn ended(&mut self) -> Option<i32> {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the gateway does not end");
    }

    /// Descriptors that the process has open.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid()))
            .unwrap()
            .count()
    }

    /// Resident memory in bytes.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS:"))
            .unwrap();
        line.split_whitespace()
            .nth(1)
            .unwrap()
            .parse::<u64>()
            .unwrap()
            * 1024
    }

    /// All access lines so far.
    pub fn records(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.dir.path().join("access.log")).unwrap_or_default();
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["level"] == "request").collect()
    }

    /// Waits for the access line of a request.
    pub async fn record(&self, id: &str) -> Value {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(record) = self.records().into_iter().find(|record| record["id"] == id) {
                return record;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no record of {id}:\n{}", self.stderr());
    }

    /// The value of a metric with these labels, summed over the rest; 0 where there is none.
    pub async fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let answer = self.get("/metrics").await.unwrap();
        let text = answer.text();
        let wanted: Vec<String> = labels
            .iter()
            .map(|(name, value)| format!("{name}=\"{value}\""))
            .collect();
        text.lines()
            .filter(|line| line.starts_with(name))
            .filter(|line| matches!(line.as_bytes().get(name.len()), Some(b'{' | b' ')))
            .filter(|line| wanted.iter().all(|label| line.contains(label.as_str())))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }

    pub async fn get(&self, path: &str) -> Option<Answer> {
        let request = Request::get(path)
            .header("host", "localhost")
            .body(Full::default())
            .unwrap();
        try_send(self.addr, request).await.ok()
    }

    pub async fn send(&self, request: Request<Full<Bytes>>) -> Answer {
        match tokio::time::timeout(PATIENCE, try_send(self.addr, request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(e)) => panic!("no answer: {e}\n{}", self.stderr()),
            Err(_) => panic!("an answer that never ends\n{}", self.stderr()),
        }
    }

    /// `POST` of a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(post(path, body)).await
    }

    /// A chat with `model`; streamed or not.
    pub async fn chat(&self, model: &str, stream: bool) -> Answer {
        self.post("/v1/chat/completions", &chat_body(model, stream))
            .await
    }

    /// The same in Anthropic's format.
    pub async fn messages(&self, model: &str, stream: bool) -> Answer {
        self.post("/v1/messages", &messages_body(model, stream))
            .await
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

pub fn chat_body(model: &str, stream: bool) -> Value {
    serde_json::json!({ "model": model, "stream": stream, "messages": [ { "role": "user", "content": "hello" } ] })
}

pub fn messages_body(model: &str, stream: bool) -> Value {
    let messages = serde_json::json!([ { "role": "user", "content": "hello" } ]);
    serde_json::json!({ "model": model, "stream": stream, "max_tokens": 100, "messages": messages })
}

pub fn post(path: &str, body: &Value) -> Request<Full<Bytes>> {
    Request::post(path)
        .header("host", "localhost")
        .header("content-type", "application/json")
        .body(Full::from(body.to_string()))
        .unwrap()
}

/// What the client got.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// The transport ended as HTTP says that an answer ends.
    pub clean: bool,
    pub first_byte: Duration,
    pub total: Duration,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    pub fn id(&self) -> &str {
        self.header("x-request-id")
    }

    /// `provider/model` that answered.
    pub fn route(&self) -> &str {
        self.header("x-tidegate-route")
    }

    /// The `data:` of each event, parsed; `[DONE]` as a string.
    pub fn events(&self) -> Vec<Value> {
        let text = self.text().replace("\r\n", "\n");
        let data = text.split("\n\n").filter_map(|event| {
            let lines: Vec<&str> = event
                .lines()
                .filter_map(|line| line.strip_prefix("data:"))
                .map(str::trim)
                .collect();
            (!lines.is_empty()).then(|| lines.join("\n"))
        });
        data.map(|data| serde_json::from_str(&data).unwrap_or(Value::String(data)))
            .collect()
    }

    /// The text that a chat stream or answer said.
    pub fn said(&self) -> String {
        let of = |value: &Value| {
            let choice = &value["choices"][0];
            let text = [
                &choice["delta"]["content"],
                &choice["message"]["content"],
                &value["delta"]["text"],
            ];
            let found = text
                .iter()
                .find_map(|text| text.as_str())
                .map(str::to_owned);
            found
                .or_else(|| value["content"][0]["text"].as_str().map(str::to_owned))
                .unwrap_or_default()
        };
        match self.header("content-type").starts_with("text/event-stream") {
            true => self.events().iter().map(of).collect(),
            false => of(&self.json()),
        }
    }

    /// The error object of an answer or of its last events, in either format.
    pub fn error(&self) -> Value {
        if self.header("content-type").starts_with("text/event-stream") {
            let events = self.events();
            return events
                .iter()
                .rev()
                .find(|event| event["error"].is_object())
                .map_or(Value::Null, |e| e["error"].clone());
        }
        self.json()["error"].clone()
    }
}

type SendError = Box<dyn std::error::Error + Send + Sync>;

/// One request over one HTTP/1.1 connection of its own.
pub async fn try_send(
    addr: SocketAddr,
    request: Request<Full<Bytes>>,
) -> Result<Answer, SendError> {
    let started = Instant::now();
    let stream = TcpStream::connect(addr).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let response = sender.send_request(request).await?;
    let answer = collect(response, started).await;
    driver.abort();
    Ok(answer)
}

/// One request over one HTTP/2 connection of its own, without TLS.
pub async fn send_h2(addr: SocketAddr, request: Request<Full<Bytes>>) -> Result<Answer, SendError> {
    let started = Instant::now();
    let stream = TcpStream::connect(addr).await?;
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    let driver = tokio::spawn(connection);
    let response = sender.send_request(request).await?;
    let answer = collect(response, started).await;
    driver.abort();
    Ok(answer)
}

/// Reads an answer to its end, clean or not.
pub async fn collect(response: Response<Incoming>, started: Instant) -> Answer {
    let first_byte = started.elapsed();
    let (head, mut incoming) = response.into_parts();
    let mut body = Vec::new();
    let clean = loop {
        match incoming.frame().await {
            None => break true,
            Some(Err(_)) => break false,
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    body.extend_from_slice(&data);
                }
            }
        }
    };
    Answer {
        status: head.status,
        headers: head.headers,
        body: body.into(),
        clean,
        first_byte,
        total: started.elapsed(),
    }
}

/// Waits until a condition holds; panics with its name when it never does.
pub async fn until(what: &str, patience: Duration, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while start.elapsed() < patience {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("never: {what}");
}

/// The attempts of a record, as `provider/model:outcome`.
pub fn attempts(record: &Value) -> Vec<String> {
    let rows = record["attempts"].as_array().cloned().unwrap_or_default();
    rows.iter()
        .map(|row| {
            format!(
                "{}/{}:{}",
                text(&row["provider"]),
                text(&row["model"]),
                text(&row["outcome"])
            )
        })
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("")
}

/// Counts of whatever has a name.
pub fn tally<T: Ord>(of: impl IntoIterator<Item = T>) -> BTreeMap<T, usize> {
    let mut tally = BTreeMap::new();
    of.into_iter()
        .for_each(|item| *tally.entry(item).or_insert(0) += 1);
    tally
}
