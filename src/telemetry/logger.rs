//! Log lines of the program itself: text or JSON, through the one sink.

use std::io::{self, Write};

use env_logger::{Builder, Target, fmt::Formatter};
use log::{LevelFilter, Record};

use crate::clock;
use crate::config::LogFormat;
use crate::telemetry::Sink;
use crate::telemetry::access::{write_json_string, write_time};

/// Installs the logger. `level` is for our own lines; of Pingora's, only errors are let through.
/// Does nothing when a logger is installed already.
pub fn install(sink: &Sink, format: LogFormat, level: LevelFilter) {
    let mut builder = Builder::new();
    // Pingora speaks of every client that hangs up; that is our access line's business.
    builder
        .filter_level(level.min(LevelFilter::Warn))
        .filter_module("tidegate", level)
        .filter_module("pingora", level.min(LevelFilter::Error))
        .target(Target::Pipe(Box::new(sink.clone())))
        .format(move |out, record| match format {
            _ if is_harmless(record) => Ok(()),
            LogFormat::Text => write_text(out, record),
            LogFormat::Json => write_json(out, record),
        });
    if builder.try_init().is_err() {
        log::debug!("a logger is installed already");
    }
}

/// Pingora calls it an error that a connection which it wanted to use again is in somebody else's hands, or gone: it makes
/// another one, and nobody notices.
fn is_harmless(record: &Record<'_>) -> bool {
    record.target().starts_with("pingora_core::connectors")
        && record.args().as_str() == Some("failed to acquire reusable stream")
}

fn write_text(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let mut line = Vec::with_capacity(128);
    write_time(&mut line, clock::wall());
    writeln!(
        line,
        " {:<5} {}: {}",
        record.level(),
        record.target(),
        record.args()
    )?;
    out.write_all(&line)
}

fn write_json(out: &mut Formatter, record: &Record<'_>) -> io::Result<()> {
    let mut line = Vec::with_capacity(128);
    line.extend_from_slice(b"{\"time\":\"");
    write_time(&mut line, clock::wall());
    write!(
        line,
        "\",\"level\":\"{}\",\"target\":",
        record.level().as_str().to_lowercase()
    )?;
    write_json_string(&mut line, record.target());
    line.extend_from_slice(b",\"message\":");
    write_json_string(&mut line, &record.args().to_string());
    line.extend_from_slice(b"}\n");
    out.write_all(&line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_that_one_line_of_pingoras_is_left_out() {
        let of = |target: &str, text: &std::fmt::Arguments<'_>| {
            is_harmless(&Record::builder().target(target).args(*text).build())
        };
        let said = format_args!("failed to acquire reusable stream");
        assert!(of("pingora_core::connectors", &said));
        assert!(!of("tidegate::proxy", &said));
        let other = format_args!("failed to connect");
        assert!(!of("pingora_core::connectors", &other));
    }
}
