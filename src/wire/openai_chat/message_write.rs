//! Messages: what the turns become.
//!
//! Chat's tool messages, system messages and assistant's messages hold text only. Pictures and documents in them are not
//! lost: they are said in a user's message, behind all tool messages of the turn, since OpenAI wants the outcomes of all
//! calls right behind these.

use crate::ir::{Body, Outcome, Output, Part, Request, Role, Turn};
use crate::wire::convert::Refused;

use super::content_write::{Content, Piece};
use super::out::Out;
use crate::wire::convert::schema;
use crate::wire::convert::turns::Called;

pub(super) fn write(request: &Request<'_>, out: &mut Out<'_, '_>) -> Result<(), Refused> {
    out.writer.key("messages").open_list();
    write_schema_in_words(request, out);
    let mut messages = Messages {
        out,
        moved: Vec::new(),
    };
    let mut called = Called::default();
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
            Role::User => {
                messages.write_users(these, &called)?;
                called.forget();
            }
            Role::System => messages.write_system(first, "system")?,
            Role::Developer => {
                let known = messages.out.traits.developer_role;
                messages.write_system(first, if known { "developer" } else { "system" })?;
            }
            Role::Assistant => {
                messages.write_assistant(first)?;
                called.hear(first.parts.iter());
            }
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

pub(super) struct Messages<'x, 'w, 'o, 'r, 'a> {
    pub(super) out: &'x mut Out<'w, 'o>,
    /// Parts that must be said in a user's message.
    pub(super) moved: Vec<&'r Part<'a>>,
}

impl<'r, 'a> Messages<'_, '_, '_, 'r, 'a> {
    pub(super) fn open(&mut self, role: &'static str, turn: Option<&Turn<'_>>) {
        self.out.writer.open_object().key("role").text(role);
        if let Some(name) = turn.and_then(|turn| turn.name.as_ref()) {
            self.out.writer.key("name").text(&name.value);
        }
    }

    pub(super) fn lose_marks_of(&mut self, turn: &Turn<'_>) {
        self.out.hint(turn.phase.as_ref(), "phase of a turn");
        self.out.hint(turn.id.as_ref(), "id of a turn");
    }

    fn write_system(&mut self, turn: &'r Turn<'a>, role: &'static str) -> Result<(), Refused> {
        self.lose_marks_of(turn);
        let mut content = Content::prompt();
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

    /// User's turns in a row: first the outcomes of the calls before them. Others stay where they stood.
    fn write_users(&mut self, turns: &'r [Turn<'a>], called: &Called<'_>) -> Result<(), Refused> {
        let all = turns.iter().flat_map(|turn| &turn.parts);
        for part in all.filter(|part| called.answers(part)) {
            if let Body::Outcome(outcome) = &part.body {
                self.write_outcome(outcome, part)?;
            }
        }
        self.write_moved()?;
        for turn in turns {
            self.lose_marks_of(turn);
            let mut content = Content::default();
            let mut is_said = turn.parts.is_empty();
            for part in turn.parts.iter().filter(|part| !called.answers(part)) {
                if let Body::Outcome(outcome) = &part.body {
                    is_said |= self.write_user(turn, &std::mem::take(&mut content))?;
                    self.write_outcome(outcome, part)?;
                    self.write_moved()?;
                } else {
                    content.add(part, self.out)?;
                }
            }
            if turn.parts.is_empty() {
                self.open("user", Some(turn));
                content.write(self.out)?;
                self.out.writer.close_object();
            } else {
                is_said |= self.write_user(turn, &content)?;
            }
            if !is_said {
                self.out.lose(turn.name.as_ref(), "name of a participant");
            }
        }
        Ok(())
    }

    /// Whether there is something to say.
    fn write_user(&mut self, turn: &Turn<'_>, content: &Content<'r, 'a>) -> Result<bool, Refused> {
        if content.is_empty() {
            return Ok(false);
        }
        self.open("user", Some(turn));
        content.write(self.out)?;
        self.out.writer.close_object();
        Ok(true)
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

    pub(super) fn write_outcome(
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
            self.out.losses.round(failed.at, "failure of a tool");
        }
        content.mark(part.cache.as_ref(), self.out);
        self.open("tool", None);
        self.out.writer.key("tool_call_id").text(&outcome.call);
        content.write(self.out)?;
        self.out.writer.close_object();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Tree, json};

    use super::super::proof::{
        call, image, lost, messages, outcome, part, read, request, text, write,
    };
    use super::*;
    use crate::ir::{Arguments, At, Foreign, Format, Json, Said};
    use crate::wire::convert::Traits;

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
    fn parts_of_other_formats_are_lost() {
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
    }
}
