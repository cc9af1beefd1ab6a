//! What it costs that somebody watches: an open dashboard is one stream of events, which says the same number of things a
//! second, however many requests there are.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, ensure};
use memchr::memmem;
use tidegate::clock;

use super::Options;
use super::cases::{self, Case};
use super::cpu;
use super::load::Load;
use super::proxies::{GATEWAY, PATIENCE, Process, Stage, wait_a_little};
use super::report::median;

/// Requests a second.
const RATES: [usize; 2] = [50, 5000];
/// Of a round.
const LASTS: Duration = Duration::from_secs(4);
/// Requests of a run that counts instructions: some seconds at the lower rate, and as many as come through at once.
const COUNTED: [(usize, Option<usize>); 2] = [(500, Some(RATES[0])), (5000, None)];

/// Measures and prints.
pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let stage = Stage::new(dir.path())?;
    let upstream = stage.upstream()?;
    let binary = Path::new(&options.gateway);
    let case = cases::all()
        .into_iter()
        .find(|case| case.name == "2 KB chat");
    let case = case.context("the case is gone")?;
    let load = Load::new(options.connections)?;
    println!("{}", cpu::machine());
    println!("{}", std::env::args().collect::<Vec<_>>().join(" "));
    let gateway = match options.callgrind {
        true => stage.counted(binary, upstream.addr)?,
        false => stage.gateway(GATEWAY, binary, None, upstream.addr)?,
    };
    let token = token(&dir.path().join(GATEWAY))?;
    let scene = Scene {
        load: &load,
        case: &case,
        gateway: &gateway,
        token: &token,
    };
    if options.callgrind {
        return counted(&scene, dir.path());
    }
    let rounds = options.rounds.unwrap_or(5);
    println!(
        "{rounds} rounds of {} s each way, after one to warm up\n",
        LASTS.as_secs()
    );
    println!("  requests/s  watched  CPU us/req  of rounds    ratio  events/s  bytes/s");
    for rate in RATES {
        timed(&scene, rate, rounds)?;
    }
    Ok(())
}

/// What the machine's own token is: the gateway writes it when its admin side is there.
fn token(dir: &Path) -> anyhow::Result<String> {
    let file = dir.join("data/admin.token");
    let began = clock::now();
    loop {
        let token = fs::read_to_string(&file).unwrap_or_default();
        if !token.is_empty() {
            return Ok(token.trim().to_owned());
        }
        let late = clock::now().since(began) > PATIENCE;
        ensure!(!late, "there is no {}", file.display());
        wait_a_little();
    }
}

/// What a measure asks, and whom.
struct Scene<'a> {
    load: &'a Load,
    case: &'a Case,
    gateway: &'a Process,
    token: &'a str,
}

impl Scene<'_> {
    fn paced(&self, requests: usize, rate: Option<usize>) -> anyhow::Result<()> {
        let round = self
            .load
            .paced(self.gateway.addr, self.case, requests, rate);
        round.map(drop)
    }

    fn watcher(&self) -> anyhow::Result<Watcher> {
        Watcher::open(self.gateway.addr, self.token)
    }
}

fn timed(scene: &Scene<'_>, rate: usize, rounds: usize) -> anyhow::Result<()> {
    let requests = rate * usize::try_from(LASTS.as_secs())?;
    let mut costs = [Vec::new(), Vec::new()];
    let mut heard = Heard::default();
    for round in 0..=rounds {
        for (watched, costs) in costs.iter_mut().enumerate() {
            let watcher = (watched == 1).then(|| scene.watcher());
            let watcher = watcher.transpose()?;
            let before = cpu::used(scene.gateway.pid())?;
            scene.paced(requests, Some(rate))?;
            let used = cpu::used(scene.gateway.pid())?.since(before);
            if let Some(watcher) = watcher {
                heard.add(&watcher.close()?);
            }
            if round > 0 {
                costs.push(used.as_secs_f64() * 1e6 / requests as f64);
            }
        }
    }
    let middle = |costs: &[f64]| median(costs).unwrap_or(0.0);
    let alone = middle(&costs[0]);
    for (costs, watched) in costs.iter().zip(["no", "yes"]) {
        let low = costs.iter().copied().fold(f64::MAX, f64::min);
        let high = costs.iter().copied().fold(0.0, f64::max);
        let told = match watched {
            "yes" => format!(
                "{:>10.2}{:>9.0}",
                heard.events_per_second(),
                heard.bytes_per_second()
            ),
            _ => format!("{:>10}{:>9}", "-", "-"),
        };
        println!(
            "  {rate:>10}{watched:>9}{:>12.1}  {low:>5.1}-{high:<6.1}{:>6.3}{told}",
            middle(costs),
            middle(costs) / alone
        );
    }
    Ok(())
}

/// Instructions instead of time: they are the same on a busy machine.
fn counted(scene: &Scene<'_>, dir: &Path) -> anyhow::Result<()> {
    scene.paced(300, None)?;
    println!("instructions of the whole process, by callgrind\n");
    println!("  requests      paced  watched  instr/request   ratio  events/s");
    for (requests, rate) in COUNTED {
        let (mut sums, mut told) = ([0.0; 2], Heard::default());
        // What grows from one to the next (the database does) falls on both alike.
        for watched in [false, true, true, false] {
            let watcher = watched.then(|| scene.watcher());
            let watcher = watcher.transpose()?;
            control(scene.gateway, "--instr=on")?;
            scene.paced(requests, rate)?;
            control(scene.gateway, "--instr=off")?;
            if let Some(watcher) = watcher {
                told.add(&watcher.close()?);
            }
            control(scene.gateway, "--dump")?;
            sums[usize::from(watched)] += instructions(dir)? as f64;
        }
        let pace = rate.map_or("none".to_owned(), |rate| format!("{rate}/s"));
        for (sum, watched) in sums.iter().zip(["no", "yes"]) {
            let events = match watched {
                "yes" => format!("{:.2}", told.events_per_second()),
                _ => "-".to_owned(),
            };
            println!(
                "  {requests:>8}{pace:>11}{watched:>9}{:>15.0}{:>8.3}{events:>10}",
                sum / (2 * requests) as f64,
                sum / sums[0]
            );
        }
    }
    Ok(())
}

fn control(gateway: &Process, what: &str) -> anyhow::Result<()> {
    let pid = gateway.pid().to_string();
    let done = Command::new("callgrind_control")
        .args([what, &pid])
        .output()?;
    ensure!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stderr)
    );
    Ok(())
}

/// What the dumps say that have come since the last time; they are removed.
fn instructions(dir: &Path) -> anyhow::Result<u64> {
    let mut sum = 0;
    for file in fs::read_dir(dir)? {
        let path = file?.path();
        let is_dump = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("callgrind."));
        if is_dump {
            let text = fs::read_to_string(&path)?;
            let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
            sum += total.map_or(Ok(0), |total| total.trim().parse::<u64>())?;
            fs::remove_file(&path)?;
        }
    }
    ensure!(sum > 0, "callgrind has counted nothing");
    Ok(sum)
}

/// What came over a stream of events.
#[derive(Default)]
struct Heard {
    events: usize,
    bytes: usize,
    time: Duration,
}

impl Heard {
    fn add(&mut self, other: &Heard) {
        self.events += other.events;
        self.bytes += other.bytes;
        self.time += other.time;
    }

    fn events_per_second(&self) -> f64 {
        self.events as f64 / self.time.as_secs_f64()
    }

    fn bytes_per_second(&self) -> f64 {
        self.bytes as f64 / self.time.as_secs_f64()
    }
}

/// An open dashboard.
struct Watcher {
    stream: TcpStream,
    reading: JoinHandle<std::io::Result<Heard>>,
}

impl Watcher {
    /// Connected, and told the first.
    fn open(to: SocketAddr, token: &str) -> anyhow::Result<Watcher> {
        let mut stream = TcpStream::connect(to)?;
        let ask = format!(
            "GET /admin/api/v1/events?requests=failed HTTP/1.1\r\nhost: {to}\r\nauthorization: Bearer {token}\r\n\
             accept: text/event-stream\r\n\r\n"
        );
        stream.write_all(ask.as_bytes())?;
        let mut text = Vec::new();
        let mut buffer = [0; 16 << 10];
        while memmem::find(&text, b"event: stats").is_none() {
            let read = stream.read(&mut buffer)?;
            text.extend_from_slice(&buffer[..read]);
            ensure!(
                read > 0 && text.starts_with(b"HTTP/1.1 200"),
                "no events: {}",
                String::from_utf8_lossy(&text)
            );
        }
        let mut reader = stream.try_clone()?;
        let began = clock::now();
        let reading = std::thread::spawn(move || {
            let mut heard = Heard::default();
            let mut text = Vec::new();
            loop {
                let read = reader.read(&mut buffer)?;
                if read == 0 {
                    break;
                }
                heard.bytes += read;
                text.extend_from_slice(&buffer[..read]);
                heard.time = clock::now().since(began);
            }
            heard.events = memmem::find_iter(&text, b"\nevent: ").count();
            Ok(heard)
        });
        Ok(Watcher { stream, reading })
    }

    fn close(self) -> anyhow::Result<Heard> {
        self.stream.shutdown(Shutdown::Both)?;
        let heard = self.reading.join();
        Ok(heard.map_err(|_| anyhow::anyhow!("the watcher broke"))??)
    }
}
