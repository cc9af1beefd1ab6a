//! Whether what was seen of a row is what it has to be.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tidegate::demo::Ending;

use super::course::Story;
use super::{Got, OUTAGE, PROBES, Row, Second};
use crate::harness::{Answer, attempts};
use crate::resume::{Case, full, is_one_stream, said, told};
use crate::unresumed::ends_in_one_error;

/// Longer does no client wait.
const AT_MOST: Duration = Duration::from_secs(12);
/// On top of what the configuration says, for a machine that has other things to do.
const SLACK: Duration = Duration::from_millis(1500);

/// What is printed of a row.
pub struct Line {
    attempts: String,
    got: String,
    later: String,
    /// What is to be said of an outage.
    outage: String,
    time: Duration,
}

impl Row {
    /// Whose answer the client gets.
    pub fn answers(&self) -> Option<char> {
        let last = self.attempts.rsplit(' ').next()?;
        let (vendor, outcome) = last.split_once(':')?;
        (outcome == "ok").then(|| vendor.chars().next())?
    }

    /// Some of the answer was there when it broke off.
    fn breaks_off(&self) -> bool {
        self.attempts.contains("a:cut") || self.attempts.contains("a:stall")
    }
}

impl Line {
    pub fn head() -> String {
        let attempts = "attempts (a, and b in the tier below)";
        format!(
            "{:<31} {attempts:<38} {:<24} {:<16} time",
            "fault", "the client got", "three more: a, b"
        )
    }

    /// In every way the same has happened.
    pub fn of_all(name: &str, lines: &[Line]) -> String {
        let Some(first) = lines.first() else {
            return format!("{name:<31} nothing as it should be");
        };
        let all = |of: fn(&Line) -> &str| {
            let same = lines.iter().all(|line| of(line) == of(first));
            if same {
                of(first)
            } else {
                "not always the same"
            }
            .to_owned()
        };
        let (attempts, got) = (all(|line| &line.attempts), all(|line| &line.got));
        let most = lines.iter().map(|line| line.time).max();
        format!(
            "{name:<31} {attempts:<38} {got:<24} {:<16} {:.2} s{}",
            first.later,
            most.unwrap_or_default().as_secs_f64(),
            first.outage
        )
    }
}

/// # Panics
/// It is not.
pub fn judge(row: &Row, second: Second, story: &Story, records: &BTreeMap<String, Value>) -> Line {
    let Story { way, answer, .. } = story;
    let text = answer.text();
    let record = &records[answer.id()];
    assert_eq!(tried(record), row.attempts, "{record}");
    assert_eq!(record["ending"], ending(row.got), "{record}");
    assert!(answer.total < AT_MOST, "{:?}", answer.total);
    assert!(answer.total >= row.takes, "{record}");
    match row.got {
        Got::Answer => is_an_answer(way, answer, (row, second, row.answers())),
        Got::ErrorEvent => {
            ends_in_one_error(way.client, answer);
            assert!(!text.contains("lorem"), "{text}");
        }
        Got::Error => {
            assert_eq!(answer.status, 400, "{text}");
            let message = &answer.error()["message"];
            assert!(message.as_str().is_some_and(|said| !said.is_empty()));
        }
    }
    is_told_by_who_answered(row, story, record);
    everybody_is_booked(row, story, record);
    nobody_is_hammered(row, story);
    let probes = row.down.map(|_| is_outlasted(second, story, records));
    is_later_so_too(row, second, story, records);
    Line {
        attempts: short(row.attempts),
        got: got(row, story),
        later: format!("{}, {}", story.asked_later.0, story.asked_later.1),
        outage: probes.zip(story.back).map_or_else(String::new, |(probes, back)| {
            let (many, back) = (story.meanwhile.len(), back.as_secs_f64());
            format!("; of {many} requests meanwhile {probes} probed a, which was back in {back:.1} s")
        }),
        time: answer.total,
    }
}

/// `a:status b:ok`
fn tried(record: &Value) -> String {
    let all = attempts(record);
    let short = all.iter().map(|attempt| {
        let outcome = attempt.rsplit(':').next().unwrap_or_default();
        format!("{}:{outcome}", &attempt[..1])
    });
    short.collect::<Vec<_>>().join(" ")
}

/// `a:status×3 b:ok`
fn short(attempts: &str) -> String {
    let mut runs: Vec<(&str, usize)> = Vec::new();
    for attempt in attempts.split(' ') {
        match runs.last_mut().filter(|(last, _)| *last == attempt) {
            Some((_, times)) => *times += 1,
            None => runs.push((attempt, 1)),
        }
    }
    let runs = runs.iter().map(|(attempt, times)| match times {
        1 => (*attempt).to_owned(),
        _ => format!("{attempt} ×{times}"),
    });
    runs.collect::<Vec<_>>().join(", ")
}

fn ending(got: Got) -> &'static str {
    match got {
        Got::Answer => "complete",
        Got::ErrorEvent => "broken",
        Got::Error => "refused",
    }
}

fn got(row: &Row, story: &Story) -> String {
    match (row.got, row.answers()) {
        (Got::Answer, Some('b')) if row.breaks_off() => "all, a's and then b's".to_owned(),
        (Got::Answer, who) => format!("all of {}'s answer", who.unwrap_or('?')),
        (Got::ErrorEvent, _) => "an error event".to_owned(),
        (Got::Error, _) => format!("{}", story.answer.status.as_u16()),
    }
}

/// One answer, all of it, and nothing of another one.
fn is_an_answer(way: &Case, answer: &Answer, (row, second, who): (&Row, Second, Option<char>)) {
    let text = answer.text();
    assert_eq!(answer.status, 200, "{text}");
    let said = said(way.client, answer);
    match (second, who) {
        (Second::OtherWords, Some('b')) => {
            assert!(said.starts_with("lorem ipsum dolor"), "{text}");
            assert_eq!(said.len(), 120, "{text}");
        }
        _ => assert_eq!(said, full(), "{text}"),
    }
    is_one_stream(way.client, answer);
    // Who goes on with an answer comes after the head.
    if let Some(who) = who.filter(|_| !row.breaks_off()) {
        assert!(answer.route().starts_with(who), "{}", answer.route());
    }
}

/// Model and usage in the client's stream are those of the vendor that has answered.
fn is_told_by_who_answered(row: &Row, story: &Story, record: &Value) {
    let Some(truth) = &story.truth else {
        assert!(row.answers().is_none() || row.down.is_some());
        return;
    };
    let mut told = told(story.way.client, &story.answer);
    if story.way.client == "anthropic" && row.breaks_off() {
        // The head, which has the model, was the first vendor's.
        assert_eq!(told.model.as_deref(), Some("demo-first"));
        told.model.clone_from(&truth.model);
    }
    assert_eq!(&told, truth, "{record}");
    // Where all had been said, nothing was left to say.
    assert!(truth.input > 0 && (truth.output > 0 || row.name == "no end marker"));
    let booked = |bucket: &str| record[bucket].as_u64().unwrap_or(0);
    assert_eq!(
        (booked("input"), booked("output")),
        (truth.input, truth.output)
    );
    assert_eq!(record["usage_estimated"], Value::Null, "{record}");
}

/// Every question that a vendor saw is an attempt, and what was said is not for free.
fn everybody_is_booked(row: &Row, story: &Story, record: &Value) {
    let rows = record["attempts"].as_array().unwrap();
    let of = |vendor: &str| {
        let provider = |row: &&Value| row["provider"].as_str().unwrap().starts_with(vendor);
        rows.iter().filter(provider).count()
    };
    let asked = (story.asked.0.len(), story.asked.1.len());
    if row.down.is_none() {
        assert_eq!(asked, (of("a"), of("b")), "{record}");
    }
    if row.breaks_off() {
        assert!(rows[0]["output"].as_u64().unwrap() > 0, "{record}");
        assert_eq!(rows[0]["usage_estimated"], true, "{record}");
    }
    // Whoever has taken the call costs something, whatever becomes of it; whoever has not costs nothing.
    // (Of a single attempt the record itself says it.)
    let seen = story.asked.0.iter().chain(&story.asked.1);
    let took = seen.filter(|seen| seen.status == Some(200)).count();
    let cost = rows.iter().filter(|row| row["input"].as_u64() > Some(0));
    assert!(rows.len() == 1 || cost.count() == took, "{record}");
}

/// Who fails is given time, and who is silent is left at once, for good.
fn nobody_is_hammered(row: &Row, story: &Story) {
    let seen = &story.asked.0;
    for (n, apart) in row.apart.iter().enumerate() {
        let gap = seen[n + 1].arrived.since(seen[n].arrived);
        assert!(gap >= Duration::from_millis(*apart), "{n}: {gap:?}");
    }
    if row.attempts.starts_with("a:no_first_token") {
        assert_eq!(seen.len(), 1);
        assert_ne!(seen[0].ending(), Some(Ending::Whole));
    }
}

/// Nobody notices the outage, the dead see their probes and no more, and are back soon.
/// How often it was probed.
fn is_outlasted(second: Second, story: &Story, records: &BTreeMap<String, Value>) -> usize {
    let mut asked = 0;
    for answer in &story.meanwhile {
        let text = answer.text();
        let record = &records[answer.id()];
        assert_eq!(record["ending"], "complete", "{record}");
        assert!(answer.route().starts_with('b'), "{}", answer.route());
        is_one_stream(story.way.client, answer);
        let said = said(story.way.client, answer);
        let whole = second == Second::OtherWords || said == full();
        assert!(whole, "{text}");
        let tried = tried(record);
        assert!(["b:ok", "a:connect b:ok"].contains(&&*tried), "{record}");
        asked += usize::from(tried.starts_with('a'));
    }
    assert!(story.meanwhile.len() > 20, "{}", story.meanwhile.len());
    // One when each cooldown ends that is shorter than the time after which it is probed, one each such time.
    let most = usize::try_from(OUTAGE.as_secs() / PROBES.as_secs()).unwrap() + 3;
    assert!(
        (3..=most).contains(&asked),
        "{asked} probes, at most {most}"
    );
    assert!(
        story.back.is_some_and(|back| back < PROBES + SLACK),
        "{:?}",
        story.back
    );
    asked
}

fn is_later_so_too(row: &Row, second: Second, story: &Story, records: &BTreeMap<String, Value>) {
    assert_eq!(story.asked_later, row.later, "three more requests");
    for answer in &story.later {
        let record = &records[answer.id()];
        if row.got == Got::Error {
            assert_eq!(answer.status, 400, "{record}");
            continue;
        }
        assert_eq!(record["ending"], "complete", "{record}");
        let who = answer.route().chars().next();
        let said = said(story.way.client, answer);
        let other = second == Second::OtherWords && who == Some('b');
        assert_eq!(said == full(), !other, "{}", answer.text());
        is_one_stream(story.way.client, answer);
    }
}
