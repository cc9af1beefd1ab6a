//! The access line: one line a request, text (`key=value`) or JSON.

use std::io::Write;
use std::net::IpAddr;
use std::time::Duration;

use crate::config::LogFormat;
use crate::ir::Usage;
use crate::ledger::{AttemptRow, CandidateRow, Record, Usd};

/// Appends the record's line, with its line feed.
pub fn write_line(out: &mut Vec<u8>, record: &Record, format: LogFormat) {
    let mut line = match format {
        LogFormat::Text => Line::text(out, record.at),
        LogFormat::Json => Line::json(out, record.at),
    };
    line.word("id", record.id.as_str());
    if let Some(client) = record.client {
        line.address("client", client);
    }
    line.maybe("key", record.client_key.as_deref());
    line.maybe("tenant", record.tenant.as_deref());
    line.word("method", record.method.as_str());
    line.word("path", &record.path);
    line.maybe("format", record.format.map(|f| f.name()));
    line.maybe("asked", record.asked_model.as_deref());
    line.maybe("model", record.model.as_deref());
    line.maybe("route", record.route.as_deref());
    line.flag("stream", record.stream);
    line.number("status", record.status);
    line.word("ending", record.ending.name());
    line.number("bytes_in", record.bytes_in);
    line.number("bytes_out", record.bytes_out);
    if let Some(first) = record.first_content {
        line.millis("first_ms", first);
    }
    line.millis("total_ms", record.total);
    if let Some((owner, limit)) = record.limited {
        line.joined("limited", [owner, limit]);
    }
    usage(&mut line, record);
    cost(&mut line, record);
    line.attempts(&record.attempts);
    line.passed_over(&record.candidates);
    line.maybe("dropped", record.dropped.as_deref());
    line.end();
}

fn usage(line: &mut Line<'_>, record: &Record) {
    for (name, tokens) in buckets(&record.usage) {
        if let Some(tokens) = tokens {
            line.number(name, tokens);
        }
    }
    if record.usage_estimated {
        line.flag("usage_estimated", true);
    }
    spent(line, record);
}

/// What all attempts have used, where that is more than the answer of which the line tells.
fn spent(line: &mut Line<'_>, record: &Record) {
    let all = record.spent().fold(Usage::default(), Usage::plus);
    let zero = |(_, tokens): (_, Option<u64>)| tokens.unwrap_or(0);
    if buckets(&all).map(zero) == buckets(&record.usage).map(zero) || !all.is_known() {
        return;
    }
    for ((_, tokens), name) in buckets(&all).into_iter().zip(SPENT) {
        if let Some(tokens) = tokens {
            line.number(name, tokens);
        }
    }
}

/// In the order of [`buckets`].
const SPENT: [&str; 6] = [
    "spent_input",
    "spent_cache_read",
    "spent_cache_write",
    "spent_output",
    "spent_reasoning",
    "spent_audio",
];

/// Nothing is said where there is nothing to pay, or no price for it.
fn cost(line: &mut Line<'_>, record: &Record) {
    if record.spent().any(|usage| usage.total() > 0)
        && let Some(nano) = record.cost()
    {
        line.name("cost_usd");
        append(line.out, format_args!("{}", Usd(nano)));
    }
}

/// Tokens by the bucket that they are told in; `None`: nobody has said. They share none.
pub fn buckets(usage: &Usage) -> [(&'static str, Option<u64>); 6] {
    [
        ("input", usage.input),
        ("cache_read", usage.cache_read),
        ("cache_write", usage.cache_write),
        ("output", usage.output),
        ("reasoning", usage.reasoning),
        ("audio", usage.audio()),
    ]
}

struct Line<'a> {
    out: &'a mut Vec<u8>,
    json: bool,
}

impl<'a> Line<'a> {
    fn text(out: &'a mut Vec<u8>, at: Duration) -> Line<'a> {
        write_time(out, at);
        out.extend_from_slice(b" REQ  ");
        Line { out, json: false }
    }

    fn json(out: &'a mut Vec<u8>, at: Duration) -> Line<'a> {
        out.extend_from_slice(b"{\"time\":\"");
        write_time(out, at);
        out.extend_from_slice(b"\",\"level\":\"request\"");
        Line { out, json: true }
    }

    fn name(&mut self, name: &str) {
        if self.json {
            self.out.extend_from_slice(b",\"");
            self.out.extend_from_slice(name.as_bytes());
            self.out.extend_from_slice(b"\":");
        } else {
            if self.out.last() != Some(&b' ') {
                self.out.push(b' ');
            }
            self.out.extend_from_slice(name.as_bytes());
            self.out.push(b'=');
        }
    }

    /// A value that a stranger may have chosen.
    fn word(&mut self, name: &str, value: &str) {
        self.name(name);
        if self.json || !is_plain(value) {
            write_json_string(self.out, value);
        } else {
            self.out.extend_from_slice(value.as_bytes());
        }
    }

    fn maybe(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.word(name, value);
        }
    }

    /// Two of our own words as `key.rpm`.
    fn joined(&mut self, name: &str, [left, right]: [&str; 2]) {
        self.name(name);
        let quote: &[u8] = if self.json { b"\"" } else { b"" };
        for part in [quote, left.as_bytes(), b".", right.as_bytes(), quote] {
            self.out.extend_from_slice(part);
        }
    }

    fn flag(&mut self, name: &str, value: bool) {
        self.name(name);
        let text: &[u8] = if value { b"true" } else { b"false" };
        self.out.extend_from_slice(text);
    }

    fn number(&mut self, name: &str, value: impl itoa::Integer) {
        self.name(name);
        write_number(self.out, value);
    }

    fn address(&mut self, name: &str, value: IpAddr) {
        self.name(name);
        let quote: &[u8] = if self.json { b"\"" } else { b"" };
        self.out.extend_from_slice(quote);
        match value {
            IpAddr::V4(v4) => write_padded(self.out, &v4.octets().map(u64::from), ".", 1),
            IpAddr::V6(_) => append(self.out, format_args!("{value}")),
        }
        self.out.extend_from_slice(quote);
    }

    fn millis(&mut self, name: &str, value: Duration) {
        self.name(name);
        write_millis(self.out, value);
    }

    fn attempts(&mut self, attempts: &[AttemptRow]) {
        if attempts.is_empty() {
            return;
        }
        self.name("attempts");
        if self.json {
            self.out.push(b'[');
            for (n, row) in attempts.iter().enumerate() {
                if n > 0 {
                    self.out.push(b',');
                }
                json_attempt(self.out, row, attempts.len() > 1);
            }
            self.out.push(b']');
        } else {
            for (n, row) in attempts.iter().enumerate() {
                if n > 0 {
                    self.out.push(b',');
                }
                text_attempt(self.out, row);
            }
        }
    }

    /// Who could have been asked and was not, and why.
    fn passed_over(&mut self, candidates: &[CandidateRow]) {
        let asked = ["asked", "not_reached"];
        let mut passed = candidates
            .iter()
            .filter(|row| !asked.contains(&row.seen))
            .peekable();
        if passed.peek().is_none() {
            return;
        }
        self.name("skipped");
        if self.json {
            self.out.push(b'[');
        }
        for (n, row) in passed.enumerate() {
            if n > 0 {
                self.out.push(b',');
            }
            if self.json {
                json_candidate(self.out, row);
            } else {
                self.out.extend_from_slice(row.provider.as_bytes());
                self.out.push(b'/');
                self.out.extend_from_slice(row.model.as_bytes());
                self.out.push(b':');
                self.out.extend_from_slice(row.seen.as_bytes());
                if let Some(wait) = row.wait.filter(|wait| !wait.is_zero()) {
                    write_span(self.out, wait);
                }
            }
        }
        if self.json {
            self.out.push(b']');
        }
    }

    fn end(self) {
        self.out
            .extend_from_slice(if self.json { b"}\n" } else { b"\n" });
    }
}

/// `relay-a/gpt-4o#1:ok:200:12.3ms`
fn text_attempt(out: &mut Vec<u8>, row: &AttemptRow) {
    out.extend_from_slice(row.provider.as_bytes());
    out.push(b'/');
    out.extend_from_slice(row.model.as_bytes());
    out.push(b'#');
    write_number(out, row.key);
    out.push(b':');
    out.extend_from_slice(row.outcome.as_bytes());
    if let Some(status) = row.status {
        out.push(b':');
        write_number(out, status);
    }
    out.push(b':');
    write_millis(out, row.took);
    out.extend_from_slice(b"ms");
}

/// `with_usage`: there are others, so that what each cost is not what the line says of all.
fn json_attempt(out: &mut Vec<u8>, row: &AttemptRow, with_usage: bool) {
    out.extend_from_slice(b"{\"provider\":");
    write_json_string(out, &row.provider);
    out.extend_from_slice(b",\"model\":");
    write_json_string(out, &row.model);
    out.extend_from_slice(b",\"key\":");
    write_number(out, row.key);
    out.extend_from_slice(b",\"outcome\":\"");
    out.extend_from_slice(row.outcome.as_bytes());
    out.push(b'"');
    if let Some(status) = row.status {
        out.extend_from_slice(b",\"status\":");
        write_number(out, status);
    }
    out.extend_from_slice(b",\"ms\":");
    write_millis(out, row.took);
    if with_usage {
        for (name, tokens) in buckets(&row.usage) {
            if let Some(tokens) = tokens {
                append(out, format_args!(",\"{name}\":{tokens}"));
            }
        }
        if row.usage_estimated {
            out.extend_from_slice(b",\"usage_estimated\":true");
        }
        if let Some(nano) = row.cost().filter(|_| row.usage.total() > 0) {
            append(out, format_args!(",\"cost_usd\":{}", Usd(nano)));
        }
    }
    out.push(b'}');
}

fn json_candidate(out: &mut Vec<u8>, row: &CandidateRow) {
    out.extend_from_slice(b"{\"provider\":");
    write_json_string(out, &row.provider);
    out.extend_from_slice(b",\"model\":");
    write_json_string(out, &row.model);
    append(
        out,
        format_args!(",\"tier\":{},\"why\":\"{}\"", row.tier, row.seen),
    );
    if let Some(wait) = row.wait.filter(|wait| !wait.is_zero()) {
        out.extend_from_slice(b",\"wait_ms\":");
        write_millis(out, wait);
    }
    out.push(b'}');
}

fn is_plain(value: &str) -> bool {
    !value.is_empty()
        && value
            .bytes()
            .all(|b| b.is_ascii_graphic() && b != b'"' && b != b'=')
}

fn write_millis(out: &mut Vec<u8>, value: Duration) {
    let millis = value.as_secs().saturating_mul(1000);
    write_number(out, millis.saturating_add(u64::from(value.subsec_millis())));
    let micros = value.subsec_micros() % 1000;
    let digit = |of: u32| b'0' + u8::try_from(micros / of % 10).unwrap_or(0);
    out.extend_from_slice(&[b'.', digit(100), digit(10), digit(1)]);
}

/// `(12s)`, `(250ms)`: never shorter than it is.
fn write_span(out: &mut Vec<u8>, value: Duration) {
    let millis = value.as_micros().div_ceil(1000);
    let (number, unit) = if millis < 1000 {
        (millis, "ms")
    } else {
        (millis.div_ceil(1000), "s")
    };
    out.push(b'(');
    write_number(out, u64::try_from(number).unwrap_or(u64::MAX));
    out.extend_from_slice(unit.as_bytes());
    out.push(b')');
}

fn write_number(out: &mut Vec<u8>, value: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Numbers of at least so many digits each, with a separator between them.
fn write_padded(out: &mut Vec<u8>, values: &[u64], separator: &str, width: usize) {
    for (n, value) in values.iter().enumerate() {
        if n > 0 {
            out.extend_from_slice(separator.as_bytes());
        }
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(*value);
        let zeros = width.saturating_sub(digits.len());
        out.extend(std::iter::repeat_n(b'0', zeros));
        out.extend_from_slice(digits.as_bytes());
    }
}

fn append(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector cannot fail.
    out.write_fmt(text).unwrap_or_default();
}

/// A JSON string with its quotes.
pub fn write_json_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            c if c.is_control() || turns_lines(c) => {
                append(out, format_args!("\\u{:04x}", u32::from(c)))
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// Ends a line, or turns what stands around it: a terminal would show another line than there is.
fn turns_lines(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `2026-01-31T12:00:00.000Z` (RFC 3339) of a time since the Unix epoch.
pub fn write_time(out: &mut Vec<u8>, since_epoch: Duration) {
    let secs = since_epoch.as_secs();
    let (year, month, day) = civil(secs / 86_400);
    let of_day = secs % 86_400;
    write_padded(out, &[year], "", 4);
    out.push(b'-');
    write_padded(out, &[month, day], "-", 2);
    out.push(b'T');
    let clock = [of_day / 3600, of_day / 60 % 60, of_day % 60];
    write_padded(out, &clock, ":", 2);
    out.push(b'.');
    write_padded(out, &[u64::from(since_epoch.subsec_millis())], "", 3);
    out.push(b'Z');
}

/// Year, month, day of a day since 1970-01-01 (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let era = z / 146_097;
    let doe = z % 146_097;
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RequestId;
    use crate::ledger::{Choice, Ending, Timing};

    fn record() -> Record {
        Record {
            id: RequestId::made(Duration::from_secs(1)),
            at: Duration::from_millis(1_769_860_800_123),
            client: Some("127.0.0.1".parse().unwrap()),
            client_key: Some("ci".into()),
            tenant: Some("search".into()),
            limited: Some(("key", "rpm")),
            refusal: None,
            method: http::Method::POST,
            path: "/v1/chat/completions".into(),
            format: Some(crate::ir::Format::OpenaiChat),
            asked_model: Some("a \"b\"\nc".into()),
            model: Some("sonnet".into()),
            route: None,
            dropped: None,
            candidates: Vec::new(),
            bodies: None,
            stream: true,
            status: 200,
            ending: Ending::Complete,
            bytes_in: 12,
            bytes_out: 34,
            first_content: Some(Duration::from_micros(1500)),
            total: Duration::from_millis(20),
            usage: Usage {
                input: Some(3),
                output: Some(4),
                ..Usage::default()
            },
            usage_estimated: false,
            attempts: vec![AttemptRow {
                provider: "demo".into(),
                model: "demo-sonnet".into(),
                endpoint: "demo-sonnet".into(),
                key: 1,
                key_masked: None,
                status: Some(200),
                outcome: "ok",
                choice: Choice::default(),
                took: Duration::from_millis(9),
                timing: Timing::default(),
                taken: true,
                price: None,
                usage: Usage::default(),
                usage_estimated: false,
            }],
        }
    }

    #[test]
    fn a_json_line_is_json_whatever_a_stranger_wrote() {
        let mut out = Vec::new();
        write_line(&mut out, &record(), LogFormat::Json);
        let line: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(line["asked"], "a \"b\"\nc");
        assert_eq!(line["time"], "2026-01-31T12:00:00.123Z");
        assert_eq!(line["attempts"][0]["outcome"], "ok");
        assert_eq!(line["first_ms"], 1.5);
    }

    #[test]
    fn a_text_line_says_until_when_somebody_is_passed_over() {
        let row = |model: &str, wait| CandidateRow {
            provider: "relay".into(),
            model: model.into(),
            tier: 1,
            seen: "cooling",
            wait,
        };
        let mut record = record();
        record.candidates = vec![
            row("a", Some(Duration::from_millis(11_001))),
            row("b", Some(Duration::from_micros(249_001))),
            row("c", Some(Duration::ZERO)),
            row("d", None),
        ];
        let mut out = Vec::new();
        write_line(&mut out, &record, LogFormat::Text);
        let line = String::from_utf8(out).unwrap();
        let wanted =
            "skipped=relay/a:cooling(12s),relay/b:cooling(250ms),relay/c:cooling,relay/d:cooling";
        assert!(line.contains(wanted), "{line}");
    }

    #[test]
    fn a_line_says_what_all_attempts_have_used_where_that_is_more() {
        let line = |of: &[u64]| {
            let mut record = record();
            let row = record.attempts.pop().unwrap();
            record.attempts.extend(of.iter().map(|input| AttemptRow {
                usage: Usage {
                    input: Some(*input),
                    output: Some(4),
                    ..Usage::default()
                },
                ..row.clone()
            }));
            let mut out = Vec::new();
            write_line(&mut out, &record, LogFormat::Text);
            String::from_utf8(out).unwrap()
        };
        let two = line(&[5, 3]);
        assert!(
            two.contains(" input=3 output=4 spent_input=8 spent_output=8 "),
            "{two}"
        );
        assert!(!line(&[3]).contains("spent"));
    }

    #[test]
    fn nothing_turns_a_line_or_ends_it() {
        let mut out = Vec::new();
        write_json_string(&mut out, "a\u{202e}b\u{2028}c\u{85}d\u{7f}é");
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, r#""a\u202eb\u2028c\u0085d\u007fé""#);
    }

    #[test]
    fn a_text_line_is_one_line() {
        let mut out = Vec::new();
        write_line(&mut out, &record(), LogFormat::Text);
        assert_eq!(out.iter().filter(|b| **b == b'\n').count(), 1);
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.contains(" attempts=demo/demo-sonnet#1:ok:200:9.000ms\n"),
            "{text}"
        );
        assert!(text.contains(r#" asked="a \"b\"\nc" "#), "{text}");
    }
}
