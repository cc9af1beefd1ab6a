//! Whole requests and whole answers on their way from one format to another.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::adapt::Adaptation;
use super::address;
use super::loss::{Losses, Refused};
use super::marks;
use super::seals::{Crossing, Keeping, Keepsake};
use super::target::{Lowered, Target};
use super::transcode::{Course, NOTHING_SAID, breaks_off, takes_call_seals};
use super::turns::{join_around_calls, join_pieces};
use super::unfold::unfold;
use crate::ir::{
    At, Body, Choice, Event, Fault, Format, Part, Reply, Request, Role, Stop, StopReason, Text,
    Turn, Usage, replay,
};
use crate::wire::error::broken_answer;
use crate::wire::json::{Document, given_twice, on_one_line, path_of};
use crate::wire::{Asked, codec};

/// A client's request, to be lowered for one target after the other.
#[derive(Debug, Clone, Copy)]
pub struct Original<'a> {
    pub format: Format,
    pub asked: Asked<'a>,
    pub body: &'a [u8],
}

/// A request made ready for a target.
#[derive(Debug)]
pub struct Ready {
    pub lowered: Lowered,
    /// The way back for the names in the answer.
    pub back: Adaptation,
    /// The paths of what was lost.
    pub dropped: Vec<String>,
    /// Those of them without which the answer may be another.
    pub lacking: Vec<String>,
    /// What the answer repeats of the request.
    pub echo: String,
    /// The client wants usage in its stream.
    pub stream_usage: bool,
}

/// A request that cannot be lowered, and where it says what cannot be said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{why}", if path.is_empty() { String::new() } else { format!("`{path}`: ") })]
pub struct Unsayable {
    pub path: String,
    pub why: String,
}

/// Where schemas stand, and arguments and results of tools: as objects they go on as they are, for their readers to judge.
const RAW: [&str; 13] = [
    "parameters",
    "input_schema",
    "schema",
    "parametersJsonSchema",
    "parameters_json_schema",
    "responseSchema",
    "response_schema",
    "responseJsonSchema",
    "response_json_schema",
    "arguments",
    "args",
    "input",
    "response",
];

/// Writes a request in the target's format.
///
/// # Errors
/// [`Unsayable`].
pub fn lower(
    original: Original<'_>,
    target: &Target<'_>,
    crossing: &Crossing<'_>,
) -> Result<Ready, Unsayable> {
    lower_with(original, "", target, crossing)
}

/// The same with the beginning of an answer that is to be gone on with; empty: there is none.
///
/// # Errors
/// [`Unsayable`].
pub fn lower_with(
    original: Original<'_>,
    partial: &str,
    target: &Target<'_>,
    crossing: &Crossing<'_>,
) -> Result<Ready, Unsayable> {
    let mut document = Document::default();
    let root = document.read(original.body).map_err(|error| Unsayable {
        path: String::new(),
        why: format!("the body is {error}"),
    })?;
    let reader = codec(original.format);
    let unsayable = |refused: Refused| Unsayable {
        path: path_of(root, refused.at),
        why: refused.why,
    };
    if let Some(at) = given_twice(root, &RAW) {
        let why = "this key is given twice, and only one of the two could be said";
        return Err(unsayable(Refused::new(at, why)));
    }
    let mut request = reader
        .read_request(original.asked, root)
        .map_err(|misfit| unsayable(misfit.into()))?;
    begin_answer(&mut request, partial);
    let mut lowered = Lowered::default();
    if original.format == Format::Gemini {
        join_pieces(&mut request.turns);
    }
    if crossing.to.format == Format::OpenaiChat {
        join_around_calls(&mut request.turns, &mut lowered.losses);
    }
    unfold(&mut request, crossing.to.format, &mut lowered.losses).map_err(unsayable)?;
    crossing.settle(&mut request, &mut lowered.losses);
    settle_names(&mut request, crossing.to.format, &mut lowered.losses);
    settle_words(&mut request, original.format, crossing.to.format);
    let formats = (original.format, crossing.to.format);
    settle_store(&mut request, formats, &mut lowered.losses).map_err(unsayable)?;
    marks::settle(&mut request, crossing.to.format, &mut lowered.losses);
    address::settle(&mut request, crossing.to.format).map_err(unsayable)?;
    let back = Adaptation::adapt(&mut request, crossing.to.format, target.traits);
    lowered
        .body
        .reserve(original.body.len() + original.body.len() / 8);
    codec(crossing.to.format)
        .write_request(&request, target, &mut lowered)
        .map_err(unsayable)?;
    lowered.losses.add_all(&request.unsaid, "");
    for at in &request.hints {
        lowered.losses.hint(*at, "");
    }
    let stream_usage = match original.format {
        Format::OpenaiChat => request.tags.stream_usage,
        Format::OpenaiResponses | Format::Anthropic | Format::Gemini => true,
    };
    let (dropped, lacking) = lowered.losses.paths_and_lacking(root);
    Ok(Ready {
        dropped,
        lacking,
        lowered,
        back,
        echo: reader.echo(root),
        stream_usage,
    })
}

/// Puts the beginning of the answer behind the conversation: more of the assistant's turn, where that is the last one.
fn begin_answer<'a>(request: &mut Request<'a>, partial: &'a str) {
    if partial.is_empty() {
        return;
    }
    let last = request.turns.last_mut();
    let last = last.filter(|turn| turn.role == Role::Assistant);
    if let Some(turn) = last {
        let last = turn.parts.last_mut().map(|part| &mut part.body);
        if let Some(Body::Text(text)) = last {
            text.text.to_mut().push_str(partial);
        } else {
            turn.parts.push(said(partial));
        }
        return;
    }
    let turn = Turn::new(At::NOWHERE, Role::Assistant, vec![said(partial)]);
    request.turns.push(turn);
}

fn said(text: &str) -> Part<'_> {
    let text = Cow::Borrowed(text);
    let citations = Vec::new();
    Part::new(At::NOWHERE, Body::Text(Text { text, citations }))
}

/// What other formats show of reasoning is to Responses a summary; its own `reasoning_text` is what open models think.
fn settle_words(request: &mut Request<'_>, from: Format, to: Format) {
    if to != Format::OpenaiResponses || from == Format::OpenaiResponses {
        return;
    }
    for part in request.turns.iter_mut().flat_map(|turn| &mut turn.parts) {
        if let Body::Thinking(thinking) = &mut part.body
            && thinking.summaries.is_empty()
            && !thinking.text.is_empty()
        {
            thinking.summaries.push(std::mem::take(&mut thinking.text));
        }
    }
}

/// Chat's `store` only keeps a copy for the account's owner to look at; Responses' is what a later turn builds on, which
/// other formats refuse. Those who have no such thing at all refuse it themselves.
fn settle_store(
    request: &mut Request<'_>,
    (from, to): (Format, Format),
    losses: &mut Losses,
) -> Result<(), Refused> {
    let stays = match (from, to) {
        (Format::OpenaiResponses, Format::OpenaiChat) => {
            let store = request.tags.store.as_ref().filter(|store| store.value);
            return store.map_or(Ok(()), |store| {
                let why =
                    "no later turn can be built on what this vendor stores: say false, or nothing";
                Err(Refused::new(store.at, why))
            });
        }
        (_, Format::OpenaiChat | Format::OpenaiResponses) => true,
        (_, Format::Anthropic | Format::Gemini) => from != Format::OpenaiChat,
    };
    if !stays && let Some(store) = request.tags.store.take() {
        losses.hint(store.at, "store");
    }
    Ok(())
}

/// Gives the outcomes that have none the names of their calls, for targets that want one. Where a name (Gemini's) says
/// something else than its call's, only Gemini can be told.
fn settle_names(request: &mut Request<'_>, target: Format, losses: &mut Losses) {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    for part in request.turns.iter_mut().flat_map(|turn| &mut turn.parts) {
        match &mut part.body {
            Body::Call(call) => {
                names.insert(call.id.to_string(), call.name.to_string());
            }
            Body::Outcome(outcome) => {
                let called = names.get(&*outcome.call);
                match &outcome.name {
                    None => outcome.name = called.map(|name| Cow::Owned(name.clone())),
                    Some(name) if target != Format::Gemini => {
                        if called.is_none_or(|called| called != name) {
                            losses.add(part.at, "the name of a tool's outcome");
                        }
                    }
                    Some(_) => {}
                }
            }
            Body::Text(_)
            | Body::Refusal(_)
            | Body::Image(_)
            | Body::Audio(_)
            | Body::Video(_)
            | Body::Document(_)
            | Body::Thinking(_)
            | Body::Foreign(_) => {}
        }
    }
}

/// An answer in the client's format.
#[derive(Debug)]
pub struct Answer {
    pub body: Vec<u8>,
    pub usage: Usage,
    pub model: String,
    pub keepsakes: Vec<Keepsake>,
    pub dropped: Vec<String>,
}

/// In which way the client wants an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Whole,
    Stream,
}

/// Writes a vendor's whole answer in the client's format.
///
/// # Errors
/// The vendor's fault: it is no answer, or there is nothing in it.
pub fn answer(course: Course, body: &[u8], manner: Manner) -> Result<Answer, Fault> {
    // What is passed on raw must not end a line of a stream.
    let line = match manner {
        Manner::Whole => Cow::Borrowed(body),
        Manner::Stream => on_one_line(body),
    };
    let mut document = Document::default();
    let broken = || broken_answer("the provider's answer could not be read");
    let root = document.read(&line).map_err(|_| broken())?;
    let reply = codec(course.from.format)
        .read_reply(root, &course.telling.seed)
        .map_err(|_| broken())?;
    if reply
        .choices
        .iter()
        .all(|choice| choice.stop.is_none() && choice.parts.is_empty())
    {
        return Err(broken());
    }
    let says_nothing = |choice: &Choice<'_>| {
        let is_thinking = |part: &Part<'_>| matches!(part.body, Body::Thinking(_));
        choice.parts.iter().all(is_thinking)
    };
    let breaks_off = |choice: &Choice<'_>| {
        let stop = choice.stop.as_ref();
        stop.is_some_and(|stop| breaks_off(stop.reason))
    };
    if reply.choices.iter().all(says_nothing) && reply.choices.iter().any(breaks_off) {
        return Err(broken_answer(NOTHING_SAID));
    }
    let mut answer = retell(course, reply.clone(), manner);
    let mut unread = Losses::default();
    unread.add_all(&reply.unsaid, "");
    answer.dropped.extend(unread.paths(root));
    Ok(answer)
}

/// Writes an answer in the client's format.
pub fn retell(course: Course, mut reply: Reply<'_>, manner: Manner) -> Answer {
    let mut keeping = Keeping::new(course.from);
    for choice in &mut reply.choices {
        course.back.restore_all(&mut choice.parts);
        if choice.index == 0 {
            let sealed = choice.parts.iter().filter(|part| is_kept(part));
            sealed.for_each(|part| keeping.keep(part.clone().into_owned()));
        }
        if !takes_call_seals(course.client) {
            let calls = choice.parts.iter_mut();
            calls
                .filter(|part| matches!(part.body, Body::Call(_)))
                .for_each(|part| part.seal = None);
        }
        let calls = choice
            .parts
            .iter()
            .any(|part| matches!(part.body, Body::Call(_)));
        // An answer that came whole has ended, also where the vendor does not say why.
        let stop = choice.stop.get_or_insert_with(|| Stop::of(StopReason::End));
        if calls && stop.reason == StopReason::End {
            stop.reason = StopReason::ToolUse;
        }
    }
    let usage = reply.usage;
    let model = reply.start.model.clone().into_owned();
    let mut body = Vec::new();
    let mut losses = Losses::default();
    let writer = codec(course.client);
    match manner {
        Manner::Whole => writer.write_reply(&reply, &course.telling, &mut body, &mut losses),
        Manner::Stream => {
            let mut stream = writer.writer(course.telling);
            replay(reply, &mut |event: Event<'_>| {
                stream.write(event, &mut body)
            });
            losses = stream.losses().clone();
        }
    }
    let dropped = losses.iter().map(|loss| loss.what.to_owned()).collect();
    Answer {
        body,
        usage,
        model,
        keepsakes: keeping.take(),
        dropped,
    }
}

fn is_kept(part: &Part<'_>) -> bool {
    matches!(part.body, Body::Thinking(_) | Body::Call(_))
}
