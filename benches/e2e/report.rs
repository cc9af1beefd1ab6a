use std::time::Duration;

use serde_json::{Value, json};

/// What one proxy has shown in one case.
pub(super) struct Figures {
    pub(super) proxy: &'static str,
    /// CPU microseconds per request, of every round; empty where there is no proxy.
    pub(super) cpu: Vec<f64>,
    /// Those of the threads that write records, beside all requests.
    pub(super) records: Vec<f64>,
    /// What those threads had used when the last round ended.
    pub(super) recorded: Duration,
    /// The same divided by bare Pingora's in the same round.
    pub(super) ratios: Vec<f64>,
    /// Microseconds, of all rounds, sorted.
    pub(super) latencies: Vec<u32>,
    pub(super) per_second: f64,
    /// KiB, at the end of the case and at its highest so far.
    pub(super) memory: (u64, u64),
}

pub(super) struct CaseReport {
    pub(super) name: &'static str,
    pub(super) promised: Option<f64>,
    pub(super) request_bytes: usize,
    pub(super) answer_bytes: usize,
    pub(super) figures: Vec<Figures>,
}

pub(super) struct Report {
    pub(super) machine: String,
    pub(super) command: String,
    pub(super) rounds: usize,
    pub(super) connections: usize,
    pub(super) notes: Vec<String>,
    pub(super) cases: Vec<CaseReport>,
}

pub(super) fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (sorted.len().checked_sub(1)? / 2, sorted.len() / 2);
    Some((sorted.get(low)? + sorted.get(high)?) / 2.0)
}

impl Figures {
    fn percentile(&self, percent: usize) -> u32 {
        let at = (self.latencies.len() * percent / 100).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(at).copied().unwrap_or(0)
    }

    /// How far the rounds lie apart, from the lowest to the highest ratio.
    fn spread(&self) -> Option<(f64, f64)> {
        let low = self.ratios.iter().copied().min_by(f64::total_cmp)?;
        let high = self.ratios.iter().copied().max_by(f64::total_cmp)?;
        Some((low, high))
    }

    fn json(&self) -> Value {
        json!({
            "proxy": self.proxy, "cpu_us_per_request": median(&self.cpu), "cpu_us_rounds": self.cpu,
            "records_cpu_us_per_request": median(&self.records),
            "ratio": median(&self.ratios), "ratio_rounds": self.ratios, "p50_us": self.percentile(50),
            "p99_us": self.percentile(99), "requests_per_second": self.per_second.round(),
            "rss_kib": self.memory.0, "rss_peak_kib": self.memory.1,
        })
    }

    fn line(&self, promised: Option<f64>) -> String {
        let number = |value: Option<f64>, digits: usize| {
            value.map_or("-".to_owned(), |v| format!("{v:.digits$}"))
        };
        let ratio = median(&self.ratios);
        let spread = self
            .spread()
            .map_or(String::new(), |(low, high)| format!("{low:.2}-{high:.2}"));
        let verdict = match (self.proxy, ratio, promised) {
            ("tidegate", Some(ratio), Some(promised)) if ratio <= promised => {
                format!("  <= {promised}")
            }
            ("tidegate", Some(_), Some(promised)) => format!("  OVER {promised}"),
            _ => String::new(),
        };
        let rss = match self.memory.0 {
            0 => "-".to_owned(),
            kib => format!("{:.1}", kib as f64 / 1024.0),
        };
        format!(
            "  {:<14}{:>10}{:>9}{:>8}  {:<10}{:>9}{:>9}{:>9.0}{:>8}{verdict}",
            self.proxy,
            number(median(&self.cpu), 1),
            number(median(&self.records).filter(|us| *us > 0.0), 1),
            number(ratio, 2),
            spread,
            self.percentile(50),
            self.percentile(99),
            self.per_second,
            rss
        )
    }
}

impl Report {
    pub(super) fn table(&self) -> String {
        let mut text = format!(
            "{}\n{}\n{} rounds after one to warm up, proxies in turn; {} connections; one worker thread each\n",
            self.machine, self.command, self.rounds, self.connections
        );
        for note in &self.notes {
            text.push_str(&format!("note: {note}\n"));
        }
        for case in &self.cases {
            text.push_str(&format!(
                "\n{} ({} bytes up, {} down)\n  {:<14}{:>10}{:>9}{:>8}  {:<10}{:>9}{:>9}{:>9}{:>8}\n",
                case.name,
                case.request_bytes,
                case.answer_bytes,
                "proxy",
                "CPU us/req",
                "records",
                "ratio",
                "of rounds",
                "p50 us",
                "p99 us",
                "req/s",
                "RSS MB"
            ));
            for figures in &case.figures {
                text.push_str(&figures.line(case.promised));
                text.push('\n');
            }
        }
        text
    }

    pub(super) fn json(&self) -> Value {
        let case = |case: &CaseReport| {
            json!({
                "case": case.name, "promised": case.promised, "request_bytes": case.request_bytes,
                "answer_bytes": case.answer_bytes,
                "proxies": case.figures.iter().map(Figures::json).collect::<Vec<_>>(),
            })
        };
        json!({
            "machine": self.machine, "command": self.command, "rounds": self.rounds,
            "connections": self.connections, "notes": self.notes,
            "cases": self.cases.iter().map(case).collect::<Vec<_>>(),
        })
    }
}
