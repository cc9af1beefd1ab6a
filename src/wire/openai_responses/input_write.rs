//! Turns become the items of `input`, in their order: what stands between two calls, outcomes or pieces of reasoning is one
//! message.

use xxhash_rust::xxh3::xxh3_128;

use crate::ir::{Arguments, Body, Call, Format, Json, Outcome, Part, Role, Thinking, Turn};
use crate::wire::convert::{Losses, Refused, Target};
use crate::wire::json::Writer;

use super::annotation;
use super::request_write::short_id;

pub(super) fn write(
    turns: &[Turn<'_>],
    target: &Target<'_>,
    w: &mut Writer<'_>,
    losses: &mut Losses,
) -> Result<(), Refused> {
    let mut items = Input { target, w, losses };
    for turn in turns {
        items.turn(turn)?;
    }
    Ok(())
}

/// Notes what of a part has no place where it stands.
pub(super) fn lose_marks(part: &Part<'_>, losses: &mut Losses) {
    if let Some(mark) = &part.cache {
        losses.hint(mark.at, "cache mark");
    }
    lose_seal(part, losses);
}

fn lose_seal(part: &Part<'_>, losses: &mut Losses) {
    if let Some(seal) = &part.seal {
        losses.add(seal.at, "opaque state of a part");
    }
}

pub(super) struct Input<'i, 'o, 't> {
    pub(super) target: &'t Target<'t>,
    pub(super) w: &'i mut Writer<'o>,
    pub(super) losses: &'i mut Losses,
}

impl Input<'_, '_, '_> {
    /// Notes what of a part has no place in a message of that role. An outcome's mark is told with it.
    pub(super) fn lose_marks(&mut self, part: &Part<'_>, role: Role) {
        let is_outcome = matches!(part.body, Body::Outcome(_));
        if is_outcome || self.is_marked(part, role) {
            lose_seal(part, self.losses);
        } else {
            lose_marks(part, self.losses);
        }
    }

    /// Whether a mark on it is said with it.
    fn is_marked(&self, part: &Part<'_>, role: Role) -> bool {
        part.cache.is_some() && self.takes_mark(part, role)
    }

    fn turn(&mut self, turn: &Turn<'_>) -> Result<(), Refused> {
        if let Some(name) = &turn.name {
            self.losses.add(name.at, "name of a participant");
        }
        let mut run: Vec<&Part<'_>> = Vec::new();
        let mut first = true;
        let mut lost = None;
        for part in &turn.parts {
            self.lose_marks(part, turn.role);
            if self.belongs_in_message(part, turn.role)? {
                run.push(part);
                continue;
            }
            lost = lost.or(is_medium(part).then_some(part.at));
            first &= !self.message(turn, &run, first)?;
            run.clear();
            self.item(turn, part)?;
        }
        // A turn without a word is a message all the same, unless it is the model's.
        if turn.parts.is_empty() && turn.role != Role::Assistant {
            self.easy(turn, "", first);
        }
        // Without it nobody would have said anything there.
        let alone = turn.role == Role::User && turn.parts.iter().all(is_medium);
        if let (true, true, Some(at)) = (alone, run.is_empty(), lost) {
            let why = "this vendor takes no such media, and nothing else is said there";
            return Err(Refused::new(at, why));
        }
        self.message(turn, &run, first)?;
        Ok(())
    }

    /// Writes the run as a message. Whether there was one.
    fn message(
        &mut self,
        turn: &Turn<'_>,
        run: &[&Part<'_>],
        first: bool,
    ) -> Result<bool, Refused> {
        if run.is_empty() {
            return Ok(false);
        }
        if turn.role == Role::Assistant {
            self.answer(turn, run, first);
            return Ok(true);
        }
        match run {
            [part] if plain(part).is_some() && !self.is_marked(part, turn.role) => {
                self.easy(turn, plain(part).unwrap_or_default(), first);
            }
            _ => {
                self.head(turn, first);
                self.w.key("content").open_list();
                for part in run {
                    self.content(part, part.cache.as_ref())?;
                }
                self.w.close_list().close_object();
            }
        }
        Ok(true)
    }

    fn head(&mut self, turn: &Turn<'_>, first: bool) {
        let role = match turn.role {
            Role::System => "system",
            Role::Developer => "developer",
            Role::User => "user",
            Role::Assistant => "assistant",
        };
        self.w.open_object().key("type").text("message");
        if let Some(id) = turn.id.as_ref().filter(|_| first) {
            self.w.key("id").text(&id.value);
        }
        self.w.key("role").text(role);
        if let Some(phase) = &turn.phase {
            self.w.key("phase").text(&phase.value);
        }
    }

    /// A message of one text.
    fn easy(&mut self, turn: &Turn<'_>, text: &str, first: bool) {
        self.head(turn, first);
        self.w.key("content").text(text).close_object();
    }

    /// What the model said. Plain texts are messages each, since only a message with an id may hold several; what needs
    /// such a message and has no id gets one that is made from its words.
    fn answer(&mut self, turn: &Turn<'_>, run: &[&Part<'_>], first: bool) {
        let id = turn.id.as_ref().filter(|_| first);
        if id.is_none() && run.iter().all(|part| plain(part).is_some()) {
            for part in run {
                self.easy(turn, plain(part).unwrap_or_default(), first);
            }
            return;
        }
        let w = &mut *self.w;
        w.open_object().key("type").text("message").key("id");
        match id {
            Some(id) => w.text(&id.value),
            None => w.text(&made_id(run)),
        };
        w.key("status").text("completed");
        w.key("role").text("assistant");
        if let Some(phase) = &turn.phase {
            w.key("phase").text(&phase.value);
        }
        w.key("content").open_list();
        for part in run {
            match &part.body {
                Body::Text(text) => {
                    w.open_object().key("type").text("output_text");
                    w.key("text").text(&text.text);
                    w.key("annotations").open_list();
                    for citation in &text.citations {
                        annotation::write(citation, &text.text, w, self.losses);
                    }
                    w.close_list().close_object();
                }
                Body::Refusal(words) => {
                    w.open_object().key("type").text("refusal");
                    w.key("refusal").text(words).close_object();
                }
                // They do not come here.
                Body::Image(_)
                | Body::Audio(_)
                | Body::Video(_)
                | Body::Document(_)
                | Body::Thinking(_)
                | Body::Call(_)
                | Body::Outcome(_)
                | Body::Foreign(_) => {}
            }
        }
        w.close_list().close_object();
    }

    fn item(&mut self, turn: &Turn<'_>, part: &Part<'_>) -> Result<(), Refused> {
        match &part.body {
            Body::Thinking(thinking) => self.reasoning(part, thinking),
            Body::Call(call) => self.call(call),
            Body::Outcome(outcome) => return self.outcome(turn, part, outcome),
            Body::Foreign(foreign) => match foreign.format {
                Format::OpenaiResponses => {
                    self.w.json(&foreign.json);
                }
                Format::OpenaiChat | Format::Anthropic | Format::Gemini => {
                    self.losses.add(part.at, "item of a server tool");
                }
            },
            // They are content of messages.
            Body::Text(_)
            | Body::Refusal(_)
            | Body::Image(_)
            | Body::Audio(_)
            | Body::Video(_)
            | Body::Document(_) => {}
        }
        Ok(())
    }

    /// The vendor knows its reasoning by the seal or by the id; without either it takes none. The seal is bound to the id
    /// that it was made with, so that a made-up id would be refused: where the id is not known it is left out.
    fn reasoning(&mut self, part: &Part<'_>, thinking: &Thinking<'_>) {
        if thinking.seal.is_none() && thinking.id.is_none() {
            self.losses.hint(part.at, "thinking");
            return;
        }
        let w = &mut *self.w;
        w.open_object().key("type").text("reasoning");
        if let Some(id) = &thinking.id {
            w.key("id").text(id);
        }
        // From a client of another format the words are what this format's summaries were for it.
        let as_summary = thinking.summaries.is_empty() && thinking.id.is_none();
        let own = thinking.summaries.iter().map(|words| &**words);
        let words = Some(&*thinking.text).filter(|words| !words.is_empty());
        w.key("summary").open_list();
        for words in own.chain(words.filter(|_| as_summary)) {
            w.open_object().key("type").text("summary_text");
            w.key("text").text(words).close_object();
        }
        w.close_list();
        if let Some(words) = words.filter(|_| !as_summary) {
            w.key("content").open_list();
            w.open_object().key("type").text("reasoning_text");
            w.key("text").text(words).close_object().close_list();
        }
        if let Some(seal) = &thinking.seal {
            w.key("encrypted_content").text(&seal.value);
        }
        w.close_object();
    }

    fn call(&mut self, call: &Call<'_>) {
        let w = &mut *self.w;
        let (kind, key, text) = match &call.arguments {
            // A call without arguments has an empty object of them.
            Arguments::Json(text) if text.is_empty() => ("function_call", "arguments", "{}"),
            Arguments::Json(text) => ("function_call", "arguments", &**text),
            Arguments::Free(text) => ("custom_tool_call", "input", &**text),
        };
        w.open_object().key("type").text(kind);
        if let Some(id) = &call.item {
            w.key("id").text(id);
        }
        w.key("call_id").text(&short_id("call_", &call.id));
        w.key("name").text(&call.name);
        if let Some(space) = &call.namespace {
            w.key("namespace").text(&space.value);
        }
        w.key(key).text(text).close_object();
    }

    /// A mark on it is one on the last of its parts.
    fn outcome(
        &mut self,
        turn: &Turn<'_>,
        part: &Part<'_>,
        outcome: &Outcome<'_>,
    ) -> Result<(), Refused> {
        if let Some(failed) = outcome.failed.as_ref().filter(|said| said.value) {
            // What the tool says of it is there.
            self.losses.round(failed.at, "that a tool failed");
        }
        let kind = if outcome.free {
            "custom_tool_call_output"
        } else {
            "function_call_output"
        };
        self.w.open_object().key("type").text(kind);
        if let Some(id) = &turn.id {
            self.w.key("id").text(&id.value);
        }
        let call = short_id("call_", &outcome.call);
        self.w.key("call_id").text(&call).key("output");
        let parts = self.outcome_parts(outcome)?;
        let mut mark = part.cache.as_ref();
        let last = parts.last().filter(|_| outcome.object.is_none());
        if !last.is_some_and(|last| last.cache.is_none() && self.takes_mark(last, Role::User))
            && let Some(lost) = mark.take()
        {
            self.losses.hint(lost.at, "cache mark");
        }
        match (&outcome.object, parts.as_slice()) {
            (Some(Json(object)), _) => {
                self.w.text(object);
            }
            (None, []) => {
                self.w.text("");
            }
            (None, [part])
                if plain(part).is_some() && mark.is_none() && !self.is_marked(part, Role::User) =>
            {
                self.w.text(plain(part).unwrap_or_default());
            }
            (None, [before @ .., last]) => {
                self.w.open_list();
                for part in before {
                    self.content(part, part.cache.as_ref())?;
                }
                self.content(last, last.cache.as_ref().or(mark))?;
                self.w.close_list();
            }
        }
        self.w.close_object();
        Ok(())
    }

    /// The parts of an outcome that can be said.
    fn outcome_parts<'p, 'a>(
        &mut self,
        outcome: &'p Outcome<'a>,
    ) -> Result<Vec<&'p Part<'a>>, Refused> {
        let mut kept = Vec::with_capacity(outcome.parts.len());
        for part in &outcome.parts {
            self.lose_marks(part, Role::User);
            let is_image = matches!(part.body, Body::Image(_));
            let is_audio = matches!(part.body, Body::Audio(_));
            if is_audio || (is_image && !self.target.traits.outcome_images) {
                self.losses.add(part.at, "medium in the outcome of a tool");
            } else if self.belongs_in_message(part, Role::User)? {
                kept.push(part);
            } else {
                self.losses.add(part.at, "part of the outcome of a tool");
            }
        }
        Ok(kept)
    }
}

fn is_medium(part: &Part<'_>) -> bool {
    match part.body {
        Body::Image(_) | Body::Audio(_) | Body::Video(_) | Body::Document(_) => true,
        Body::Text(_)
        | Body::Refusal(_)
        | Body::Thinking(_)
        | Body::Call(_)
        | Body::Outcome(_)
        | Body::Foreign(_) => false,
    }
}

/// The text of a part that is nothing else.
fn plain<'p>(part: &'p Part<'_>) -> Option<&'p str> {
    match &part.body {
        Body::Text(text) if text.citations.is_empty() => Some(&text.text),
        Body::Text(_)
        | Body::Refusal(_)
        | Body::Image(_)
        | Body::Audio(_)
        | Body::Video(_)
        | Body::Document(_)
        | Body::Thinking(_)
        | Body::Call(_)
        | Body::Outcome(_)
        | Body::Foreign(_) => None,
    }
}

fn made_id(run: &[&Part<'_>]) -> String {
    let mut words = String::new();
    for part in run {
        match &part.body {
            Body::Text(text) => words.push_str(&text.text),
            Body::Refusal(text) => words.push_str(text),
            Body::Image(_)
            | Body::Audio(_)
            | Body::Video(_)
            | Body::Document(_)
            | Body::Thinking(_)
            | Body::Call(_)
            | Body::Outcome(_)
            | Body::Foreign(_) => {}
        }
    }
    format!("msg_{:032x}", xxh3_128(words.as_bytes()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ir::{Call, Citation, Media, Outcome, Source, Text, Thinking};
    use crate::wire::openai_responses::tests::*;

    #[test]
    fn reasoning_is_known_by_its_seal_or_id_and_no_id_is_made_up() {
        let sealed = Thinking {
            text: "words".into(),
            seal: said("seal".into()),
            ..Thinking::default()
        };
        let own = Thinking {
            id: Some("rs_1".into()),
            summaries: vec!["s".into()],
            ..sealed.clone()
        };
        let redacted = Thinking {
            redacted: true,
            text: "".into(),
            ..sealed.clone()
        };
        let unsigned = Thinking {
            text: "lost".into(),
            ..Thinking::default()
        };
        let all = [sealed, own, redacted, unsigned];
        let parts = all.map(|thinking| part(Body::Thinking(thinking))).to_vec();
        let (body, losses) = lowered(&turns(vec![turn(Role::Assistant, parts)]));
        let expected = json!([
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "words"}], "encrypted_content": "seal"},
            {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "s"}],
             "content": [{"type": "reasoning_text", "text": "words"}], "encrypted_content": "seal"},
            {"type": "reasoning", "summary": [], "encrypted_content": "seal"},
        ]);
        assert_eq!(body["input"], expected);
        assert_eq!(losses, ["thinking"]);
        assert_eq!(body["include"], json!(["reasoning.encrypted_content"]));
    }

    #[test]
    fn calls_and_outcomes_keep_their_order_and_their_ids_fit() {
        let long: &'static str =
            "toolu_0123456789012345678901234567890123456789012345678901234567890123456789";
        let call = Call {
            id: long.into(),
            name: "f".into(),
            ..Call::default()
        };
        let free = Call {
            id: "c2".into(),
            name: "g".into(),
            arguments: Arguments::Free("x".into()),
            ..Call::default()
        };
        let image = part(Body::Image(Media::new(Source::Inline {
            mime: "image/png".into(),
            base64: "QQ==".into(),
        })));
        let outcome = Outcome {
            call: long.into(),
            parts: vec![text("t"), image],
            failed: said(true),
            ..Outcome::default()
        };
        let object = Outcome {
            call: "c2".into(),
            object: Some(Json(r#"{"a": 1}"#.into())),
            free: true,
            ..Outcome::default()
        };
        let request = turns(vec![
            turn(
                Role::Assistant,
                vec![text("a"), part(Body::Call(call)), part(Body::Call(free))],
            ),
            turn(
                Role::User,
                vec![
                    part(Body::Outcome(outcome)),
                    part(Body::Outcome(object)),
                    text("q"),
                ],
            ),
        ]);
        let (body, losses) = lowered(&request);
        assert_eq!(losses, ["that a tool failed"]);
        let input = body["input"].as_array().unwrap();
        let kinds: Vec<_> = input
            .iter()
            .map(|item| item["type"].as_str().unwrap())
            .collect();
        let expected = [
            "message",
            "function_call",
            "custom_tool_call",
            "function_call_output",
            "custom_tool_call_output",
            "message",
        ];
        assert_eq!(kinds, expected);
        assert_eq!(input[1]["arguments"], "{}");
        assert_eq!(input[1]["call_id"], input[3]["call_id"]);
        assert!(input[1]["call_id"].as_str().unwrap().len() <= 64);
        assert_eq!(input[2]["input"], "x");
        assert_eq!(
            input[3]["output"][1]["image_url"],
            "data:image/png;base64,QQ=="
        );
        assert_eq!(input[4]["output"], "{\"a\": 1}");
    }

    #[test]
    fn what_the_model_said_is_plain_unless_it_needs_more() {
        let citation = Citation {
            url: Some("u".into()),
            ..Citation::default()
        };
        let cited = part(Body::Text(Text {
            text: "né".into(),
            citations: vec![citation],
        }));
        let request = turns(vec![
            turn(Role::Assistant, vec![text("a"), text("b")]),
            turn(
                Role::Assistant,
                vec![cited, part(Body::Refusal("no".into()))],
            ),
        ]);
        let (body, losses) = lowered(&request);
        assert!(losses.is_empty());
        let input = body["input"].as_array().unwrap();
        assert_eq!(
            input[0],
            json!({"type": "message", "role": "assistant", "content": "a"})
        );
        assert_eq!(input[1]["content"], "b");
        assert!(input[2]["id"].as_str().unwrap().starts_with("msg_"));
        assert_eq!(input[2]["content"][0]["annotations"][0]["end_index"], 2);
        assert_eq!(input[2]["content"][1]["refusal"], "no");
    }
}
