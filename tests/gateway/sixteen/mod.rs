//! Sixteen ways in which a vendor fails, end to end and in real time, with one vendor behind it in a lower tier: what the
//! client gets of its stream, who is asked how often and when, and what is booked.
//!
//! [`before_content`] and [`within_content`] are the table. Each of its rows is run in every way of [`WAYS`]: once where
//! the second vendor goes on from where the first broke off (`resume: prefill`), once where it is asked anew and answers in
//! other words (`resume: restart`). `course` runs a row, `verdict` judges what came of it.

mod course;
mod verdict;

use std::time::Duration;

use tidegate::demo::{Break, ErrorBody, ErrorKind, Fault, Match, Place, Step};

use crate::resume::Case;

use course::{House, Story};
use verdict::Line;

/// The client's format, the first vendor's, the second's.
const WAYS: [Case; 6] = [
    way("openai_chat", "openai_chat", "openai_chat"),
    way("openai_chat", "openai_chat", "anthropic"),
    way("anthropic", "anthropic", "anthropic"),
    way("anthropic", "anthropic", "openai_chat"),
    way("openai_responses", "openai_responses", "gemini"),
    way("gemini", "anthropic", "openai_responses"),
];

const fn way(client: &'static str, first: &'static str, second: &'static str) -> Case {
    Case {
        client,
        first,
        second,
    }
}

/// What becomes of an answer that breaks off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Second {
    /// `resume: prefill`, and a vendor that goes on from where the first broke off.
    GoesOn,
    /// `resume: restart`, and a vendor that answers in other words.
    OtherWords,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Got {
    /// All of one answer, ended as an answer ends.
    Answer,
    /// The beginning of one answer, ended by an error.
    ErrorEvent,
    /// An error in place of an answer.
    Error,
}

/// What the first vendor does, and what has to come of it.
struct Row {
    name: &'static str,
    /// To its first requests, one each; then to all.
    first: Vec<Step>,
    then: Option<Step>,
    /// The second vendor does not go on from the beginning of an answer.
    refuses_prefill: bool,
    /// Nobody listens at the first vendor's address for so long.
    down: Option<Duration>,
    /// Its endpoints have quotas, by which the accounts can be checked.
    counted: bool,
    got: Got,
    /// The attempts of the first request, `a` being the first vendor.
    attempts: &'static str,
    /// At least so long are the first vendor's requests apart.
    apart: &'static [u64],
    /// At least so long does the client wait for the end.
    takes: Duration,
    /// How often each vendor is asked by three more requests.
    later: (usize, usize),
}

fn row(name: &'static str, got: Got, attempts: &'static str) -> Row {
    let answers = attempts.rsplit(' ').next().unwrap_or_default();
    Row {
        name,
        first: Vec::new(),
        then: None,
        refuses_prefill: false,
        down: None,
        counted: false,
        got,
        attempts,
        apart: &[],
        takes: Duration::ZERO,
        later: if answers.starts_with('a') {
            (3, 0)
        } else {
            (0, 3)
        },
    }
}

impl Row {
    fn once(self, first: impl Into<Vec<Step>>) -> Row {
        let first = first.into();
        Row { first, ..self }
    }

    fn always(self, step: impl Into<Step>) -> Row {
        let then = Some(step.into());
        Row { then, ..self }
    }

    fn apart(self, apart: &'static [u64]) -> Row {
        Row { apart, ..self }
    }

    fn takes(self, takes: Duration) -> Row {
        Row { takes, ..self }
    }

    fn later(self, a: usize, b: usize) -> Row {
        Row {
            later: (a, b),
            ..self
        }
    }
}

/// `base` doubled, and half of it left to chance.
const BACKOFF: &[u64] = &[100, 200];
const RESETS: &str = "a:reset a:reset a:reset b:ok";
const UNREACHED: &str = "a:connect a:connect a:connect b:ok";
/// As long as `first_token` and `idle` say.
const SILENCE: Duration = Duration::from_secs(2);

/// Shorter than by default where they are waited for; who cools does so to the end of the test.
const TIMES: &str = "  retry: { retries: 2, base: 200ms, max: 1s, patience: 2500ms }
  timeouts: { first_token: 2s, response: 8s, idle: 2s }
  cooldown: { base: 60s, max: 60s, probe_after: 60s }
";
/// An outage of 60 s and what is usual for it, ten times as fast.
const OUTAGE: Duration = Duration::from_secs(6);
const TENTH: &str = "cooldown: { base: 500ms, max: 6s, probe_after: 1s }, breaker: { failures: 5, open_for: 6s }, retry: { retries: 2, base: 25ms, max: 500ms, patience: 250ms }";
const PROBES: Duration = Duration::from_secs(1);

/// The client has seen nothing when it happens.
fn before_content() -> Vec<Row> {
    use Got::{Answer, Error};
    let status = Step::status;
    let broken = "a:status a:status a:status b:ok";
    let silent = "a:no_first_token b:ok";
    vec![
        row("429 with Retry-After", Answer, "a:status a:ok")
            .once([status(429).retry_after(1), Step::answer()])
            .always(status(429).retry_after(60))
            .apart(&[1000])
            .later(1, 3),
        row("429 without Retry-After", Answer, broken)
            // Some vendors say it in the body.
            .always(status(429).body(ErrorBody::Empty))
            .apart(BACKOFF),
        row("one 500", Answer, "a:status a:ok")
            .once([status(500)])
            .apart(&[100]),
        row("lasting 503", Answer, broken)
            .always(status(503))
            .apart(BACKOFF),
        row("reset before the head", Answer, RESETS)
            .always(Fault::Reset)
            .apart(BACKOFF),
        row("no answer at all", Answer, silent)
            .always(Fault::NoAnswer)
            .takes(SILENCE),
        row("head at once, slow first token", Answer, silent)
            .always(Fault::SlowFirstToken(4 * SILENCE))
            .takes(SILENCE),
        row("context length 400", Answer, "a:status b:ok")
            .always(Step::error(ErrorKind::ContextLength))
            .later(3, 3),
        row("content policy 400", Error, "a:status").always(Step::error(ErrorKind::ContentPolicy)),
        Row {
            down: Some(OUTAGE),
            ..row("down for 60 s, and up again", Answer, UNREACHED).later(3, 0)
        },
    ]
}

/// The client has seen the beginning of an answer: what it gets of the rest depends on the second vendor.
fn within_content(second: Second) -> Vec<Row> {
    let cut = |how| Step::broken(Place::Events(7), how);
    let (rest, broken, stalled, refused) = match second {
        Second::GoesOn => (
            Got::Answer,
            "a:cut b:ok",
            "a:stall b:ok",
            "a:cut b:status b:ok",
        ),
        Second::OtherWords => (
            Got::ErrorEvent,
            "a:cut b:other_words",
            "a:stall b:other_words",
            "a:cut b:other_words",
        ),
    };
    vec![
        row("cut after content", rest, broken).always(cut(Break::Close)),
        row("stall after content", rest, stalled)
            .always(cut(Break::Stall))
            .takes(SILENCE),
        row("malformed event without text", Got::Answer, "a:ok").always(Fault::MalformedEventAt(5)),
        row("no end marker", rest, broken).always(Step::broken(Place::Content, Break::End)),
        Row {
            refuses_prefill: second == Second::GoesOn,
            ..row("cut, the next refuses prefill", rest, refused).always(cut(Break::Reset))
        },
        Row {
            counted: true,
            ..row("accounting after a failover", rest, broken)
                .always(cut(Break::Error(ErrorKind::Overloaded)))
        },
    ]
}

#[allow(
    clippy::print_stdout,
    reason = "the table is what a reader of CI looks at"
)]
/// Prints what was seen, whatever that was, and then says what was wrong with it.
async fn run(second: Second) {
    let mut rows = before_content();
    rows.extend(within_content(second));
    assert_eq!(rows.len(), 16);
    let house = House::start(&rows, second).await;
    let stories = house.run(&rows).await;
    let records = house.records(&stories).await;
    let mut wrong = Vec::new();
    println!("{second:?}: {} ways each", WAYS.len());
    println!("{}", Line::head());
    for (number, row) in rows.iter().enumerate() {
        let of_row: Vec<&Story> = stories.iter().filter(|story| story.row == number).collect();
        assert_eq!(of_row.len(), WAYS.len());
        let lines = of_row.iter().map(|story| {
            let judged =
                std::panic::AssertUnwindSafe(|| verdict::judge(row, second, story, &records));
            std::panic::catch_unwind(judged).map_err(|_| format!("{}, {:?}", row.name, story.way))
        });
        let (lines, failed): (Vec<_>, Vec<_>) = lines.partition(Result::is_ok);
        wrong.extend(failed.into_iter().filter_map(Result::err));
        let lines: Vec<Line> = lines.into_iter().filter_map(Result::ok).collect();
        println!("{}", Line::of_all(row.name, &lines));
        if row.counted {
            house.is_booked(&of_row, &records).await;
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_faults_and_a_vendor_that_goes_on() {
    run(Second::GoesOn).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_faults_and_a_vendor_that_answers_in_other_words() {
    run(Second::OtherWords).await;
}
