//! Messages: what the turns become.
//!
//! Chat's tool messages, system messages and assistant's messages hold text only. Pictures and documents in them are not
//! lost: they are said in a user's message, behind all tool messages of the turn, since OpenAI wants the outcomes of all
//! calls right behind these.

use crate::ir::{
    Arguments, Body, Call, Outcome, Output, Part, Request, Role, Source, Thinking, Turn,
};
use crate::wire::convert::{ReasoningHabit, Refused};

use super::content_write::{Content, Piece};
use super::request_write::Out;
use super::schema;
use super::tools_write::INPUT;

pub(super) fn write(request: &Request<'_>, out: &mut Out<'_, '_>) -> Result<(), Refused> {
    out.writer.key("messages").open_list();
    write_schema_in_words(request, out);
    let mut messages = Messages {
        out,
        moved: Vec::new(),
    };
    let mut turns = request.turns.as_slice();
    while let Some(first) = turns.first() {
        let run = match first.role {
            Role::User => turns
                .iter()
                .take_while(|turn| turn.role == Role::User)
                .count(),
            Role::System | Role::Developer | Role::Assistant => 1,
        };
        let (these, rest) = turns.split_at(run);
        match first.role {
            Role::User => messages.write_users(these)?,
            Role::System => messages.write_system(first, "system")?,
            Role::Developer => {
                let known = messages.out.traits.developer_role;
                messages.write_system(first, if known { "developer" } else { "system" })?;
            }
            Role::Assistant => messages.write_assistant(first)?,
        }
        turns = rest;
    }
    messages.write_moved()?;
    out.writer.close_list();
    Ok(())
}

/// A vendor that has JSON output but no schemas is told the schema in words: it has no other place, and the answer would be
/// another without it. Such vendors also want to read the word JSON somewhere in the conversation.
fn write_schema_in_words(request: &Request<'_>, out: &mut Out<'_, '_>) {
    let output = request.output.as_ref().map(|said| &said.value);
    let Some(Output::JsonSchema {
        schema,
        gemini_dialect,
        ..
    }) = output
    else {
        return;
    };
    if out.traits.json_schema {
        return;
    }
    let schema = match gemini_dialect {
        true => schema::standard(schema),
        false => schema.0.as_ref().into(),
    };
    let words = "Answer with a JSON object that matches this JSON schema: ";
    let writer = out.writer.open_object().key("role").text("system");
    writer.key("content").text_of(&[words, &schema]);
    writer.close_object();
}

struct Messages<'x, 'w, 'o, 'r, 'a> {
    out: &'x mut Out<'w, 'o>,
    /// Parts that must be said in a user's message.
    moved: Vec<&'r Part<'a>>,
}

impl<'r, 'a> Messages<'_, '_, '_, 'r, 'a> {
    fn open(&mut self, role: &'static str, turn: Option<&Turn<'_>>) {
        self.out.writer.open_object().key("role").text(role);
        if let Some(name) = turn.and_then(|turn| turn.name.as_ref()) {
            self.out.writer.key("name").text(&name.value);
        }
    }

    fn lose_marks_of(&mut self, turn: &Turn<'_>) {
        self.out.lose(turn.phase.as_ref(), "phase of a turn");
        self.out.lose(turn.id.as_ref(), "id of a turn");
    }

    fn write_system(&mut self, turn: &'r Turn<'a>, role: &'static str) -> Result<(), Refused> {
        self.lose_marks_of(turn);
        let mut content = Content::default();
        for part in &turn.parts {
            self.add_text_or_move(part, &mut content)?;
        }
        if content.is_empty() && !turn.parts.is_empty() {
            return Ok(());
        }
        self.open(role, Some(turn));
        content.write(self.out)?;
        self.out.writer.close_object();
        Ok(())
    }

    /// What is text stays; what a user can say is moved; the rest is lost.
    fn add_text_or_move(
        &mut self,
        part: &'r Part<'a>,
        content: &mut Content<'r, 'a>,
    ) -> Result<(), Refused> {
        match &part.body {
            Body::Text(_) | Body::Refusal(_) => content.add(part, self.out)?,
            Body::Image(_) | Body::Audio(_) | Body::Video(_) | Body::Document(_) => {
                self.moved.push(part);
            }
            Body::Thinking(_) | Body::Call(_) | Body::Outcome(_) => {
                self.out.losses.add(part.at, "a part out of its place");
            }
            Body::Foreign(_) => content.add(part, self.out)?,
        }
        Ok(())
    }

    /// User's turns in a row: first the outcomes of calls.
    fn write_users(&mut self, turns: &'r [Turn<'a>]) -> Result<(), Refused> {
        for part in turns.iter().flat_map(|turn| &turn.parts) {
            if let Body::Outcome(outcome) = &part.body {
                self.write_outcome(outcome, part)?;
            }
        }
        self.write_moved()?;
        for turn in turns {
            self.lose_marks_of(turn);
            let is_outcome = |part: &&Part<'_>| matches!(part.body, Body::Outcome(_));
            let mut rest = turn
                .parts
                .iter()
                .filter(|part| !is_outcome(part))
                .peekable();
            if rest.peek().is_none() && !turn.parts.is_empty() {
                self.out.lose(turn.name.as_ref(), "name of a participant");
                continue;
            }
            let mut content = Content::default();
            for part in rest {
                content.add(part, self.out)?;
            }
            // Nothing of it can be said.
            if content.is_empty() && !turn.parts.is_empty() {
                continue;
            }
            self.open("user", Some(turn));
            content.write(self.out)?;
            self.out.writer.close_object();
        }
        Ok(())
    }

    fn write_moved(&mut self) -> Result<(), Refused> {
        let mut content = Content::default();
        for part in std::mem::take(&mut self.moved) {
            content.add(part, self.out)?;
        }
        if content.is_empty() {
            return Ok(());
        }
        self.open("user", None);
        content.write(self.out)?;
        self.out.writer.close_object();
        Ok(())
    }

    fn write_outcome(
        &mut self,
        outcome: &'r Outcome<'a>,
        part: &'r Part<'a>,
    ) -> Result<(), Refused> {
        let mut content = Content::default();
        for inner in &outcome.parts {
            self.add_text_or_move(inner, &mut content)?;
        }
        if let Some(object) = &outcome.object {
            content.push(Piece::Words(object.0.as_ref()), None);
        }
        if let Some(failed) = outcome.failed.as_ref().filter(|failed| failed.value) {
            // Chat has no word for it; what the tool said of its failure is all that the model sees.
            self.out.losses.add(failed.at, "failure of a tool");
        }
        content.mark(part.cache.as_ref(), self.out);
        self.open("tool", None);
        self.out.writer.key("tool_call_id").text(&outcome.call);
        content.write(self.out)?;
        self.out.writer.close_object();
        Ok(())
    }

    fn write_assistant(&mut self, turn: &'r Turn<'a>) -> Result<(), Refused> {
        self.lose_marks_of(turn);
        let mut spoken = Spoken {
            content: Content::spoken(),
            ..Spoken::default()
        };
        for part in &turn.parts {
            match &part.body {
                Body::Text(_) | Body::Foreign(_) => spoken.content.add(part, self.out)?,
                Body::Refusal(text) => spoken.refusal.push_str(text),
                Body::Thinking(thinking) => spoken.thinking.push((thinking, part)),
                Body::Call(call) => spoken.calls.push((call, part)),
                Body::Outcome(outcome) => spoken.outcomes.push((outcome, part)),
                Body::Audio(media) => match &media.source {
                    Source::Earlier { id, .. } => spoken.audio = Some(id),
                    Source::Inline { .. }
                    | Source::Url { .. }
                    | Source::File { .. }
                    | Source::Text { .. }
                    | Source::Parts { .. } => self.moved.push(part),
                },
                Body::Image(_) | Body::Video(_) | Body::Document(_) => self.moved.push(part),
            }
        }
        self.check_marks(&spoken);
        let echoed = self.echo(&spoken);
        let has_seals = self.takes_seals() && spoken.thinking.iter().any(is_sealed);
        let is_said = spoken.says_anything() || echoed.is_some() || has_seals;
        let says = is_said || turn.parts.is_empty();
        if says {
            self.open("assistant", Some(turn));
            self.write_spoken(&spoken, echoed)?;
            self.out.writer.close_object();
        }
        for (outcome, part) in spoken.outcomes {
            self.write_outcome(outcome, part)?;
        }
        Ok(())
    }

    /// Marks and seals of parts that have no place for them here.
    fn check_marks(&mut self, spoken: &Spoken<'_, '_>) {
        let thinking = spoken.thinking.iter().map(|(_, part)| part);
        let calls = spoken.calls.iter().map(|(_, part)| part);
        for part in thinking.chain(calls) {
            if let Some(mark) = &part.cache {
                self.out.losses.add(mark.at, "cache_control");
            }
        }
    }

    /// What is sent back of the reasoning: its words where the vendor wants them. OpenRouter takes seals too.
    fn echo(&mut self, spoken: &Spoken<'_, '_>) -> Option<String> {
        let takes_seals = self.takes_seals();
        let mut words: Option<String> = None;
        for (thinking, part) in &spoken.thinking {
            let is_piece = takes_seals && thinking.seal.is_some();
            if !is_piece {
                self.out.lose(
                    thinking.seal.as_ref(),
                    "seal of an earlier turn's reasoning",
                );
            }
            if is_piece || thinking.redacted {
                continue;
            }
            if !self.out.traits.echo_reasoning {
                self.out.losses.add(part.at, "reasoning of an earlier turn");
                continue;
            }
            let words = words.get_or_insert_default();
            for piece in shown(thinking) {
                if !words.is_empty() {
                    words.push('\n');
                }
                words.push_str(piece);
            }
        }
        // Vendors that want reasoning back refuse a turn with calls that has none; an empty one will do.
        let wants_some = self.out.traits.echo_reasoning && !spoken.calls.is_empty();
        words.or_else(|| wants_some.then(String::new))
    }

    fn write_spoken(
        &mut self,
        spoken: &Spoken<'_, '_>,
        echoed: Option<String>,
    ) -> Result<(), Refused> {
        let bare = !spoken.refusal.is_empty() || spoken.audio.is_some() || !spoken.calls.is_empty();
        if spoken.content.is_empty() && bare {
            self.out.writer.key("content").null();
        } else {
            spoken.content.write(self.out)?;
        }
        let writer = &mut *self.out.writer;
        if let Some(echoed) = echoed {
            writer.key("reasoning_content").text(&echoed);
        }
        if !spoken.refusal.is_empty() {
            writer.key("refusal").text(&spoken.refusal);
        }
        if let Some(id) = spoken.audio {
            let audio = writer.key("audio").open_object();
            audio.key("id").text(id).close_object();
        }
        self.write_details(spoken);
        if !spoken.calls.is_empty() {
            self.out.writer.key("tool_calls").open_list();
            for (call, part) in &spoken.calls {
                self.write_call(call, part);
            }
            self.out.writer.close_list();
        }
        Ok(())
    }

    /// OpenRouter does, and gives them.
    fn takes_seals(&self) -> bool {
        self.out.traits.reasoning == ReasoningHabit::Reasoning
    }

    fn write_details(&mut self, spoken: &Spoken<'_, '_>) {
        if !self.takes_seals() || !spoken.thinking.iter().any(is_sealed) {
            return;
        }
        let writer = self.out.writer.key("reasoning_details").open_list();
        for (index, (thinking, _)) in spoken.thinking.iter().enumerate() {
            let Some(seal) = &thinking.seal else {
                continue;
            };
            let index = index as u64;
            for summary in &thinking.summaries {
                let piece = writer.open_object().key("type").text("reasoning.summary");
                piece.key("summary").text(summary);
                piece.key("index").number(index).close_object();
            }
            let is_text = !thinking.text.is_empty();
            let piece = writer.open_object().key("type");
            match is_text {
                true => piece
                    .text("reasoning.text")
                    .key("text")
                    .text(&thinking.text),
                false => piece.text("reasoning.encrypted"),
            };
            let key = if is_text { "signature" } else { "data" };
            piece.key(key).text(&seal.value);
            if let Some(id) = &thinking.id {
                piece.key("id").text(id);
            }
            piece.key("index").number(index).close_object();
        }
        writer.close_list();
    }

    fn write_call(&mut self, call: &Call<'_>, part: &Part<'_>) {
        let custom = self.out.traits.custom_tools;
        let writer = self.out.writer.open_object().key("id").text(&call.id);
        match &call.arguments {
            Arguments::Free(input) if custom => {
                writer
                    .key("type")
                    .text("custom")
                    .key("custom")
                    .open_object();
                writer.key("name").text(&call.name);
                writer.key("input").text(input).close_object();
            }
            Arguments::Free(_) | Arguments::Json(_) => {
                let function = writer.key("type").text("function").key("function");
                function.open_object().key("name").text(&call.name);
                let arguments = arguments_text(&call.arguments);
                function.key("arguments").text(&arguments).close_object();
            }
        }
        // Google's own Chat API wants the signature of a call back, here.
        if let Some(seal) = &part.seal {
            let extra = writer.key("extra_content").open_object();
            extra.key("google").open_object();
            extra.key("thought_signature").text(&seal.value);
            extra.close_object().close_object();
        }
        writer.close_object();
        self.out
            .lose(call.namespace.as_ref(), "namespace of a call");
    }
}

fn is_sealed((thinking, _): &(&Thinking<'_>, &Part<'_>)) -> bool {
    thinking.seal.is_some()
}

/// Whatever the model wrote is a string here, be it JSON or not; nothing at all is an empty object.
fn arguments_text(arguments: &Arguments<'_>) -> String {
    match arguments {
        Arguments::Json(text) if text.trim().is_empty() => "{}".to_owned(),
        Arguments::Json(text) => text.to_string(),
        Arguments::Free(input) => {
            let mut out = Vec::new();
            let mut writer = crate::wire::json::Writer::new(&mut out);
            writer.open_object().key(INPUT).text(input).close_object();
            String::from_utf8(out).unwrap_or_default()
        }
    }
}

/// The words of a thinking part: its text, or where there is none its summaries.
fn shown<'t>(thinking: &'t Thinking<'_>) -> impl Iterator<Item = &'t str> {
    let text = Some(&*thinking.text).filter(|text| !text.is_empty());
    let summaries = thinking.summaries.iter().map(|summary| &**summary);
    let summaries = summaries.filter(move |_| text.is_none());
    text.into_iter().chain(summaries)
}

/// An assistant's turn by kinds, as Chat keeps them apart.
#[derive(Default)]
struct Spoken<'r, 'a> {
    content: Content<'r, 'a>,
    refusal: String,
    thinking: Vec<(&'r Thinking<'a>, &'r Part<'a>)>,
    audio: Option<&'r str>,
    calls: Vec<(&'r Call<'a>, &'r Part<'a>)>,
    outcomes: Vec<(&'r Outcome<'a>, &'r Part<'a>)>,
}

impl Spoken<'_, '_> {
    fn says_anything(&self) -> bool {
        !self.content.is_empty()
            || !self.refusal.is_empty()
            || self.audio.is_some()
            || !self.calls.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Tree, json};

    use super::super::proof::{lost, read, try_write, write};
    use super::*;
    use crate::ir::{At, Foreign, Format, Json, Media, Said, Text};
    use crate::wire::convert::Traits;

    fn part(body: Body<'static>) -> Part<'static> {
        Part::new(At(1), body)
    }

    fn text(words: &'static str) -> Part<'static> {
        let text = Text {
            text: words.into(),
            citations: Vec::new(),
        };
        part(Body::Text(text))
    }

    fn image() -> Part<'static> {
        part(Body::Image(Media::new(Source::Inline {
            mime: "image/png".into(),
            base64: "QUJD".into(),
        })))
    }

    fn call(id: &'static str, arguments: Arguments<'static>) -> Part<'static> {
        part(Body::Call(Call {
            id: id.into(),
            name: "f".into(),
            arguments,
            ..Call::default()
        }))
    }

    fn outcome(call: &'static str, parts: Vec<Part<'static>>) -> Part<'static> {
        part(Body::Outcome(Outcome {
            call: call.into(),
            parts,
            ..Outcome::default()
        }))
    }

    fn thinking(words: &'static str, seal: &'static str) -> Part<'static> {
        part(Body::Thinking(Thinking {
            text: words.into(),
            seal: (!seal.is_empty()).then(|| Said::new(At(2), seal.into())),
            redacted: words.is_empty(),
            ..Thinking::default()
        }))
    }

    fn request(turns: Vec<(Role, Vec<Part<'static>>)>) -> Request<'static> {
        let turns = turns.into_iter();
        Request {
            turns: turns
                .map(|(role, parts)| Turn::new(At(1), role, parts))
                .collect(),
            ..Request::default()
        }
    }

    fn messages(turns: Vec<(Role, Vec<Part<'static>>)>, traits: &Traits) -> Tree {
        write(&request(turns), traits)["messages"].clone()
    }

    #[test]
    fn turns_stay_where_they_stood() {
        let text = r#"{"messages":[{"role":"system","content":"a"},{"role":"user","content":"b"},{"role":"user","name":"n","content":"c"},{"role":"developer","content":"d"},{"role":"assistant","content":"e"},{"role":"system","content":"f"},{"role":"user","content":""},{"role":"assistant","content":"prefill"}]}"#;
        let written = write(&read(text), &Traits::default());
        let expected: Tree = serde_json::from_str(text).unwrap();
        assert_eq!(written["messages"], expected["messages"]);
        let old = Traits {
            developer_role: false,
            ..Traits::default()
        };
        assert_eq!(write(&read(text), &old)["messages"][3]["role"], "system");
    }

    #[test]
    fn outcomes_come_right_behind_their_calls_and_their_images_behind_all_of_them() {
        let json = |text: &'static str| Arguments::Json(text.into());
        let turns = vec![
            (
                Role::Assistant,
                vec![call("a", json("{}")), call("b", json(""))],
            ),
            (
                Role::User,
                vec![text("see"), outcome("a", vec![text("1"), image()])],
            ),
            (Role::User, vec![outcome("b", vec![text("2"), text("3")])]),
        ];
        let function = json!({"name": "f", "arguments": "{}"});
        let called = |id| json!({"id": id, "type": "function", "function": function});
        let picture =
            json!({"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}});
        assert_eq!(
            messages(turns, &Traits::default()),
            json!([
                {"role": "assistant", "content": null, "tool_calls": [called("a"), called("b")]},
                {"role": "tool", "tool_call_id": "a", "content": "1"},
                {"role": "tool", "tool_call_id": "b", "content": "2\n3"},
                {"role": "user", "content": [picture]},
                {"role": "user", "content": "see"},
            ])
        );
    }

    #[test]
    fn images_of_system_and_assistant_are_said_by_the_user() {
        let turns = vec![
            (Role::System, vec![text("a"), image()]),
            (Role::Assistant, vec![text("b"), image()]),
            (Role::User, vec![text("c")]),
        ];
        let written = messages(turns, &Traits::default());
        let roles: Vec<&str> = written
            .as_array()
            .unwrap()
            .iter()
            .map(|m| m["role"].as_str().unwrap())
            .collect();
        assert_eq!(roles, ["system", "assistant", "user", "user"]);
        assert_eq!(written[2]["content"].as_array().unwrap().len(), 2);
        assert_eq!(written[3]["content"], "c");
    }

    #[test]
    fn a_failure_has_no_word_but_its_text() {
        let mut failed = Outcome {
            call: "c".into(),
            parts: vec![text("broke")],
            ..Outcome::default()
        };
        failed.failed = Some(Said::new(At(9), true));
        let request = request(vec![(Role::User, vec![part(Body::Outcome(failed))])]);
        assert_eq!(lost(&request, &Traits::default()), ["failure of a tool"]);
        let written = write(&request, &Traits::default());
        assert_eq!(written["messages"][0]["content"], "broke");
    }

    #[test]
    fn an_outcome_that_is_an_object_is_its_json() {
        let outcome = Outcome {
            call: "c".into(),
            object: Some(Json(r#"{"a": 1}"#.into())),
            ..Outcome::default()
        };
        let written = messages(
            vec![(Role::User, vec![part(Body::Outcome(outcome))])],
            &Traits::default(),
        );
        assert_eq!(written[0]["content"], r#"{"a": 1}"#);
    }

    #[test]
    fn reasoning_goes_back_only_to_those_who_want_it() {
        let turns = || {
            let arguments = Arguments::Json("{}".into());
            vec![(
                Role::Assistant,
                vec![thinking("hm", "s"), text("a"), call("c", arguments)],
            )]
        };
        let plain = Traits::default();
        assert!(
            messages(turns(), &plain)[0]
                .get("reasoning_content")
                .is_none()
        );
        let losses = [
            "seal of an earlier turn's reasoning",
            "reasoning of an earlier turn",
        ];
        assert_eq!(lost(&request(turns()), &plain), losses);
        let echoing = Traits {
            echo_reasoning: true,
            ..Traits::default()
        };
        assert_eq!(messages(turns(), &echoing)[0]["reasoning_content"], "hm");
        assert_eq!(lost(&request(turns()), &echoing), losses[..1]);
        let openrouter = Traits {
            reasoning: ReasoningHabit::Reasoning,
            ..Traits::default()
        };
        let turns = vec![(
            Role::Assistant,
            vec![thinking("hm", "s"), thinking("", "d")],
        )];
        assert!(lost(&request(turns.clone()), &openrouter).is_empty());
        assert_eq!(
            messages(turns, &openrouter)[0]["reasoning_details"],
            json!([
                {"type": "reasoning.text", "text": "hm", "signature": "s", "index": 0},
                {"type": "reasoning.encrypted", "data": "d", "index": 1},
            ])
        );
    }

    #[test]
    fn a_turn_of_calls_has_some_reasoning_where_the_vendor_wants_it_back() {
        let echoing = Traits {
            echo_reasoning: true,
            ..Traits::default()
        };
        let turns = vec![(
            Role::Assistant,
            vec![call("c", Arguments::Json("{}".into()))],
        )];
        assert_eq!(messages(turns, &echoing)[0]["reasoning_content"], "");
        let turns = vec![(Role::Assistant, vec![text("a")])];
        assert!(
            messages(turns, &echoing)[0]
                .get("reasoning_content")
                .is_none()
        );
    }

    #[test]
    fn a_turn_of_nothing_that_can_be_said_is_left_out() {
        let turns = vec![
            (Role::User, vec![text("a")]),
            (Role::Assistant, vec![thinking("hm", "s")]),
        ];
        let written = messages(turns, &Traits::default());
        assert_eq!(written.as_array().unwrap().len(), 1);
    }

    #[test]
    fn arguments_are_text_whatever_the_model_wrote() {
        let written = |arguments, traits: &Traits| {
            messages(vec![(Role::Assistant, vec![call("c", arguments)])], traits)[0]["tool_calls"]
                [0]
            .clone()
        };
        let plain = Traits::default();
        let broken = written(Arguments::Json(r#"{"a":"#.into()), &plain);
        assert_eq!(broken["function"]["arguments"], r#"{"a":"#);
        let free = written(Arguments::Free("x\"y".into()), &plain);
        assert_eq!(free["custom"], json!({"name": "f", "input": "x\"y"}));
        let without = Traits {
            custom_tools: false,
            ..Traits::default()
        };
        let free = written(Arguments::Free("x\"y".into()), &without);
        assert_eq!(free["function"]["arguments"], r#"{"input":"x\"y"}"#);
    }

    #[test]
    fn the_signature_of_a_call_stands_where_google_wants_it() {
        let mut sealed = call("c", Arguments::Json("{}".into()));
        sealed.seal = Some(Said::new(At(4), "sig".into()));
        let written = messages(vec![(Role::Assistant, vec![sealed])], &Traits::default());
        let call = &written[0]["tool_calls"][0];
        assert_eq!(call["extra_content"]["google"]["thought_signature"], "sig");
    }

    #[test]
    fn refusals_and_audio_of_earlier_answers_have_members_of_their_own() {
        let audio = Media::new(Source::Earlier {
            id: "au".into(),
            format: Format::OpenaiChat,
        });
        let turn = vec![part(Body::Refusal("no".into())), part(Body::Audio(audio))];
        assert_eq!(
            messages(vec![(Role::Assistant, turn)], &Traits::default()),
            json!([{"role": "assistant", "content": null, "refusal": "no", "audio": {"id": "au"}}])
        );
    }

    #[test]
    fn parts_of_other_formats_are_lost_and_references_refused() {
        let foreign = |kind: &'static str| {
            let foreign = Foreign {
                format: Format::OpenaiResponses,
                kind: kind.into(),
                json: Json("{}".into()),
            };
            request(vec![(Role::Assistant, vec![part(Body::Foreign(foreign))])])
        };
        let traits = Traits::default();
        assert_eq!(
            lost(&foreign("web_search_call"), &traits),
            ["a part of another format"]
        );
        assert!(try_write(&foreign("item_reference"), &traits).is_err());
    }
}
