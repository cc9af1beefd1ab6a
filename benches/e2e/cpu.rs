use std::fs;
use std::time::Duration;

use anyhow::Context;

/// CPU time, user and system.
#[derive(Default, Clone, Copy)]
pub(super) struct Used {
    /// Of the threads that serve requests, and bring the log to its file.
    pub(super) serving: Duration,
    /// Of those that tell finished requests (lines, metrics) and write them into the database, and of the database where
    /// it is one of the process's threads.
    pub(super) records: Duration,
}

impl Used {
    /// All that was used since then.
    pub(super) fn since(self, before: Used) -> Duration {
        let all = |used: Used| used.serving + used.records;
        all(self).saturating_sub(all(before))
    }
}

/// What this process has used so far: what the scheduler has booked for its threads, in nanoseconds
/// (`/proc/PID/schedstat`, per thread).
pub(super) fn used(pid: u32) -> anyhow::Result<Used> {
    let mut used = Used::default();
    let threads = fs::read_dir(format!("/proc/{pid}/task")).context("the proxy has ended")?;
    for thread in threads {
        let thread = thread?.path();
        let text = fs::read_to_string(thread.join("schedstat"))?;
        let ran = text.split_whitespace().next().unwrap_or_default();
        let ran = Duration::from_nanos(ran.parse().context("schedstat")?);
        match fs::read_to_string(thread.join("comm"))?.starts_with("records") {
            true => used.records += ran,
            false => used.serving += ran,
        }
    }
    Ok(used)
}

/// Resident memory of this process in KiB, now and at its highest.
pub(super) fn memory(pid: u32) -> anyhow::Result<(u64, u64)> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|l| l.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    Ok((field("VmRSS:").unwrap_or(0), field("VmHWM:").unwrap_or(0)))
}

/// Model of the processor, cores, kernel.
pub(super) fn machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find_map(|l| l.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown processor", |(_, name)| name);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{model}, {cores} cores, Linux {}", kernel.trim())
}
