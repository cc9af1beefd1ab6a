//! Messages of a request: one turn each.

use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

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
        by_id: BTreeMap::new(),
        waiting: BTreeMap::new(),
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
    /// The last call of each id.
    by_id: BTreeMap<Str<'a>, usize>,
    /// Those of each name that may wait for an answer, in their order; under no name those of all.
    waiting: BTreeMap<Option<Str<'a>>, VecDeque<usize>>,
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
            self.read_annotations(list.want_list()?, &mut parts);
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
        let at = self.calls.len();
        self.by_id.insert(call.id.clone(), at);
        for name in [None, Some(call.name.clone())] {
            self.waiting.entry(name).or_default().push_back(at);
        }
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
                "type" => {
                    // Which member is there says it; a kind that nobody knows is told.
                    if !matches!(&*value.want_text()?, "function" | "custom") {
                        self.unsaid.push(value.at());
                    }
                }
                "index" => {}
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
                "arguments" => {
                    call.arguments = Arguments::Json(text_or_json(value));
                    call.arguments_at = value.at();
                }
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
            Some(id) => self.by_id.get(id).copied(),
            None => {
                let name = name.map(|name| Cow::Owned(name.to_owned()));
                let queue = self.waiting.get_mut(&name)?;
                let waits = |at: &usize| self.calls.get(*at).is_some_and(|call| !call.answered);
                std::iter::from_fn(|| queue.pop_front()).find(waits)
            }
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

#[cfg(test)]
mod tests {
    use super::super::proof::{read, unsaid};
    use super::*;

    fn messages(list: &str) -> String {
        format!(r#"{{"messages":[{list}]}}"#)
    }

    fn outcomes(text: &str) -> Vec<(String, Option<String>)> {
        let request = read(text);
        let parts = request.turns.iter().flat_map(|turn| &turn.parts);
        let outcomes = parts.filter_map(|part| match &part.body {
            Body::Outcome(outcome) => Some(outcome),
            _ => None,
        });
        let own = |outcome: &Outcome<'_>| {
            let name = outcome.name.as_ref().map(ToString::to_string);
            (outcome.call.to_string(), name)
        };
        outcomes.map(own).collect()
    }

    #[test]
    fn system_text_in_mid_conversation_stays_where_it_stood() {
        let text = messages(
            r#"{"role":"system","content":"a"},{"role":"user","content":"b","name":"ann"},{"role":"system","content":"c"},{"role":"developer","content":"d"},{"role":"assistant","content":"e"}"#,
        );
        let roles: Vec<Role> = read(&text).turns.iter().map(|turn| turn.role).collect();
        let expected = [
            Role::System,
            Role::User,
            Role::System,
            Role::Developer,
            Role::Assistant,
        ];
        assert_eq!(roles, expected);
        assert_eq!(read(&text).turns[1].name.as_ref().unwrap().value, "ann");
    }

    #[test]
    fn a_role_that_nobody_knows_is_a_users_and_noted() {
        let text = messages(r#"{"role":"critic","content":"a"}"#);
        assert_eq!(read(&text).turns[0].role, Role::User);
        assert_eq!(unsaid(&text), ["messages[0].role"]);
    }

    #[test]
    fn outcomes_find_their_calls() {
        let text = messages(
            r#"{"role":"assistant","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}},{"id":"c2","type":"custom","custom":{"name":"g","input":"x"}}]},
               {"role":"tool","tool_call_id":"c2","content":"two","name":"h"},{"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"one"}]}"#,
        );
        let expected = [("c2", "g"), ("c1", "f")].map(|(id, name)| (id.into(), Some(name.into())));
        assert_eq!(outcomes(&text), expected);
        assert_eq!(unsaid(&text), ["messages[1].name"]);
        let Body::Outcome(custom) = &read(&text).turns[1].parts[0].body.clone() else {
            panic!();
        };
        assert!(custom.free);
    }

    #[test]
    fn functions_from_before_there_were_ids_get_stable_ones() {
        let one = r#"{"role":"user","content":"x"},{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{}"}},{"role":"function","name":"f","content":"1"}"#;
        let two = format!(
            r#"{one},{{"role":"assistant","function_call":{{"name":"f","arguments":"{{}}"}}}},{{"role":"function","name":"f","content":"2"}}"#
        );
        let first = (String::from("call_1"), Some(String::from("f")));
        let second = (String::from("call_3"), Some(String::from("f")));
        assert_eq!(outcomes(&messages(one)), std::slice::from_ref(&first));
        assert_eq!(outcomes(&messages(&two)), [first, second]);
    }

    #[test]
    fn reasoning_that_is_said_in_several_ways_is_taken_once() {
        let details = r#"[{"type":"reasoning.text","text":"a","signature":"s","index":0,"format":"f"},{"type":"reasoning.encrypted","data":"d","id":"i","index":1}]"#;
        let said = |reasoning: &str| {
            messages(&format!(
                r#"{{"role":"assistant","content":"c","reasoning":"{reasoning}","reasoning_content":"{reasoning}","reasoning_details":{details}}}"#
            ))
        };
        let text = said("a");
        let request = read(&text);
        let thinking: Vec<_> = request.turns[0]
            .parts
            .iter()
            .filter_map(|part| match &part.body {
                Body::Thinking(thinking) => Some(thinking),
                _ => None,
            })
            .collect();
        let seal = |at: usize| thinking[at].seal.as_ref().map(|seal| &*seal.value);
        assert_eq!(thinking.len(), 2);
        assert_eq!(
            (&*thinking[0].text, seal(0), thinking[0].redacted),
            ("a", Some("s"), false)
        );
        assert_eq!((seal(1), thinking[1].redacted), (Some("d"), true));
        assert_eq!(thinking[1].id.as_deref(), Some("i"));
        let format = "messages[0].reasoning_details[0].format";
        assert_eq!(unsaid(&text), [format]);
        let other = unsaid(&said("other"));
        assert_eq!(other, [format, "messages[0].reasoning_content"]);
    }

    #[test]
    fn a_summary_and_what_is_encrypted_of_it_are_one() {
        let text = messages(
            r#"{"role":"assistant","reasoning_details":[{"type":"reasoning.summary","summary":"s","index":0},{"type":"reasoning.encrypted","data":"d","index":0}]}"#,
        );
        let request = read(&text);
        let Body::Thinking(thinking) = &request.turns[0].parts[0].body else {
            panic!();
        };
        assert_eq!(thinking.summaries, ["s"]);
        assert_eq!(thinking.seal.as_ref().unwrap().value, "d");
        assert_eq!(request.turns[0].parts.len(), 1);
    }

    #[test]
    fn an_answer_of_calls_has_no_empty_text() {
        let text = messages(
            r#"{"role":"assistant","content":"","refusal":null,"tool_calls":[{"id":"c","function":{"name":"f","arguments":{"a":1}},"extra_content":{"google":{"thought_signature":"s"}}}]}"#,
        );
        let request = read(&text);
        let [part] = &request.turns[0].parts[..] else {
            panic!();
        };
        let Body::Call(call) = &part.body else {
            panic!();
        };
        assert_eq!(call.arguments, Arguments::Json(r#"{"a":1}"#.into()));
        assert_eq!(part.seal.as_ref().unwrap().value, "s");
    }

    #[test]
    fn a_mark_on_a_message_is_one_on_its_last_part() {
        let text = messages(
            r#"{"role":"user","content":"a","cache_control":{"type":"ephemeral"}},{"role":"tool","tool_call_id":"c","content":"b","cache_control":{"type":"ephemeral"}},{"role":"user","content":"","cache_control":{"type":"ephemeral"}}"#,
        );
        let request = read(&text);
        assert!(request.turns[0].parts[0].cache.is_some());
        assert!(request.turns[1].parts[0].cache.is_some());
        assert_eq!(unsaid(&text), ["messages[2].cache_control"]);
    }

    #[test]
    fn what_an_earlier_answer_had_beside_its_text_is_kept() {
        let text = messages(
            r#"{"role":"assistant","content":[{"type":"text","text":"a"},{"type":"refusal","refusal":"no"}],"audio":{"id":"au"},"refusal":"never","name":"bot","prefix":true,
               "annotations":[{"type":"url_citation","url_citation":{"url":"u","title":"t","start_index":0,"end_index":1}},{"type":"file","file":{}}]}"#,
        );
        let request = read(&text);
        let bodies: Vec<&Body<'_>> = request.turns[0].parts.iter().map(|p| &p.body).collect();
        let [
            Body::Text(words),
            Body::Refusal(_),
            Body::Refusal(never),
            Body::Audio(audio),
        ] = bodies[..]
        else {
            panic!("{bodies:?}");
        };
        assert_eq!((words.citations.len(), &**never), (1, "never"));
        assert!(matches!(&audio.source, Source::Earlier { id, .. } if id == "au"));
        let expected = ["messages[0].prefix", "messages[0].annotations[1]"];
        assert_eq!(unsaid(&text), expected);
    }
}
