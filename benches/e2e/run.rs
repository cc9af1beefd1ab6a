use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use super::Options;
use super::cases::{self, Case};
use super::cpu;
use super::load::Load;
use super::proxies::{BESIDE, GATEWAY, Process, Stage};
use super::report::{CaseReport, Figures, Report};

/// The name under which the upstream is asked without a proxy, to show what the load generator can do.
const DIRECT: &str = "(direct)";

/// Measures and prints.
pub(super) fn run(options: &Options) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let mut notes = Vec::new();
    let stage = Stage::new(dir.path())?;
    let upstream = stage.upstream()?;
    let mut proxies = vec![stage.bare(upstream.addr)?];
    match stage.nginx(upstream.addr)? {
        Some(nginx) => proxies.push(nginx),
        None => notes.push("nginx is not installed".to_owned()),
    }
    if options.gateway == "none" {
        notes.push("without the gateway".to_owned());
    } else {
        let own = Some((GATEWAY, Path::new(&options.gateway)));
        let other = options.beside.as_deref().map(|binary| (BESIDE, binary));
        let config = options.config.as_deref();
        for (name, binary) in own.into_iter().chain(other) {
            proxies.push(stage.gateway(name, binary, config, upstream.addr)?);
        }
    }
    let bench = Bench {
        load: Load::new(options.connections)?,
        rounds: options.rounds.unwrap_or(if options.quick { 5 } else { 28 }),
        direct: upstream.addr,
        proxies,
    };
    let wanted = |case: &Case| {
        options.case.is_empty() || options.case.iter().any(|c| case.name.contains(c.as_str()))
    };
    let mut reports = Vec::new();
    for case in cases::all().iter().filter(|c| wanted(c)) {
        eprintln!("measuring {} …", case.name);
        reports.push(bench.measure(case)?);
    }
    let report = Report {
        machine: cpu::machine(),
        command: std::env::args().collect::<Vec<_>>().join(" "),
        rounds: bench.rounds,
        connections: options.connections,
        notes,
        cases: reports,
    };
    match options.json {
        true => println!("{:#}", report.json()),
        false => print!("{}", report.table()),
    }
    Ok(())
}

struct Bench {
    load: Load,
    rounds: usize,
    direct: SocketAddr,
    proxies: Vec<Process>,
}

impl Bench {
    fn measure(&self, case: &Case) -> anyhow::Result<CaseReport> {
        let names = self.proxies.iter().map(|p| p.name).chain([DIRECT]);
        let mut figures: Vec<Figures> = names.map(Figures::new).collect();
        for round in 0..=self.rounds {
            let mut baseline = None;
            for (proxy, figures) in self.proxies.iter().zip(&mut figures) {
                let asked = case.of(proxy.name);
                let [cost, records] = self.ask(proxy, asked, figures)?;
                let base = *baseline.get_or_insert(cost);
                figures.cpu.push(cost);
                figures.records.push(records);
                figures.ratios.push(cost / base);
                figures.memory = cpu::memory(proxy.pid())?;
            }
            if let Some(direct) = figures.last_mut() {
                self.load(self.direct, case, direct)?;
            }
            if round == 0 {
                figures.iter_mut().for_each(Figures::forget);
            }
        }
        for figures in &mut figures {
            figures.latencies.sort_unstable();
            figures.per_second /= self.rounds as f64;
        }
        Ok(CaseReport {
            name: case.name,
            promised: case.promised,
            request_bytes: case.body.len(),
            answer_bytes: case.answer.len(),
            figures,
        })
    }

    /// One round at one proxy: CPU microseconds per request, to serve it and to record it.
    fn ask(&self, proxy: &Process, case: &Case, into: &mut Figures) -> anyhow::Result<[f64; 2]> {
        let before = cpu::used(proxy.pid())?;
        let requests = self.load(proxy.addr, case, into)?;
        let after = cpu::used(proxy.pid())?;
        let serving = after.serving.saturating_sub(before.serving);
        // Records are written a little later: those of this round while the next proxy is asked, those of the last meanwhile.
        let records = after.records.saturating_sub(into.recorded);
        into.recorded = after.records;
        Ok([serving, records].map(|time| time.as_secs_f64() * 1e6 / requests as f64))
    }

    /// One round at one address; how many requests that were.
    fn load(&self, to: SocketAddr, case: &Case, into: &mut Figures) -> anyhow::Result<usize> {
        let round = self.load.round(to, case, case.requests);
        let round = round.map_err(|e| e.context(format!("{}: {}", into.proxy, case.name)))?;
        into.per_second += round.requests as f64 / round.elapsed.as_secs_f64();
        into.latencies.extend(round.latencies);
        Ok(round.requests)
    }
}

impl Figures {
    fn new(proxy: &'static str) -> Figures {
        Figures {
            proxy,
            cpu: Vec::new(),
            records: Vec::new(),
            recorded: Duration::ZERO,
            ratios: Vec::new(),
            latencies: Vec::new(),
            per_second: 0.0,
            memory: (0, 0),
        }
    }

    /// After the round that warms up.
    fn forget(&mut self) {
        *self = Figures {
            recorded: self.recorded,
            ..Figures::new(self.proxy)
        };
    }
}
