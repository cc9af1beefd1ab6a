//! The items of `input` become turns.
//!
//! What the model said (reasoning, messages, calls) and stands together is one turn, but a turn has one message at most,
//! since a message has an id of its own. What the client said is a turn each; outcomes without ids share one.
//!
//! Ids of reasoning, calls and outcomes name items at the vendor and say nothing elsewhere; those that the vocabulary
//! keeps without a place are told in `hints`.

use crate::ir::{
    Arguments, At, Body, Call, Foreign, Format, Outcome, Part, Request, Role, Str, Thinking, Turn,
};
use crate::wire::json::{Kind, Misfit, Value};

use super::content_read::{self, plain, said};

/// Items that the client says although they are of the vendor's tools.
const CLIENTS: [&str; 7] = [
    "computer_call_output",
    "local_shell_call_output",
    "shell_call_output",
    "apply_patch_call_output",
    "mcp_approval_response",
    "additional_tools",
    "compaction_trigger",
];

pub(super) fn read<'a>(
    input: Value<'_, 'a>,
    request: &mut Request<'a>,
) -> Result<Vec<Turn<'a>>, Misfit> {
    if let Some(words) = input.text() {
        let part = Part::new(input.at(), plain(words));
        return Ok(vec![Turn::new(input.at(), Role::User, vec![part])]);
    }
    if input.kind() != Kind::List {
        return Err(input.misfit("a string or an array"));
    }
    let mut turns = Turns {
        turns: Vec::new(),
        unsaid: &mut request.unsaid,
        hints: &mut request.hints,
    };
    for item in input.items() {
        turns.item(item)?;
    }
    Ok(turns.turns)
}

struct Turns<'u, 'a> {
    turns: Vec<Turn<'a>>,
    unsaid: &'u mut Vec<At>,
    hints: &'u mut Vec<At>,
}

impl<'a> Turns<'_, 'a> {
    fn item(&mut self, item: Value<'_, 'a>) -> Result<(), Misfit> {
        let kind = item.want_object()?.member("type");
        let kind = kind.map(Value::want_text).transpose()?;
        match kind.as_deref() {
            Some("message") => self.message(item)?,
            None if item.member("role").is_some() => self.message(item)?,
            Some("reasoning") => self.reasoning(item)?,
            Some("function_call" | "custom_tool_call") => self.call(item)?,
            Some("function_call_output" | "custom_tool_call_output") => self.outcome(item)?,
            Some(_) => self.foreign(item, kind.unwrap_or_default()),
            None if item.member("id").is_some() => self.foreign(item, "item_reference".into()),
            None => return Err(item.misfit("an item with a type or a role")),
        }
        Ok(())
    }

    /// The model goes on with this.
    fn models(&mut self, part: Part<'a>) {
        match self.turns.last_mut() {
            Some(turn) if turn.role == Role::Assistant => turn.parts.push(part),
            _ => {
                let turn = Turn::new(part.at, Role::Assistant, vec![part]);
                self.turns.push(turn);
            }
        }
    }

    fn message(&mut self, item: Value<'_, 'a>) -> Result<(), Misfit> {
        let mut role = None;
        let mut turn = Turn::new(item.at(), Role::User, Vec::new());
        for (key, value) in said(item) {
            match &*key {
                "role" => role = Some(read_role(value)?),
                "content" => turn.parts = content_read::read(value, self.unsaid)?,
                "id" => turn.id = Some(value.want_said()?),
                "phase" => turn.phase = Some(value.want_said()?),
                "status" => self.status(value),
                _ => self.unsaid.push(value.at()),
            }
        }
        turn.role = role.ok_or(item.misfit("a message with a role"))?;
        match self.turns.last_mut() {
            Some(last) if turn.role == Role::Assistant && has_no_message(last) => {
                last.parts.append(&mut turn.parts);
                last.id = turn.id;
                last.phase = turn.phase;
            }
            _ => self.turns.push(turn),
        }
        Ok(())
    }

    /// That an item is complete goes without saying.
    fn status(&mut self, value: Value<'_, 'a>) {
        if value.text().is_none_or(|status| status != "completed") {
            self.unsaid.push(value.at());
        }
    }

    fn reasoning(&mut self, item: Value<'_, 'a>) -> Result<(), Misfit> {
        let mut thinking = Thinking::default();
        for (key, value) in said(item) {
            match &*key {
                "id" => {
                    thinking.id = Some(value.want_text()?);
                    self.hints.push(value.at());
                }
                "summary" => {
                    for piece in value.want_list()?.items() {
                        let words = self.words(piece, "summary_text")?;
                        thinking.summaries.extend(words);
                    }
                }
                "content" => {
                    for piece in value.want_list()?.items() {
                        if let Some(words) = self.words(piece, "reasoning_text")? {
                            add_reasoning(&mut thinking.text, words);
                        }
                    }
                }
                "encrypted_content" => thinking.seal = Some(value.want_said()?),
                "status" => self.status(value),
                _ => self.unsaid.push(value.at()),
            }
        }
        self.models(Part::new(item.at(), Body::Thinking(thinking)));
        Ok(())
    }

    /// The text of a piece of reasoning, if it is of the kind that stands there.
    fn words(&mut self, piece: Value<'_, 'a>, kind: &str) -> Result<Option<Str<'a>>, Misfit> {
        let named = piece.want_object()?.member_text("type");
        if named.is_some_and(|named| named != kind && named != "text") {
            self.unsaid.push(piece.at());
            return Ok(None);
        }
        let mut words = None;
        for (key, value) in said(piece) {
            match &*key {
                "text" => words = Some(value.want_text()?),
                _ => self.unsaid.push(value.at()),
            }
        }
        Ok(words)
    }

    fn call(&mut self, item: Value<'_, 'a>) -> Result<(), Misfit> {
        let mut call = Call::default();
        let (mut id, mut name, mut arguments) = (None, None, None);
        for (key, value) in said(item) {
            match &*key {
                "call_id" => id = Some(value.want_text()?),
                "name" => name = Some(value.want_text()?),
                "namespace" => call.namespace = Some(value.want_said()?),
                "arguments" => {
                    arguments = Some(Arguments::Json(value.want_text()?));
                    call.arguments_at = value.at();
                }
                "input" => arguments = Some(Arguments::Free(value.want_text()?)),
                "id" => {
                    call.item = Some(value.want_text()?);
                    self.hints.push(value.at());
                }
                "status" => self.status(value),
                _ => self.unsaid.push(value.at()),
            }
        }
        call.id = id.ok_or(item.misfit("an item with a call_id"))?;
        call.name = name.ok_or(item.misfit("an item with a name"))?;
        let wanted = item.misfit("an item with what the tool is called with");
        call.arguments = arguments.ok_or(wanted)?;
        self.models(Part::new(item.at(), Body::Call(call)));
        Ok(())
    }

    fn outcome(&mut self, item: Value<'_, 'a>) -> Result<(), Misfit> {
        let mut outcome = Outcome {
            free: item.member_text("type").as_deref() == Some("custom_tool_call_output"),
            ..Outcome::default()
        };
        let (mut id, mut call) = (None, None);
        for (key, value) in said(item) {
            match &*key {
                "call_id" => call = Some(value.want_text()?),
                "name" => outcome.name = Some(value.want_text()?),
                "output" => outcome.parts = content_read::read(value, self.unsaid)?,
                "id" => id = Some(value.want_said()?),
                "status" => self.status(value),
                _ => self.unsaid.push(value.at()),
            }
        }
        outcome.call = call.ok_or(item.misfit("an item with a call_id"))?;
        let part = Part::new(item.at(), Body::Outcome(outcome));
        match self.turns.last_mut() {
            Some(last) if id.is_none() && holds_outcomes(last) => last.parts.push(part),
            _ => self.turns.push(Turn {
                id,
                ..Turn::new(item.at(), Role::User, vec![part])
            }),
        }
        Ok(())
    }

    fn foreign(&mut self, item: Value<'_, 'a>, kind: Str<'a>) {
        let clients = CLIENTS.contains(&&*kind);
        let body = Body::Foreign(Foreign {
            format: Format::OpenaiResponses,
            kind,
            json: item.json(),
        });
        let part = Part::new(item.at(), body);
        if clients {
            let turn = Turn::new(item.at(), Role::User, vec![part]);
            self.turns.push(turn);
        } else {
            self.models(part);
        }
    }
}

fn read_role(value: Value<'_, '_>) -> Result<Role, Misfit> {
    Ok(match &*value.want_text()? {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "system" => Role::System,
        "developer" => Role::Developer,
        _ => return Err(value.misfit("user, assistant, system or developer")),
    })
}

/// Whether a message of the model still fits into the turn.
fn has_no_message(turn: &Turn<'_>) -> bool {
    let is_no_message = |part: &Part<'_>| match part.body {
        Body::Thinking(_) | Body::Call(_) | Body::Foreign(_) => true,
        Body::Text(_)
        | Body::Refusal(_)
        | Body::Image(_)
        | Body::Audio(_)
        | Body::Video(_)
        | Body::Document(_)
        | Body::Outcome(_) => false,
    };
    turn.role == Role::Assistant
        && turn.id.is_none()
        && turn.phase.is_none()
        && turn.parts.iter().all(is_no_message)
}

/// A turn that begins with an outcome holds nothing else.
fn holds_outcomes(turn: &Turn<'_>) -> bool {
    let is_outcome = |part: &Part<'_>| matches!(part.body, Body::Outcome(_));
    turn.role == Role::User && turn.id.is_none() && turn.parts.first().is_some_and(is_outcome)
}

/// Pieces of reasoning are told as one text, with an empty line between them.
pub(super) fn add_reasoning<'a>(text: &mut Str<'a>, more: Str<'a>) {
    if text.is_empty() {
        *text = more;
        return;
    }
    let text = text.to_mut();
    text.push_str(BETWEEN);
    text.push_str(&more);
}

/// What stands between two pieces of reasoning.
pub(super) const BETWEEN: &str = "\n\n";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::json::{Document, path_of};

    /// The roles and kinds of parts of the turns that are read, and the paths of what is unsaid.
    fn shape(input: &str) -> (String, Vec<String>) {
        let mut document = Document::default();
        let value = document.read(input.as_bytes()).unwrap();
        let mut request = Request::default();
        let turns = read(value, &mut request).unwrap();
        let unsaid = [request.unsaid, request.hints].concat();
        let kind = |part: &Part<'_>| match &part.body {
            Body::Text(_) => "text",
            Body::Thinking(_) => "thinking",
            Body::Call(_) => "call",
            Body::Outcome(_) => "outcome",
            Body::Foreign(_) => "foreign",
            Body::Refusal(_)
            | Body::Image(_)
            | Body::Audio(_)
            | Body::Video(_)
            | Body::Document(_) => "other",
        };
        let shapes = turns.iter().map(|turn| {
            let kinds: Vec<_> = turn.parts.iter().map(kind).collect();
            format!("{:?}({})", turn.role, kinds.join(" "))
        });
        let shapes: Vec<_> = shapes.collect();
        let unsaid = unsaid.iter().map(|at| path_of(value, *at)).collect();
        (shapes.join(" "), unsaid)
    }

    #[test]
    fn a_string_is_a_users_turn() {
        assert_eq!(shape("\"hi\"").0, "User(text)");
    }

    #[test]
    fn what_the_model_said_together_is_one_turn_with_one_message() {
        let (found, unsaid) = shape(
            r#"[{"role":"user","content":"q"},
            {"type":"reasoning","id":"rs_1","summary":[],"encrypted_content":"s"},
            {"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"a","annotations":[]}]},
            {"type":"function_call","call_id":"c","name":"f","arguments":"{}","status":"completed"},
            {"type":"web_search_call","id":"ws_1","status":"completed"},
            {"type":"message","id":"msg_2","role":"assistant","content":"b"},
            {"type":"function_call_output","call_id":"c","output":"1"},
            {"type":"custom_tool_call_output","call_id":"d","output":[{"type":"input_text","text":"2"}]},
            {"type":"function_call_output","id":"fco_1","call_id":"e","output":""},
            {"type":"shell_call_output","call_id":"x","output":[]},
            {"role":"developer","content":[{"type":"input_text","text":"d"}]}]"#,
        );
        assert_eq!(
            found,
            "User(text) Assistant(thinking text call foreign) Assistant(text) User(outcome outcome) User(outcome) \
             User(foreign) Developer(text)"
        );
        assert_eq!(
            unsaid,
            ["input[1].id"].map(|path| path.replace("input", ""))
        );
    }

    #[test]
    fn a_reference_to_a_stored_item_is_known_by_its_id_alone() {
        for reference in [
            r#"{"id":"msg_1"}"#,
            r#"{"type":"item_reference","id":"msg_1"}"#,
        ] {
            let text = format!("[{reference}]");
            let mut document = Document::default();
            let value = document.read(text.as_bytes()).unwrap();
            let turns = read(value, &mut Request::default()).unwrap();
            let Body::Foreign(foreign) = &turns[0].parts[0].body else {
                panic!("{turns:?}")
            };
            assert_eq!(foreign.kind, "item_reference");
        }
    }

    #[test]
    fn odd_members_and_states_are_told_by_their_place() {
        let (_, unsaid) = shape(
            r#"[{"type":"function_call","call_id":"c","name":"f","arguments":"","caller":{"type":"direct"},"status":"incomplete"},
            {"role":"user","content":[{"type":"input_text","text":"a","odd":null,"more":1}],"status":"completed","x":[]},
            {"type":"reasoning","summary":[{"type":"odd","text":"t"}],"content":[{"type":"reasoning_text","text":"t","y":1}]}]"#,
        );
        let expected = [
            "[0].caller",
            "[0].status",
            "[1].content[0].more",
            "[1].x",
            "[2].summary[0]",
            "[2].content[0].y",
        ];
        assert_eq!(unsaid, expected);
    }

    #[test]
    fn wrong_shapes_say_where_they_are() {
        for (input, path) in [
            ("5", ""),
            ("[5]", "[0]"),
            (r#"[{"role":"tool","content":"x"}]"#, "[0].role"),
            (r#"[{"role":"user","content":5}]"#, "[0].content"),
            (
                r#"[{"role":"user","content":[{"type":"input_text"}]}]"#,
                "[0].content[0]",
            ),
            (
                r#"[{"type":"function_call","name":"f","arguments":"{}"}]"#,
                "[0]",
            ),
            (
                r#"[{"type":"function_call","call_id":"c","name":"f","arguments":{}}]"#,
                "[0].arguments",
            ),
            (r#"[{}]"#, "[0]"),
        ] {
            let mut document = Document::default();
            let value = document.read(input.as_bytes()).unwrap();
            let misfit = read(value, &mut Request::default()).unwrap_err();
            assert_eq!(path_of(value, misfit.at), path, "{input}");
        }
    }
}
