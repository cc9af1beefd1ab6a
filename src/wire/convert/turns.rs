//! What the vendors ask of the order of turns, done once for all of them.

use std::collections::BTreeSet;

use super::loss::Losses;
use crate::ir::{Body, Part, Role, Str, Turn};

/// A run of turns that a vendor takes as one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message<'r, 'a> {
    pub role: Role,
    pub parts: Vec<&'r Part<'a>>,
    /// The turns that it is made of.
    pub turns: Vec<&'r Turn<'a>>,
}

/// The turns with neighbours of one role joined. System and developer count as one role, also among others.
///
/// In a user's message the outcomes of the calls before it come first, as Anthropic and Gemini want them right behind their
/// calls. The order is kept otherwise: an outcome of no such call stays where it stood, so that the vendor says what is wrong.
pub fn messages<'r, 'a>(turns: &'r [Turn<'a>]) -> Vec<Message<'r, 'a>> {
    let mut messages: Vec<Message<'r, 'a>> = Vec::with_capacity(turns.len());
    for turn in turns {
        let role = match turn.role {
            Role::System | Role::Developer => Role::System,
            Role::User => Role::User,
            Role::Assistant => Role::Assistant,
        };
        match messages.last_mut() {
            Some(last) if last.role == role => {
                last.parts.extend(&turn.parts);
                last.turns.push(turn);
            }
            _ => messages.push(Message {
                role,
                parts: turn.parts.iter().collect(),
                turns: vec![turn],
            }),
        }
    }
    let mut called = Called::default();
    for message in &mut messages {
        match message.role {
            Role::User => message.parts.sort_by_key(|part| !called.answers(part)),
            Role::Assistant => {
                called.forget();
                called.hear(message.parts.iter().copied());
            }
            Role::System | Role::Developer => {}
        }
    }
    messages
}

/// What the model calls before somebody else speaks.
#[derive(Debug, Default)]
pub struct Called<'r>(BTreeSet<&'r str>);

impl<'r> Called<'r> {
    pub fn forget(&mut self) {
        self.0.clear();
    }

    /// The model speaks.
    pub fn hear<'a: 'r>(&mut self, parts: impl Iterator<Item = &'r Part<'a>>) {
        for part in parts {
            if let Body::Call(call) = &part.body {
                self.0.insert(&call.id);
            }
        }
    }

    /// Whether the part is the outcome of one of the calls.
    pub fn answers(&self, part: &Part<'_>) -> bool {
        matches!(&part.body, Body::Outcome(outcome) if self.0.contains(&*outcome.call))
    }
}

/// Puts together what a stream had taken apart: Gemini's clients send an answer back in the pieces in which it came, its
/// signature in the last of them.
pub fn join_pieces(turns: &mut Vec<Turn<'_>>) {
    let mut joined: Vec<Turn<'_>> = Vec::with_capacity(turns.len());
    for turn in turns.drain(..) {
        match joined.last_mut() {
            Some(last) if last.role == Role::Assistant && turn.role == Role::Assistant => {
                last.parts.extend(turn.parts);
            }
            _ => joined.push(turn),
        }
    }
    for turn in &mut joined {
        if turn.role == Role::Assistant {
            let parts = std::mem::take(&mut turn.parts);
            turn.parts.reserve(parts.len());
            for part in parts {
                join_part(&mut turn.parts, part);
            }
        }
    }
    *turns = joined;
}

/// Puts together what the model said around its calls, for a format that wants the outcomes of calls right behind the message
/// that has them. What came after a call stands apart from what came before it.
pub fn join_around_calls(turns: &mut Vec<Turn<'_>>, losses: &mut Losses) {
    let mut joined: Vec<Turn<'_>> = Vec::with_capacity(turns.len());
    let mut has_calls = false;
    for mut turn in turns.drain(..) {
        let calls = turn.role == Role::Assistant && turn.parts.iter().any(is_call);
        match joined.last_mut() {
            Some(last) if has_calls && turn.role == Role::Assistant => {
                for said in [&turn.id, &turn.phase].into_iter().flatten() {
                    losses.hint(said.at, "what is said of one of several pieces of a turn");
                }
                last.parts.append(&mut turn.parts);
            }
            _ => {
                has_calls = calls;
                joined.push(turn);
            }
        }
    }
    for turn in joined
        .iter_mut()
        .filter(|turn| turn.role == Role::Assistant)
    {
        part_texts_at_calls(&mut turn.parts);
    }
    *turns = joined;
}

/// The texts of a message become one, whatever stands between them: where that is a call, an empty line does.
fn part_texts_at_calls(parts: &mut [Part<'_>]) {
    let (mut said, mut called) = (false, false);
    for part in parts {
        match &mut part.body {
            Body::Text(text) if !text.text.is_empty() => {
                if said && called {
                    text.text.to_mut().insert_str(0, "\n\n");
                }
                (said, called) = (true, false);
            }
            Body::Call(_) => called = true,
            Body::Text(_)
            | Body::Refusal(_)
            | Body::Thinking(_)
            | Body::Outcome(_)
            | Body::Audio(_)
            | Body::Image(_)
            | Body::Video(_)
            | Body::Document(_)
            | Body::Foreign(_) => {}
        }
    }
}

fn is_call(part: &Part<'_>) -> bool {
    matches!(part.body, Body::Call(_))
}

fn join_part<'a>(parts: &mut Vec<Part<'a>>, part: Part<'a>) {
    let Some(last) = parts.last_mut() else {
        parts.push(part);
        return;
    };
    if let (Body::Thinking(before), Body::Thinking(more)) = (&mut last.body, &part.body)
        && before.seal.is_none()
    {
        before.text.to_mut().push_str(&more.text);
        before.seal = more.seal.clone();
    } else if let (Body::Text(before), Body::Text(more)) = (&mut last.body, &part.body)
        && before.citations.is_empty()
        && last.seal.is_none()
    {
        before.text.to_mut().push_str(&more.text);
        before.citations.extend(more.citations.iter().cloned());
        last.seal = part.seal;
    } else {
        parts.push(part);
    }
}

/// The texts of the parts, joined by line feeds, if they are texts only.
pub fn plain_text<'a>(parts: &[&Part<'a>]) -> Option<Str<'a>> {
    let mut joined: Option<Str<'a>> = None;
    for part in parts {
        let Body::Text(text) = &part.body else {
            return None;
        };
        match &mut joined {
            None => joined = Some(text.text.clone()),
            Some(joined) => {
                let joined = joined.to_mut();
                joined.push('\n');
                joined.push_str(&text.text);
            }
        }
    }
    Some(joined.unwrap_or_default())
}
