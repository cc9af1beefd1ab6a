//! Messages of a request: one turn each.

use std::borrow::Cow;

use crate::ir::{
    Arguments, At, Body, CacheMark, Call, Format, Media, Outcome, Part, Role, Said, Source, Str,
    Turn,
};
use crate::wire::json::{Misfit, Value};

use super::content_read::read_content;
use super::reasoning::{Detail, Pieces, has_words};
use super::reply_read::citation;
use super::request_read::{filled, read_mark, text_or_json};

pub(super) fn read<'a>(list: Value<'_, 'a>, unsaid: &mut Vec<At>) -> Result<Vec<Turn<'a>>, Misfit> {
    let mut messages = Messages {
        unsaid,
        calls: Vec::new(),
        index: 0,
    };
    let mut turns = Vec::new();
    for value in list.want_list()?.items() {
        turns.push(messages.read(value)?);
        messages.index += 1;
    }
    Ok(turns)
}

struct Messages<'r, 'a> {
    unsaid: &'r mut Vec<At>,
    /// What was called so far, so that outcomes find their calls.
    calls: Vec<Called<'a>>,
    /// Of the message.
    index: usize,
}

struct Called<'a> {
    id: Str<'a>,
    name: Str<'a>,
    /// Of a custom tool.
    free: bool,
    answered: bool,
}

/// The members of an assistant's message.
#[derive(Default)]
struct Spoken<'d, 'a> {
    content: Option<Value<'d, 'a>>,
    refusal: Option<Value<'d, 'a>>,
    audio: Option<Value<'d, 'a>>,
    calls: Option<Value<'d, 'a>>,
    call: Option<Value<'d, 'a>>,
    /// `reasoning_content` and `reasoning`: two names for one thing.
    reasoning: [Option<Value<'d, 'a>>; 2],
    details: Option<Value<'d, 'a>>,
    annotations: Option<Value<'d, 'a>>,
    name: Option<Value<'d, 'a>>,
    mark: Option<Value<'d, 'a>>,
}

impl<'a> Messages<'_, 'a> {
    fn read(&mut self, value: Value<'_, 'a>) -> Result<Turn<'a>, Misfit> {
        let role = value
            .want_object()?
            .member("role")
            .ok_or(value.misfit("a message with a role"))?;
        match &*role.want_text()? {
            "system" => self.read_plain(value, Role::System),
            "developer" => self.read_plain(value, Role::Developer),
            "user" => self.read_plain(value, Role::User),
            "assistant" => self.read_assistant(value),
            "tool" | "function" => self.read_outcome(value),
            // Nobody knows it; whatever is said there is at least not the application's or the model's word.
            _ => {
                self.unsaid.push(role.at());
                self.read_plain(value, Role::User)
            }
        }
    }

    fn read_plain(&mut self, value: Value<'_, 'a>, role: Role) -> Result<Turn<'a>, Misfit> {
        let mut turn = Turn::new(value.at(), role, Vec::new());
        let mut mark = None;
        for (key, value) in filled(value) {
            match &*key {
                "role" => {}
                "content" => turn.parts = read_content(value, self.unsaid)?,
                "name" => turn.name = Some(value.want_said()?),
                "cache_control" => mark = Some(read_mark(value, self.unsaid)?),
                _ => self.unsaid.push(value.at()),
            }
        }
        self.mark_last(&mut turn, mark);
        Ok(turn)
    }

    /// A mark on a message is one on the last of its parts.
    fn mark_last(&mut self, turn: &mut Turn<'a>, mark: Option<CacheMark<'a>>) {
        let Some(mark) = mark else {
            return;
        };
        match turn.parts.last_mut() {
            Some(part) if part.cache.is_none() => part.cache = Some(mark),
            _ => self.unsaid.push(mark.at),
        }
    }

    fn read_assistant(&mut self, value: Value<'_, 'a>) -> Result<Turn<'a>, Misfit> {
        let mut spoken = Spoken::default();
        for (key, value) in filled(value) {
            let slot = match &*key {
                "role" => continue,
                "content" => &mut spoken.content,
                "refusal" => &mut spoken.refusal,
                "audio" => &mut spoken.audio,
                "tool_calls" => &mut spoken.calls,
                "function_call" => &mut spoken.call,
                "reasoning_content" => &mut spoken.reasoning[0],
                "reasoning" => &mut spoken.reasoning[1],
                "reasoning_details" => &mut spoken.details,
                "annotations" => &mut spoken.annotations,
                "name" => &mut spoken.name,
                "cache_control" => &mut spoken.mark,
                _ => {
                    self.unsaid.push(value.at());
                    continue;
                }
            };
            *slot = Some(value);
        }
        let mut parts = self.read_reasoning(&spoken)?;
        if let Some(content) = spoken.content {
            parts.extend(read_content(content, self.unsaid)?);
        }
        if let Some(list) = spoken.annotations {
            self.read_annotations(list, &mut parts);
        }
        if let Some(refusal) = spoken.refusal {
            let text = refusal.want_text()?;
            if !text.is_empty() {
                parts.push(Part::new(refusal.at(), Body::Refusal(text)));
            }
        }
        parts.extend(spoken.audio.map(|audio| self.read_audio(audio)));
        self.read_calls(&spoken, &mut parts)?;
        let mut turn = Turn::new(value.at(), Role::Assistant, parts);
        turn.name = spoken.name.map(Value::want_said).transpose()?;
        let mark = spoken.mark.map(|mark| read_mark(mark, self.unsaid));
        self.mark_last(&mut turn, mark.transpose()?);
        Ok(turn)
    }

    /// The same reasoning may be said in three ways at once; it is taken once, and what differs is not lost in silence.
    fn read_reasoning(&mut self, spoken: &Spoken<'_, 'a>) -> Result<Vec<Part<'a>>, Misfit> {
        let mut plain: Option<Said<Str<'a>>> = None;
        for value in spoken.reasoning.into_iter().flatten() {
            let said = value.want_said()?;
            match &plain {
                Some(plain) if plain.value == said.value => {}
                Some(_) => self.unsaid.push(said.at),
                None => plain = Some(said).filter(|said| !said.value.is_empty()),
            }
        }
        let mut pieces = Pieces::default();
        let details = spoken.details.map(Value::want_list).transpose()?;
        if !details.is_some_and(has_words) {
            plain.take().into_iter().for_each(|w| pieces.add_words(w));
        }
        for value in details.into_iter().flat_map(Value::items) {
            match Detail::read(value, self.unsaid) {
                Some(detail) => pieces.add(detail),
                None => self.unsaid.push(value.at()),
            }
        }
        if let Some(plain) = plain
            && plain.value != pieces.words()
        {
            self.unsaid.push(plain.at);
        }
        Ok(pieces.parts)
    }

    fn read_annotations(&mut self, list: Value<'_, 'a>, parts: &mut [Part<'a>]) {
        let is_text = |part: &&mut Part<'a>| matches!(part.body, Body::Text(_));
        let mut last = parts.iter_mut().rev().find(is_text);
        for item in list.items() {
            let text = last.as_mut().map(|part| &mut part.body);
            if let (Some(Body::Text(text)), Some(citation)) = (text, citation(item)) {
                text.citations.push(citation);
            } else {
                self.unsaid.push(item.at());
            }
        }
    }

    /// An audio of an earlier answer, which the vendor keeps.
    fn read_audio(&mut self, value: Value<'_, 'a>) -> Part<'a> {
        let id = value.member_text("id").unwrap_or_default();
        for (key, value) in filled(value) {
            if key != "id" {
                self.unsaid.push(value.at());
            }
        }
        let source = Source::Earlier {
            id,
            format: Format::OpenaiChat,
        };
        Part::new(value.at(), Body::Audio(Media::new(source)))
    }

    fn read_calls(
        &mut self,
        spoken: &Spoken<'_, 'a>,
        parts: &mut Vec<Part<'a>>,
    ) -> Result<(), Misfit> {
        let list = spoken.calls.map(Value::want_list).transpose()?;
        for (index, value) in list.into_iter().flat_map(Value::items).enumerate() {
            if let Some(part) = self.read_call(value.want_object()?, index)? {
                parts.push(part);
            }
        }
        if let Some(value) = spoken.call {
            let mut call = self.read_function(value)?;
            call.id = Cow::Owned(format!("call_{}", self.index));
            self.note(&call);
            parts.push(Part::new(value.at(), Body::Call(call)));
        }
        Ok(())
    }

    fn note(&mut self, call: &Call<'a>) {
        self.calls.push(Called {
            id: call.id.clone(),
            name: call.name.clone(),
            free: matches!(call.arguments, Arguments::Free(_)),
            answered: false,
        });
    }

    fn read_call(
        &mut self,
        value: Value<'_, 'a>,
        index: usize,
    ) -> Result<Option<Part<'a>>, Misfit> {
        let mut part = Part::new(value.at(), Body::Call(Call::default()));
        let (mut id, mut call) = (None, None);
        for (key, value) in filled(value) {
            match &*key {
                "type" | "index" => {}
                "id" => id = Some(value.want_text()?).filter(|id| !id.is_empty()),
                "function" => call = Some(self.read_function(value)?),
                "custom" => call = Some(self.read_custom(value)?),
                "cache_control" => part.cache = Some(read_mark(value, self.unsaid)?),
                "extra_content" => part.seal = self.read_extra(value),
                _ => self.unsaid.push(value.at()),
            }
        }
        let Some(mut call) = call else {
            self.unsaid.push(value.at());
            return Ok(None);
        };
        call.id = id.unwrap_or_else(|| Cow::Owned(format!("call_{}_{index}", self.index)));
        self.note(&call);
        part.body = Body::Call(call);
        Ok(Some(part))
    }

    /// Where Google's own Chat API has the signature of a call.
    fn read_extra(&mut self, value: Value<'_, 'a>) -> Option<Said<Str<'a>>> {
        let seal = seal_of_extra(value);
        if seal.is_none() {
            self.unsaid.push(value.at());
        }
        seal
    }

    fn read_function(&mut self, value: Value<'_, 'a>) -> Result<Call<'a>, Misfit> {
        let mut call = Call::default();
        for (key, value) in filled(value.want_object()?) {
            match &*key {
                "name" => call.name = value.want_text()?,
                // Some clients send the object itself.
                "arguments" => call.arguments = Arguments::Json(text_or_json(value)),
                _ => self.unsaid.push(value.at()),
            }
        }
        Ok(call)
    }

    fn read_custom(&mut self, value: Value<'_, 'a>) -> Result<Call<'a>, Misfit> {
        let mut call = Call {
            arguments: Arguments::Free("".into()),
            ..Call::default()
        };
        for (key, value) in filled(value.want_object()?) {
            match &*key {
                "name" => call.name = value.want_text()?,
                "input" => call.arguments = Arguments::Free(value.want_text()?),
                _ => self.unsaid.push(value.at()),
            }
        }
        Ok(call)
    }

    fn read_outcome(&mut self, value: Value<'_, 'a>) -> Result<Turn<'a>, Misfit> {
        let mut outcome = Outcome::default();
        let (mut id, mut name, mut mark) = (None, None, None);
        for (key, value) in filled(value) {
            match &*key {
                "role" => {}
                "content" => outcome.parts = read_content(value, self.unsaid)?,
                "tool_call_id" => id = Some(value.want_text()?).filter(|id| !id.is_empty()),
                "name" => name = Some(value.want_said()?),
                "cache_control" => mark = Some(read_mark(value, self.unsaid)?),
                _ => self.unsaid.push(value.at()),
            }
        }
        let called = self.answer(id.as_deref(), name.as_ref().map(|name| &*name.value));
        match called {
            Some(called) => {
                outcome.call = called.id.clone();
                outcome.name = Some(called.name.clone());
                outcome.free = called.free;
                if let Some(name) = name.filter(|name| name.value != called.name) {
                    self.unsaid.push(name.at);
                }
            }
            None => {
                let made = || Cow::Owned(format!("call_{}", self.index));
                outcome.call = id.unwrap_or_else(made);
                outcome.name = name.map(|name| name.value);
            }
        }
        let mut part = Part::new(value.at(), Body::Outcome(outcome));
        part.cache = mark;
        Ok(Turn::new(value.at(), Role::User, vec![part]))
    }

    /// The call that an outcome answers: the one of its id, else (role `function`) the first of its name that has no
    /// answer yet.
    fn answer(&mut self, id: Option<&str>, name: Option<&str>) -> Option<&Called<'a>> {
        let found = match id {
            Some(id) => self.calls.iter().rposition(|call| call.id == id),
            None => self
                .calls
                .iter()
                .position(|call| !call.answered && name.is_none_or(|name| call.name == name)),
        };
        let called = self.calls.get_mut(found?)?;
        called.answered = true;
        Some(called)
    }
}

pub(super) fn seal_of_extra<'a>(value: Value<'_, 'a>) -> Option<Said<Str<'a>>> {
    let seal = value.member("google")?.member("thought_signature")?;
    seal.want_said().ok()
}
