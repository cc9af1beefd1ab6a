use serde_json::Value;

use super::read::{SIGNED_TEXT, signed_call, whole as number};
use crate::demo::answer::Part;
use crate::demo::dialect::{Ids, Said, quote};
use crate::demo::mind::{Caching, Call, End, Reasoning, Spent};

/// The answer as one message of compact JSON.
pub(super) fn whole(said: &Said<'_>) -> String {
    let mut parts = Vec::new();
    if shows_thinking(said) {
        parts.push(thought(&said.thought.thinking()));
    }
    if !said.thought.text.is_empty() {
        parts.push(text(&said.thought.text(), text_signature(said).as_deref()));
    }
    for (i, call) in said.thought.calls.iter().enumerate() {
        parts.push(function_call(said, i, call));
    }
    let candidate = |index| {
        let finish = finish(said) + &logprobs(said, &said.thought.text);
        candidate(index, &parts, &finish)
    };
    let candidates: Vec<String> = (0..choices(said)).map(candidate).collect();
    message(said, &candidates.join(","), Spending::All)
}

/// The messages of a stream: reasoning, text and calls, each call whole, then the end with an empty text.
pub(super) fn stream(said: &Said<'_>) -> Vec<(Part, String)> {
    let mut messages = Vec::new();
    for index in 0..choices(said) {
        let mut push = |part, parts: &[String], rest: &str, spending| {
            let candidate = candidate(index, parts, rest);
            messages.push((part, message(said, &candidate, spending)));
        };
        let thinking = said.thought.thinking.iter();
        for (i, piece) in thinking.enumerate().filter(|_| shows_thinking(said)) {
            let spending = Spending::Thinking(i + 1);
            push(Part::Content, &[thought(piece)], "", spending);
        }
        for (i, piece) in said.thought.text.iter().enumerate() {
            let logprobs = logprobs(said, std::slice::from_ref(piece));
            let spending = Spending::Saying(i + 1);
            push(Part::Content, &[text(piece, None)], &logprobs, spending);
        }
        let mut ended = false;
        let calls = &said.thought.calls;
        for (i, call) in calls.iter().enumerate() {
            let parts = [function_call(said, i, call)];
            ended = is_older(said) && i + 1 == calls.len();
            match ended {
                true => push(Part::Finish, &parts, &finish(said), Spending::All),
                false => push(Part::Content, &parts, "", Spending::Saying(i + 1)),
            }
        }
        if !ended {
            let parts = match said.thought.text.is_empty() && calls.is_empty() {
                true => Vec::new(),
                false => vec![text("", text_signature(said).as_deref())],
            };
            push(Part::Finish, &parts, &finish(said), Spending::All);
        }
    }
    messages
}

pub(super) fn response_id(ids: &Ids) -> String {
    ids.make("", 0, 23)
}

fn message(said: &Said<'_>, candidates: &str, spending: Spending) -> String {
    let usage = match said.usage {
        true => format!(r#""usageMetadata":{},"#, usage(said, spending)),
        false => String::new(),
    };
    format!(
        r#"{{"candidates":[{candidates}],{usage}"modelVersion":{},"responseId":"{}"}}"#,
        quote(&said.ask.model),
        response_id(said.ids)
    )
}

/// `rest` is what stands behind the content, each member with a comma before it.
fn candidate(index: usize, parts: &[String], rest: &str) -> String {
    let parts = match parts.is_empty() {
        true => String::new(),
        false => format!(r#""parts":[{}],"#, parts.join(",")),
    };
    format!(r#"{{"content":{{{parts}"role":"model"}}{rest},"index":{index}}}"#)
}

fn choices(said: &Said<'_>) -> usize {
    let config = ["generationConfig", "generation_config"].map(|k| &said.body[k]);
    let counts = config
        .into_iter()
        .flat_map(|c| [&c["candidateCount"], &c["candidate_count"]]);
    let count = counts.filter_map(number).next();
    count.and_then(|n| usize::try_from(n).ok()).unwrap_or(1)
}

fn wants_logprobs(said: &Said<'_>) -> bool {
    let config = ["generationConfig", "generation_config"].map(|k| &said.body[k]);
    let wants = |c: &Value| c["responseLogprobs"] == true || c["response_logprobs"] == true;
    config.into_iter().any(wants)
}

/// Calls have no ids, and the last one comes with the finish reason.
fn is_older(said: &Said<'_>) -> bool {
    said.ask.model.contains("no-ids")
}

fn shows_thinking(said: &Said<'_>) -> bool {
    said.ask.reasoning == Reasoning::Shown && !said.thought.redacted
}

fn text(text: &str, signature: Option<&str>) -> String {
    let signature = signature.map_or(String::new(), |s| format!(r#","thoughtSignature":"{s}""#));
    format!(r#"{{"text":{}{signature}}}"#, quote(text))
}

fn thought(text: &str) -> String {
    format!(r#"{{"text":{},"thought":true}}"#, quote(text))
}

fn has_thought(said: &Said<'_>) -> bool {
    said.ask.reasoning != Reasoning::Off && !said.thought.thinking.is_empty()
}

/// On the text only where there is no call to bear it.
fn text_signature(said: &Said<'_>) -> Option<String> {
    let bears = has_thought(said) && said.thought.calls.is_empty();
    bears.then(|| said.vendor.sign(SIGNED_TEXT))
}

fn function_call(said: &Said<'_>, number: usize, call: &Call) -> String {
    let id = match is_older(said) {
        true => String::new(),
        false => {
            let id = said.ids.make("", number, 8).to_ascii_lowercase();
            format!(r#","id":"{id}""#)
        }
    };
    let signature = match has_thought(said) && number == 0 {
        true => {
            let signature = said.vendor.sign(&signed_call(&call.name));
            format!(r#","thoughtSignature":"{signature}""#)
        }
        false => String::new(),
    };
    let (name, arguments) = (quote(&call.name), &call.arguments);
    format!(r#"{{"functionCall":{{"name":{name},"args":{arguments}{id}}}{signature}}}"#)
}

fn finish(said: &Said<'_>) -> String {
    let (reason, rest) = match said.thought.end {
        End::Done | End::Stop(_) => ("STOP", ""),
        End::Tools => (
            "STOP",
            r#","finishMessage":"Model generated function call(s).""#,
        ),
        End::MaxTokens => ("MAX_TOKENS", ""),
        End::Refusal => (
            "SAFETY",
            r#","safetyRatings":[{"category":"HARM_CATEGORY_DANGEROUS_CONTENT","probability":"HIGH","blocked":true}]"#,
        ),
    };
    format!(r#","finishReason":"{reason}"{rest}"#)
}

/// Nothing, or what is asked for: every piece with its (invented) probability.
fn logprobs(said: &Said<'_>, pieces: &[String]) -> String {
    if !wants_logprobs(said) || pieces.is_empty() {
        return String::new();
    }
    let chosen = |piece: &String| {
        let token = quote(piece);
        format!(r#"{{"token":{token},"tokenId":1,"logProbability":-0.01}}"#)
    };
    let chosen: Vec<String> = pieces.iter().map(chosen).collect();
    format!(
        r#","avgLogprobs":-0.01,"logprobsResult":{{"chosenCandidates":[{}]}}"#,
        chosen.join(",")
    )
}

/// How far an answer has come when its usage is told.
#[derive(Clone, Copy)]
enum Spending {
    /// So many pieces of reasoning.
    Thinking(usize),
    /// All reasoning, and so many pieces of what is said.
    Saying(usize),
    All,
}

fn usage(said: &Said<'_>, spending: Spending) -> String {
    let spent = Spent::count(said.ask, said.thought, Caching::Automatic);
    let many = choices(said) as u64;
    let (thoughts, output) = match spending {
        Spending::Thinking(pieces) => (pieces as u64, 0),
        Spending::Saying(pieces) => (spent.reasoning, spent.output.min(pieces as u64)),
        Spending::All => (spent.reasoning * many, spent.output * many),
    };
    let prompt = spent.input + spent.cache_read;
    let counted = |name: &str, tokens: u64| match tokens {
        0 => String::new(),
        _ => format!(r#","{name}":{tokens}"#),
    };
    let detailed = |name: &str, tokens: u64| match tokens {
        0 => String::new(),
        _ => format!(r#","{name}":[{{"modality":"TEXT","tokenCount":{tokens}}}]"#),
    };
    [
        format!(r#"{{"promptTokenCount":{prompt}"#),
        counted("candidatesTokenCount", output),
        format!(r#","totalTokenCount":{}"#, prompt + output + thoughts),
        counted("cachedContentTokenCount", spent.cache_read),
        detailed("promptTokensDetails", prompt),
        detailed("cacheTokensDetails", spent.cache_read),
        counted("thoughtsTokenCount", thoughts),
        r#","serviceTier":"standard"}"#.to_owned(),
    ]
    .concat()
}
