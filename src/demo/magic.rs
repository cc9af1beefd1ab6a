use std::time::Duration;

use super::complaint::ErrorKind;
use super::fault::{Break, Coding, Early, ErrorBody, Fault, Hollow, Place, Step, Unread};

/// How to use the vendor by hand: for `tidegate demo --help`.
pub const HELP: &str = "\
Speaks OpenAI (/v1/chat/completions, /v1/completions, /v1/embeddings, /v1/moderations,
/v1/responses, /v1/responses/input_tokens, /v1/models), Anthropic (/v1/messages, /v1/messages/count_tokens) and Gemini
(/v1beta/models/MODEL:generateContent, :streamGenerateContent, :countTokens, :embedContent,
:batchEmbedContents, /v1beta/models).
Answers every model whose name begins with `demo`. The same request gets the same answer.

Phrases in the last user message:
  run: COMMAND              calls the client's shell tool with this command (several lines: one
                            after another), then quotes what it printed
  use the tool NAME         calls it, with arguments that its schema allows
  use the tool NAME with {JSON}
  use the tools A, B and C  calls several at once
  say: TEXT                 answers just that
  words: N                  answers N words, an event each
  please refuse             refuses
  think in secret           reasoning comes redacted

Models with a fault in the name:
  demo-NNN                  HTTP error NNN (400 to 599); 429 and 503 with retry-after: 1
  demo-context demo-policy demo-quota demo-badkey demo-nomodel demo-overloaded
                            the vendor's own error of that kind
  demo-html demo-garbage demo-empty-error
                            502 with a foreign body
  demo-reset demo-close demo-silent demo-slow-head
                            before the head: TCP reset, close, nothing, 2 s
  demo-early demo-early-hold demo-early-drain
                            429 before the body is read
  demo-empty-body demo-truncated demo-html-200 demo-error-200
                            a 200 that is no answer
  demo-stall demo-error-first demo-preamble-error demo-preamble-cut demo-preamble-stall
                            a stream that fails before any content
  demo-cut demo-cut-reset demo-stall-after demo-error-after demo-no-finish demo-no-done
                            a stream that fails after three events, before or after its finish
  demo-empty demo-big demo-giant-event demo-malformed demo-no-usage
  demo-slow demo-slow-body demo-gzip demo-br demo-zstd demo-crlf demo-comments
  demo-bytes demo-split-utf8 demo-close-after
                            good answers that are hard to relay
  demo-reasoner             OpenAI Chat: shows its reasoning as `reasoning_content`
  demo-no-ids               Gemini: calls without ids, the last one with the finish reason

Control:
  POST   /demo/script    {\"model\": …, \"key\": …, \"path\": …, \"steps\": [STEP, …], \"always\": STEP}
                         the next requests that match take a step each; STEP is a fault, a list
                         of faults or [], for example \"reset\", {\"status\": {\"status\": 429}},
                         {\"break\": {\"at\": {\"events\": 2}, \"how\": \"stall\"}}
  DELETE /demo/script    forgets all steps
  GET    /demo/requests  what was asked, the last 10,000; ?since=NUMBER
  DELETE /demo/requests  forgets them
";

/// What the name of a model means for requests that no script speaks of.
pub(super) fn step(model: &str) -> Option<Step> {
    let name = model.strip_prefix("demo-")?;
    status(name)
        .or_else(|| refusal(name))
        .or_else(|| broken(name))
        .or_else(|| odd(name))
}

fn status(name: &str) -> Option<Step> {
    let status: u16 = name.parse().ok().filter(|s| (400..600).contains(s))?;
    let step = Step::status(status);
    Some(match status {
        429 | 503 => step.retry_after(1),
        _ => step,
    })
}

fn refusal(name: &str) -> Option<Step> {
    let early = |then| Step::from(Fault::EarlyAnswer(Early { status: 429, then }));
    let hollow = |hollow| Step::from(Fault::Hollow(hollow));
    Some(match name {
        "context" => Step::error(ErrorKind::ContextLength),
        "policy" => Step::error(ErrorKind::ContentPolicy),
        "quota" => Step::error(ErrorKind::InsufficientQuota),
        "badkey" => Step::error(ErrorKind::InvalidKey),
        "nomodel" => Step::error(ErrorKind::ModelNotFound),
        "overloaded" => Step::error(ErrorKind::Overloaded),
        "html" => Step::status(502).body(ErrorBody::Html),
        "garbage" => Step::status(502).body(ErrorBody::Garbage),
        "empty-error" => Step::status(502).body(ErrorBody::Empty),
        "reset" => Fault::Reset.into(),
        "close" => Fault::CloseBeforeHead.into(),
        "silent" => Fault::NoAnswer.into(),
        "early" => early(Unread::Close),
        "early-hold" => early(Unread::Hold),
        "early-drain" => early(Unread::Drain),
        "empty-body" => hollow(Hollow::Empty),
        "truncated" => hollow(Hollow::Truncated),
        "html-200" => hollow(Hollow::Html),
        "error-200" => hollow(Hollow::Error(ErrorKind::Internal)),
        _ => return None,
    })
}

fn broken(name: &str) -> Option<Step> {
    let error = Break::Error(ErrorKind::Overloaded);
    let (at, how) = match name {
        "stall" => (Place::Start, Break::Stall),
        "error-first" => (Place::Start, error),
        "preamble-error" => (Place::Preamble, error),
        "preamble-cut" => (Place::Preamble, Break::Close),
        "preamble-stall" => (Place::Preamble, Break::Stall),
        "cut" => (Place::Events(3), Break::Close),
        "cut-reset" => (Place::Events(3), Break::Reset),
        "stall-after" => (Place::Events(3), Break::Stall),
        "error-after" => (Place::Events(3), error),
        "no-finish" => (Place::Content, Break::End),
        "no-done" => (Place::Finish, Break::End),
        _ => return None,
    };
    Some(Step::broken(at, how))
}

fn odd(name: &str) -> Option<Step> {
    Some(match name {
        "empty" => Fault::EmptyAnswer.into(),
        "big" => Fault::BigAnswer(1 << 20).into(),
        "giant-event" => Fault::GiganticEvent(4 << 20).into(),
        "malformed" => Fault::MalformedEventAt(2).into(),
        "no-usage" => Fault::NoUsage.into(),
        "slow-head" => Fault::SlowHead(Duration::from_secs(2)).into(),
        "slow" => Fault::SlowFirstToken(Duration::from_secs(2)).into(),
        "slow-body" => Fault::SlowBody(Duration::from_millis(200)).into(),
        "gzip" => Fault::Compressed(Coding::Gzip).into(),
        "br" => Fault::Compressed(Coding::Br).into(),
        "zstd" => Fault::Compressed(Coding::Zstd).into(),
        "crlf" => Fault::CrLf.into(),
        "comments" => Fault::Comments.into(),
        "bytes" => Fault::OneByteChunks.into(),
        "split-utf8" => Fault::SplitUtf8.into(),
        "close-after" => Fault::CloseAfter.into(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_the_help_lists_means_something_and_nothing_else_does() {
        let listed = HELP
            .split_whitespace()
            .filter_map(|w| w.strip_prefix("demo-"));
        let mut count = 0;
        for name in listed.filter(|n| !["NNN", "reasoner", "no-ids"].contains(n)) {
            assert!(step(&format!("demo-{name}")).is_some(), "{name}");
            count += 1;
        }
        assert!(count > 40);
        for plain in ["demo", "demo-large", "demo-reasoner", "demo-200", "gpt-500"] {
            assert!(step(plain).is_none(), "{plain}");
        }
        assert_eq!(step("demo-429"), Some(Step::status(429).retry_after(1)));
    }
}
