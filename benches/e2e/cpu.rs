use std::fs;
use std::time::Duration;

use anyhow::Context;

/// CPU time, user and system, that this process has used so far: what the scheduler has booked for its threads, in
/// nanoseconds (`/proc/PID/schedstat`, per thread).
pub(super) fn used(pid: u32) -> anyhow::Result<Duration> {
    let mut nanos = 0;
    let threads = fs::read_dir(format!("/proc/{pid}/task")).context("the proxy has ended")?;
    for thread in threads {
        let text = fs::read_to_string(thread?.path().join("schedstat"))?;
        let ran = text.split_whitespace().next().unwrap_or_default();
        nanos += ran.parse::<u64>().context("schedstat")?;
    }
    Ok(Duration::from_nanos(nanos))
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
