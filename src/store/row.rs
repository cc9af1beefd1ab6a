//! A record as it is kept: one row, with its attempts as JSON. Also the shape of the spool.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::bodies::Sealed;
use crate::ir::Usage;
use crate::ledger::{self, AttemptRow, CandidateRow, Ending, Record};

/// A finished request. Times in microseconds unless they say otherwise; `None` is "not known", or "there was none".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Sorts by the time of arrival.
    pub id: String,
    /// When it arrived, in milliseconds since the Unix epoch: the same that the id begins with.
    pub at: i64,
    #[serde(default)]
    pub client_key: Option<String>,
    #[serde(default)]
    pub tenant: Option<String>,
    #[serde(default)]
    pub model: Option<String>,
    pub status: i64,
    pub ending: String,
    #[serde(default)]
    pub format: Option<String>,
    pub stream: bool,
    #[serde(default)]
    pub first_us: Option<i64>,
    pub total_us: i64,
    #[serde(default)]
    pub tokens: Tokens,
    /// The tokens are ours, not the vendor's.
    #[serde(default)]
    pub estimated: bool,
    /// 10^-9 USD, of all attempts.
    #[serde(default)]
    pub cost: Option<i64>,
    /// Whose limit has refused it, and which: `key rpm`.
    #[serde(default)]
    pub limited: Option<String>,
    /// Why it was refused, in a word.
    #[serde(default)]
    pub refusal: Option<String>,
    pub method: String,
    pub path: String,
    #[serde(default)]
    pub client: Option<String>,
    #[serde(default)]
    pub route: Option<String>,
    #[serde(default)]
    pub asked_model: Option<String>,
    pub bytes_in: i64,
    pub bytes_out: i64,
    /// What conversions have lost.
    #[serde(default)]
    pub dropped: Option<String>,
    #[serde(default)]
    pub attempts: Vec<Attempt>,
    #[serde(default)]
    pub candidates: Vec<Candidate>,
    /// What was said is kept.
    #[serde(default)]
    pub kept: bool,
    /// On the way to the database alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) bodies: Option<Sealed>,
}

/// Tokens in disjoint buckets, as [`Usage`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_read: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_input: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_output: Option<i64>,
}

/// Why an attempt was made, and why of this endpoint. All empty: of a version that did not tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Choice {
    /// `first`, `retry`, `other_key`, `other_endpoint`, `hedge`, `resume`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub purpose: String,
    /// What has decided between the endpoints.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub by: String,
    /// How many it was chosen from.
    #[serde(skip_serializing_if = "is_zero")]
    pub of: u16,
    /// From 1.
    #[serde(skip_serializing_if = "is_zero")]
    pub tier: u16,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands out references"
)]
fn is_zero(n: &u16) -> bool {
    *n == 0
}

/// One attempt of a request, in their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    pub provider: String,
    pub model: String,
    /// The model as the configuration has it, where that is another: a pattern, not what a client made up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Which of the provider's keys, from 1; 0: the client's own.
    pub key: i64,
    /// How that key is shown: `sk-…wxyz`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_masked: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// `ok`, or why it ended.
    pub outcome: String,
    #[serde(flatten)]
    pub choice: Choice,
    pub took_us: i64,
    /// Since the request's arrival. `None`: of a version that did not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub began_us: Option<i64>,
    /// How long connecting took, where a connection was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_us: Option<i64>,
    /// A connection was there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reused: bool,
    /// From the attempt's begin to the head of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head_us: Option<i64>,
    /// From its begin to the first content.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_us: Option<i64>,
    #[serde(flatten)]
    pub tokens: Tokens,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub estimated: bool,
    /// 10^-9 USD. `None`: nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<i64>,
}

/// An endpoint of the pool, and why it was asked or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    pub provider: String,
    pub model: String,
    pub tier: u16,
    pub seen: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_us: Option<i64>,
}

impl Row {
    pub fn of(record: &Record) -> Row {
        let bodies = record.bodies.as_deref().and_then(Sealed::of);
        Row {
            id: record.id.as_str().to_owned(),
            at: i64::try_from(record.at.as_millis()).unwrap_or(i64::MAX),
            client_key: record.client_key.as_deref().map(clean),
            tenant: record.tenant.as_deref().map(clean),
            limited: record
                .limited
                .map(|(owner, limit)| format!("{owner} {limit}")),
            refusal: record.refusal.map(|why| why.name().to_owned()),
            cost: record.cost().map(int),
            model: record.model.as_deref().map(clean),
            status: record.status.into(),
            ending: record.ending.name().to_owned(),
            format: record.format.map(|format| format.name().to_owned()),
            stream: record.stream,
            first_us: record.first_content.map(micros),
            total_us: micros(record.total),
            tokens: Tokens::of(&record.usage),
            estimated: record.usage_estimated,
            method: clean(record.method.as_str()),
            path: clean(&record.path),
            client: record.client.map(|client| client.to_string()),
            route: record.route.as_deref().map(clean),
            asked_model: record.asked_model.as_deref().map(clean),
            bytes_in: int(record.bytes_in),
            bytes_out: int(record.bytes_out),
            dropped: record.dropped.as_deref().map(clean),
            attempts: record.attempts.iter().map(Attempt::of).collect(),
            candidates: record.candidates.iter().map(Candidate::of).collect(),
            kept: bodies.is_some(),
            bodies,
        }
    }

    /// Which attempt has answered; of a request that none has, the last one.
    pub fn decisive(&self) -> Option<usize> {
        let answered = self
            .attempts
            .iter()
            .rposition(|attempt| attempt.outcome == "ok");
        answered.or(self.attempts.len().checked_sub(1))
    }

    /// The endpoint of the decisive attempt.
    pub fn endpoint(&self) -> Option<&Attempt> {
        self.attempts.get(self.decisive()?)
    }

    /// What all attempts have used. Of a request without any it is what is told of it.
    pub fn spent(&self) -> Tokens {
        if self.attempts.is_empty() {
            return self.tokens;
        }
        let mut sum = [None; 7];
        for attempt in &self.attempts {
            for (sum, more) in sum.iter_mut().zip(attempt.tokens.columns()) {
                *sum = match (*sum, more) {
                    (Some(sum), Some(more)) => Some(i64::saturating_add(sum, more)),
                    (sum, more) => sum.or(more),
                };
            }
        }
        Tokens::from_columns(sum)
    }

    /// More than one endpoint was asked.
    pub fn failed_over(&self) -> bool {
        let mut pairs = self.attempts.iter().zip(self.attempts.iter().skip(1));
        pairs.any(|(a, b)| (&a.provider, &a.model) != (&b.provider, &b.model))
    }

    /// Whether it counts as an error: the client got no whole answer, and did not leave by itself.
    pub fn is_error(&self) -> bool {
        [Ending::Refused.name(), Ending::Broken.name()].contains(&&*self.ending)
    }

    /// `complete`, `refused_4xx`, `refused_5xx`, `broken`, `client_gone`.
    pub fn outcome(&self) -> &str {
        match self.status {
            400..=499 if self.ending == Ending::Refused.name() => "refused_4xx",
            500..=599 if self.ending == Ending::Refused.name() => "refused_5xx",
            _ => &self.ending,
        }
    }
}

impl Tokens {
    pub fn of(usage: &Usage) -> Tokens {
        Tokens {
            input: usage.input.map(int),
            cache_read: usage.cache_read.map(int),
            cache_write: usage.cache_write.map(int),
            output: usage.output.map(int),
            reasoning: usage.reasoning.map(int),
            audio_input: usage.audio_input.map(int),
            audio_output: usage.audio_output.map(int),
        }
    }

    /// In the order of their columns.
    pub(super) fn columns(&self) -> [Option<i64>; 7] {
        [
            self.input,
            self.cache_read,
            self.cache_write,
            self.output,
            self.reasoning,
            self.audio_input,
            self.audio_output,
        ]
    }

    pub(super) fn from_columns(of: [Option<i64>; 7]) -> Tokens {
        let [
            input,
            cache_read,
            cache_write,
            output,
            reasoning,
            audio_input,
            audio_output,
        ] = of;
        Tokens {
            input,
            cache_read,
            cache_write,
            output,
            reasoning,
            audio_input,
            audio_output,
        }
    }
}

impl Attempt {
    /// The upstream model as the configuration has it.
    pub fn endpoint(&self) -> &str {
        self.endpoint.as_deref().unwrap_or(&self.model)
    }

    /// Whether the vendor has failed. One that was cancelled has not (its client left, or another was faster), nor one that
    /// was only sent once more.
    pub fn has_failed(&self) -> bool {
        ![AttemptRow::OK, "client_gone", "lost", "resent"].contains(&&*self.outcome)
    }

    fn of(row: &AttemptRow) -> Attempt {
        Attempt {
            provider: clean(&row.provider),
            model: clean(&row.model),
            endpoint: (row.endpoint != row.model).then(|| clean(&row.endpoint)),
            key: i64::try_from(row.key).unwrap_or(i64::MAX),
            key_masked: row.key_masked.as_deref().map(clean),
            status: row.status,
            outcome: row.outcome.to_owned(),
            choice: Choice::of(&row.choice),
            took_us: micros(row.took),
            began_us: Some(micros(row.timing.began)),
            connect_us: row.timing.connect.map(micros),
            reused: row.timing.reused,
            head_us: row.timing.head.map(micros),
            first_us: row.timing.first.map(micros),
            tokens: Tokens::of(&row.usage),
            estimated: row.usage_estimated,
            cost: row.cost().map(int),
        }
    }
}

impl Choice {
    fn of(row: &ledger::Choice) -> Choice {
        Choice {
            purpose: row.purpose.to_owned(),
            by: row.by.to_owned(),
            of: row.of,
            tier: row.tier,
        }
    }
}

impl Candidate {
    fn of(row: &CandidateRow) -> Candidate {
        Candidate {
            provider: clean(&row.provider),
            model: clean(&row.model),
            tier: row.tier,
            seen: row.seen.to_owned(),
            wait_us: row.wait.map(micros),
        }
    }
}

/// PostgreSQL's text holds everything but NUL.
fn clean(text: &str) -> String {
    if text.contains('\0') {
        text.replace('\0', "\u{fffd}")
    } else {
        text.to_owned()
    }
}

fn int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(provider: &str) -> Attempt {
        Attempt {
            provider: provider.into(),
            model: "m".into(),
            endpoint: None,
            key: 1,
            key_masked: Some("sk-…9".into()),
            status: Some(200),
            outcome: "ok".into(),
            choice: Choice {
                purpose: "first".into(),
                by: "alone".into(),
                of: 1,
                tier: 1,
            },
            took_us: 5,
            began_us: Some(1),
            connect_us: None,
            reused: true,
            head_us: Some(3),
            first_us: Some(4),
            tokens: Tokens {
                input: Some(3),
                ..Tokens::default()
            },
            estimated: false,
            cost: None,
        }
    }

    #[test]
    fn attempts_are_compact_and_come_back() {
        let text = serde_json::to_string(&attempt("a")).unwrap();
        assert_eq!(
            text,
            r#"{"provider":"a","model":"m","key":1,"key_masked":"sk-…9","status":200,"outcome":"ok","purpose":"first","by":"alone","of":1,"tier":1,"took_us":5,"began_us":1,"reused":true,"head_us":3,"first_us":4,"input":3}"#
        );
        assert_eq!(
            serde_json::from_str::<Attempt>(&text).unwrap(),
            attempt("a")
        );
    }

    #[test]
    fn no_text_holds_a_nul() {
        assert_eq!(clean("a\0b"), "a\u{fffd}b");
    }
}
