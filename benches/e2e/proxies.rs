use std::fs;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use parking_lot::Mutex;
use tidegate::clock;
use tokio::signal::unix::{SignalKind, signal};

use super::cases::Kind;
use super::load::KEY;

/// The gateway's name in the report.
pub(super) const GATEWAY: &str = "tidegate";
/// That of another build of it.
pub(super) const BESIDE: &str = "the other";

/// Time for a process to listen.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Where nginx is looked for.
const NGINX: &[&str] = &[
    "/usr/sbin/nginx",
    "/usr/bin/nginx",
    "/usr/local/sbin/nginx",
    "/usr/local/bin/nginx",
];

const NGINX_CONF: &str = r#"
daemon off;
master_process off;
worker_processes 1;
pid {dir}/nginx.pid;
error_log {dir}/nginx-error.log;
events { worker_connections 1024; }
http {
    access_log off;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    client_body_buffer_size 4m;
    client_body_temp_path {dir}/nginx-body;
    proxy_temp_path {dir}/nginx-proxy;
    fastcgi_temp_path {dir}/nginx-fastcgi;
    uwsgi_temp_path {dir}/nginx-uwsgi;
    scgi_temp_path {dir}/nginx-scgi;
    upstream vendor { server {upstream}; keepalive 256; keepalive_requests 1000000000; }
    server {
        listen {listen};
        location / {
            proxy_pass http://vendor;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }
    }
}
"#;

const GATEWAY_CONF: &str = r#"
version: 1
threads: 1
gateway:
  listen: [ "{listen}" ]
  auth: keys
  client_keys:
    - name: bench
      value: "{key}"
      tenant: bench
      limits: { rpm: 100000000, tpm: 100000000000, concurrency: 1000, quota: { requests: 1000000000 }, budget: { usd: 1000000 } }
  tenants:
    - { name: bench, limits: { rpm: 100000000, budget: { usd: 1000000 } } }
  prices:
    upstream-model-*: { input: 2.5, cached: 1.25, output: 10 }
  log: { format: text, file: "{dir}/access.log", requests: true }
  providers:
    - { name: openai_chat, format: openai_chat, base_url: "http://{upstream}/v1", keys: [ upstream-key ] }
    - { name: anthropic, format: anthropic, base_url: "http://{upstream}/v1", keys: [ upstream-key ] }
  models:
"#;

/// A process that ends with this value.
pub(super) struct Process {
    pub(super) name: &'static str,
    pub(super) addr: SocketAddr,
    child: Child,
}

impl Process {
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Errors say that it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Where processes are started.
pub(super) struct Stage {
    /// For their files.
    dir: PathBuf,
    /// Those that a signal has to end.
    started: Arc<Mutex<Vec<u32>>>,
}

impl Stage {
    /// From now on a signal that ends this process ends what it has started: values are not dropped then.
    pub(super) fn new(dir: &Path) -> anyhow::Result<Stage> {
        let stage = Stage {
            dir: dir.to_owned(),
            started: Arc::default(),
        };
        let (dir, started) = (stage.dir.clone(), Arc::clone(&stage.started));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        std::thread::spawn(move || {
            if runtime.block_on(signalled()).is_ok() {
                for pid in started.lock().iter() {
                    Command::new("kill")
                        .args(["-9", &pid.to_string()])
                        .status()
                        .ok();
                }
                fs::remove_dir_all(dir).ok();
                std::process::exit(130);
            }
        });
        Ok(stage)
    }

    pub(super) fn upstream(&self) -> anyhow::Result<Process> {
        let addr = free_port()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("upstream").arg(addr.to_string());
        self.start("upstream", addr, &mut command)
    }

    pub(super) fn bare(&self, upstream: SocketAddr) -> anyhow::Result<Process> {
        let addr = free_port()?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("bare")
            .args([addr.to_string(), upstream.to_string()]);
        self.start("bare Pingora", addr, &mut command)
    }

    /// `None` where it is not installed.
    pub(super) fn nginx(&self, upstream: SocketAddr) -> anyhow::Result<Option<Process>> {
        let Some(binary) = NGINX.iter().find(|p| Path::new(p).exists()) else {
            return Ok(None);
        };
        let addr = free_port()?;
        let file = configure(&self.dir, "nginx.conf", NGINX_CONF, [addr, upstream])?;
        let mut command = Command::new(binary);
        command.arg("-p").arg(&self.dir).arg("-c").arg(&file);
        command.arg("-e").arg(self.dir.join("nginx-error.log"));
        self.start("nginx", addr, &mut command).map(Some)
    }

    /// The gateway with all that a request meets in earnest: client keys, limits of a key and of its tenant, prices, metrics,
    /// an access log in a file, the store with statistics and rows.
    pub(super) fn gateway(
        &self,
        name: &'static str,
        binary: &Path,
        config: Option<&Path>,
        upstream: SocketAddr,
    ) -> anyhow::Result<Process> {
        let addr = free_port()?;
        let template = match config {
            Some(file) => fs::read_to_string(file)?,
            None => gateway_conf(),
        };
        let dir = self.home(name)?;
        let file = configure(&dir, "gateway.yaml", &template, [addr, upstream])?;
        let mut command = Command::new(fs::canonicalize(binary).context("the gateway's binary")?);
        // Nobody's settings but the file's.
        command.arg("-c").arg(&file).current_dir(&dir).env_clear();
        self.start(name, addr, &mut command)
    }

    /// The gateway under callgrind, which counts once it is told to; its dumps are files of the stage.
    pub(super) fn counted(&self, binary: &Path, upstream: SocketAddr) -> anyhow::Result<Process> {
        let addr = free_port()?;
        let dir = self.home(GATEWAY)?;
        let file = configure(&dir, "gateway.yaml", &gateway_conf(), [addr, upstream])?;
        let mut command = Command::new("valgrind");
        let dumps = self.dir.join("callgrind.%p");
        command
            .args(["--tool=callgrind", "--instr-atstart=no"])
            .arg(format!("--callgrind-out-file={}", dumps.display()))
            .arg(fs::canonicalize(binary).context("the gateway's binary")?)
            .arg("-c")
            .arg(&file)
            .current_dir(&dir);
        self.start(GATEWAY, addr, &mut command)
    }

    /// A folder of one gateway's own, for its database and its log.
    fn home(&self, name: &str) -> io::Result<PathBuf> {
        let dir = self.dir.join(name);
        fs::create_dir_all(&dir)?;
        Ok(dir)
    }

    fn start(
        &self,
        name: &'static str,
        addr: SocketAddr,
        command: &mut Command,
    ) -> anyhow::Result<Process> {
        let log = self.dir.join(format!("{name}.log"));
        let output = fs::File::create(&log)?;
        // Our own processes end when their input does; the others take no notice of it.
        command
            .stdin(Stdio::piped())
            .stdout(output.try_clone()?)
            .stderr(output);
        let child = command
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        self.started.lock().push(child.id());
        let mut process = Process { name, addr, child };
        let began = clock::now();
        while TcpStream::connect(addr).is_err() {
            let ended = process.child.try_wait()?;
            if ended.is_some() || clock::now().since(began) > PATIENCE {
                let said = fs::read_to_string(&log).unwrap_or_default();
                bail!("{name} does not listen on {addr}: {}", said.trim());
            }
            wait_a_little();
        }
        Ok(process)
    }
}

async fn signalled() -> std::io::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        _ = terminated.recv() => Ok(()),
        interrupted = tokio::signal::ctrl_c() => interrupted,
    }
}

/// A free port on loopback. Whoever binds it next is most likely us.
fn free_port() -> anyhow::Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

#[allow(clippy::disallowed_methods, reason = "a port that opens tells nobody")]
pub(super) fn wait_a_little() {
    std::thread::sleep(Duration::from_millis(20));
}

fn configure(
    dir: &Path,
    name: &str,
    template: &str,
    [listen, upstream]: [SocketAddr; 2],
) -> anyhow::Result<PathBuf> {
    let filled = template
        .replace("{listen}", &listen.to_string())
        .replace("{upstream}", &upstream.to_string())
        .replace("{key}", KEY)
        .replace("{dir}", &dir.display().to_string());
    let file = dir.join(name);
    fs::write(&file, filled)?;
    Ok(file)
}

fn gateway_conf() -> String {
    let mut conf = GATEWAY_CONF.to_owned();
    for kind in Kind::ALL {
        let provider = if kind.is_anthropic() {
            "anthropic"
        } else {
            "openai_chat"
        };
        conf.push_str(&format!(
            "    - {{ name: {}, endpoints: [ {{ provider: {provider}, model: {} }} ] }}\n",
            kind.virtual_model(),
            kind.upstream_model()
        ));
    }
    conf
}
