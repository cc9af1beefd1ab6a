use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

use crate::ir::{
    Arguments, At, Body, Call, Json, Outcome, Part, Request, Role, Said, Str, Text, Thinking, Tier,
    Turn,
};
use crate::wire::Asked;
use crate::wire::json::{Kind, Misfit, Value};

use super::parts_read::{Data, Piece, foreign};
use super::{config_read, tools_read};

/// Reads a request. Keys are taken in camel case and in snake case, as the API takes them.
pub(super) fn read<'a>(asked: Asked<'a>, body: Value<'_, 'a>) -> Result<Request<'a>, Misfit> {
    let mut request = Request {
        model: Cow::Borrowed(asked.model),
        stream: asked.stream,
        ..Request::default()
    };
    request.tags.stream_usage = true;
    for (key, value) in body.want_object()?.members() {
        if !value.is_null() {
            read_member(&mut request, &key, value)?;
        }
    }
    Ok(request)
}

fn read_member<'a>(
    request: &mut Request<'a>,
    key: &str,
    value: Value<'_, 'a>,
) -> Result<(), Misfit> {
    match key {
        "model" => read_model(request, value)?,
        "systemInstruction" | "system_instruction" => {
            let turn = read_system(request, value)?;
            request.turns.insert(0, turn);
        }
        "contents" => read_contents(request, value)?,
        "tools" => tools_read::tools(request, value)?,
        "toolConfig" | "tool_config" => tools_read::config(request, value)?,
        "generationConfig" | "generation_config" => config_read::read(request, value)?,
        "labels" => request.tags.metadata = Some(value.want_json_object()?),
        "serviceTier" | "service_tier" => {
            let said = value.want_said()?;
            let tier = match said.value.to_ascii_lowercase().as_str() {
                "unspecified" => Tier::Auto,
                "standard" => Tier::Standard,
                _ => Tier::Named(said.value),
            };
            request.tags.service_tier = Some(Said::new(said.at, tier));
        }
        "store" => request.tags.store = Some(value.want_bool()?),
        "cachedContent" | "cached_content" => {
            let said = Said::new(value.at(), "cachedContent");
            request.tags.stateful.push(said);
        }
        "continuationToken" | "continuation_token" => {
            let said = Said::new(value.at(), "continuationToken");
            request.tags.stateful.push(said);
        }
        _ => request.unsaid.push(value.at()),
    }
    Ok(())
}

/// The path says the model; the body may say it again.
fn read_model<'a>(request: &mut Request<'a>, value: Value<'_, 'a>) -> Result<(), Misfit> {
    let bare = |name: &str| name.strip_prefix("models/").unwrap_or(name).to_owned();
    let model = value.want_text()?;
    if request.model.is_empty() {
        request.model = model;
    } else if bare(&model) != bare(&request.model) {
        request.unsaid.push(value.at());
    }
    Ok(())
}

/// A `Content`, a list of parts, a part or a text: the SDKs make all of them a content, not every client does.
fn read_system<'a>(request: &mut Request<'a>, value: Value<'_, 'a>) -> Result<Turn<'a>, Misfit> {
    let mut parts = Vec::new();
    match value.kind() {
        Kind::Text => {
            let text = Text {
                text: value.want_text()?,
                citations: Vec::new(),
            };
            parts.push(Part::new(value.at(), Body::Text(text)));
        }
        Kind::Object if value.member("parts").is_some() => {
            for (key, member) in value.members() {
                match &*key {
                    _ if member.is_null() => {}
                    "parts" => read_parts(member, &mut parts, request)?,
                    // Whatever role it is given, it is the system's.
                    "role" if is_role(member) => {}
                    _ => request.unsaid.push(member.at()),
                }
            }
        }
        Kind::Object if value.member("text").is_none() => {
            for (_, member) in value.members().filter(|(_, member)| !member.is_null()) {
                request.unsaid.push(member.at());
            }
        }
        _ => read_parts(value, &mut parts, request)?,
    }
    Ok(Turn::new(value.at(), Role::System, parts))
}

fn is_role(value: Value<'_, '_>) -> bool {
    matches!(
        value.text().as_deref(),
        Some("user" | "model" | "system" | "function")
    )
}

/// Parts that are no calls.
fn read_parts<'a>(
    value: Value<'_, 'a>,
    parts: &mut Vec<Part<'a>>,
    request: &mut Request<'a>,
) -> Result<(), Misfit> {
    let mut calls = Calls::default();
    for (index, part) in each(value).enumerate() {
        parts.extend(calls.read_part(part, (0, index), &mut request.unsaid)?);
    }
    Ok(())
}

/// The items of a list, or the one value that stands in place of a list.
pub(super) fn each<'d, 'a>(value: Value<'d, 'a>) -> impl Iterator<Item = Value<'d, 'a>> {
    let alone = Some(value).filter(|value| value.kind() != Kind::List);
    value
        .items()
        .chain(alone)
        .filter(|item| item.kind() != Kind::Null)
}

fn read_contents<'a>(request: &mut Request<'a>, value: Value<'_, 'a>) -> Result<(), Misfit> {
    let mut calls = Calls::default();
    for (index, content) in each(value).enumerate() {
        let mut turn = Turn::new(content.at(), Role::User, Vec::new());
        for (key, member) in content.want_object()?.members() {
            match &*key {
                _ if member.is_null() => {}
                "role" => match member.want_text()?.as_ref() {
                    "model" => turn.role = Role::Assistant,
                    "user" | "function" => {}
                    _ => request.unsaid.push(member.at()),
                },
                "parts" => {
                    for (place, part) in each(member).enumerate() {
                        let part = calls.read_part(part, (index, place), &mut request.unsaid)?;
                        turn.parts.extend(part);
                    }
                }
                _ => request.unsaid.push(member.at()),
            }
        }
        request.turns.push(turn);
    }
    Ok(())
}

/// The calls of a conversation so far. Older clients give them no ids; ids are made from where they stand then, so that the
/// same history has the same ids each time, and their responses are found by name.
#[derive(Default)]
struct Calls<'a> {
    list: Vec<Known<'a>>,
    by_id: BTreeMap<Str<'a>, usize>,
    /// Those of each name that may wait for an answer, and of these those that came without an id.
    waiting: BTreeMap<Str<'a>, [VecDeque<usize>; 2]>,
}

struct Known<'a> {
    id: Str<'a>,
    is_answered: bool,
}

impl<'a> Calls<'a> {
    /// `place`: of the content in the conversation, and of the part in the content.
    fn read_part(
        &mut self,
        value: Value<'_, 'a>,
        place: (usize, usize),
        unsaid: &mut Vec<At>,
    ) -> Result<Option<Part<'a>>, Misfit> {
        let piece = Piece::read(value, unsaid)?;
        let body = match piece.data {
            // A signature may come without anything that it signs.
            None if piece.seal.is_some() => Body::Text(Text::default()),
            None => return Ok(None),
            Some((Data::Text, text)) if piece.thought => {
                let thinking = Thinking {
                    text: text.want_text()?,
                    seal: piece.seal.clone(),
                    ..Thinking::default()
                };
                return Ok(Some(Part::new(piece.at, Body::Thinking(thinking))));
            }
            Some((Data::Text, text)) => Body::Text(Text {
                text: text.want_text()?,
                citations: Vec::new(),
            }),
            Some((Data::Inline | Data::File, media)) if piece.thought => {
                // A picture of a thought. What models think does not become what they say.
                unsaid.push(media.at());
                return Ok(None);
            }
            Some((Data::Inline | Data::File, media)) => piece.media(media, unsaid)?,
            Some((Data::Call, call)) => Body::Call(self.call(call, place, unsaid)?),
            Some((Data::Response, response)) => {
                Body::Outcome(self.response(response, place, unsaid)?)
            }
            Some((Data::Own(kind), own)) => foreign(kind, own),
        };
        Ok(Some(piece.with(body)))
    }

    fn call(
        &mut self,
        value: Value<'_, 'a>,
        place: (usize, usize),
        unsaid: &mut Vec<At>,
    ) -> Result<Call<'a>, Misfit> {
        let mut call = Call {
            arguments: Arguments::Json(Cow::Borrowed("{}")),
            ..Call::default()
        };
        for (key, member) in value.want_object()?.members() {
            match &*key {
                _ if member.is_null() => {}
                "id" => call.id = member.want_text()?,
                "name" => call.name = member.want_text()?,
                "args" => {
                    call.arguments = Arguments::Json(Cow::Borrowed(member.want_object()?.raw()));
                }
                _ => unsaid.push(member.at()),
            }
        }
        if call.name.is_empty() {
            return Err(value.misfit("an object with a name"));
        }
        let is_made = call.id.is_empty();
        if is_made {
            call.id = made_id(place);
        }
        let at = self.list.len();
        self.by_id.entry(call.id.clone()).or_insert(at);
        let [all, made] = self.waiting.entry(call.name.clone()).or_default();
        all.push_back(at);
        if is_made {
            made.push_back(at);
        }
        self.list.push(Known {
            id: call.id.clone(),
            is_answered: false,
        });
        Ok(call)
    }

    fn response(
        &mut self,
        value: Value<'_, 'a>,
        place: (usize, usize),
        unsaid: &mut Vec<At>,
    ) -> Result<Outcome<'a>, Misfit> {
        let (mut outcome, mut id) = (Outcome::default(), None);
        let mut media = Vec::new();
        for (key, member) in value.want_object()?.members() {
            match &*key {
                _ if member.is_null() => {}
                "id" => id = Some(member.want_text()?).filter(|id| !id.is_empty()),
                "name" => outcome.name = Some(member.want_text()?),
                "response" => read_outcome(member, &mut outcome)?,
                "parts" => {
                    for part in each(member) {
                        let piece = Piece::read(part, unsaid)?;
                        let body = match piece.data {
                            Some((Data::Inline | Data::File, data)) => piece.media(data, unsaid)?,
                            _ => {
                                unsaid.push(part.at());
                                continue;
                            }
                        };
                        media.push(piece.with(body));
                    }
                }
                _ => unsaid.push(member.at()),
            }
        }
        if !media.is_empty() {
            add_media(&mut outcome, value.at(), media);
        }
        let name = outcome.name.as_deref().unwrap_or_default();
        outcome.call = self.answered(id, name).unwrap_or_else(|| made_id(place));
        Ok(outcome)
    }

    /// The id of the call that is answered: the one of that id, else the earliest of that name that waits.
    fn answered(&mut self, id: Option<Str<'a>>, name: &str) -> Option<Str<'a>> {
        if let Some(id) = id {
            let known = self.by_id.get(&id).and_then(|at| self.list.get_mut(*at));
            if let Some(known) = known {
                known.is_answered = true;
                return Some(id);
            }
            // An id for a call that had none.
            return self.next(name, Waiting::Made).or(Some(id));
        }
        self.next(name, Waiting::All)
    }

    /// The id of the earliest call of that name that waits. It waits no longer.
    fn next(&mut self, name: &str, which: Waiting) -> Option<Str<'a>> {
        let [all, made] = self.waiting.get_mut(name)?;
        let queue = match which {
            Waiting::All => all,
            Waiting::Made => made,
        };
        while let Some(at) = queue.pop_front() {
            if let Some(known) = self.list.get_mut(at).filter(|known| !known.is_answered) {
                known.is_answered = true;
                return Some(known.id.clone());
            }
        }
        None
    }
}

#[derive(Clone, Copy)]
enum Waiting {
    All,
    /// Without an id of its own.
    Made,
}

fn made_id(place: (usize, usize)) -> Str<'static> {
    Cow::Owned(format!("call_{}_{}", place.0, place.1))
}

/// A `response`. A text alone under `output` is what came of the call, under `error` what went wrong, by the API's own
/// words; anything else is an object as it stands.
fn read_outcome<'a>(value: Value<'_, 'a>, outcome: &mut Outcome<'a>) -> Result<(), Misfit> {
    let mut members = value.want_object()?.members();
    if let (Some((key, member)), None) = (members.next(), members.next())
        && let Some(text) = member.text()
        && matches!(&*key, "output" | "error")
    {
        if key == "error" {
            outcome.failed = Some(Said::new(member.at(), true));
        }
        let text = Text {
            text,
            citations: Vec::new(),
        };
        outcome.parts.push(Part::new(member.at(), Body::Text(text)));
        return Ok(());
    }
    if value.member("output").is_none()
        && let Some(error) = value.member("error")
    {
        outcome.failed = Some(Said::new(error.at(), true));
    }
    outcome.object = Some(value.json());
    Ok(())
}

/// An outcome is an object or parts: with media beside it, the object is a text among them.
fn add_media<'a>(outcome: &mut Outcome<'a>, at: At, media: Vec<Part<'a>>) {
    if let Some(Json(object)) = outcome
        .object
        .take()
        .filter(|object| *object != Json::EMPTY_OBJECT)
    {
        let text = Text {
            text: object,
            citations: Vec::new(),
        };
        outcome.parts.push(Part::new(at, Body::Text(text)));
    }
    outcome.parts.extend(media);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Output, ServerToolKind, ToolChoice, ToolKind};
    use crate::wire::json::{Document, path_of};

    fn with(text: &str, look: impl FnOnce(Request<'_>, Vec<String>)) {
        let mut document = Document::default();
        let root = document.read(text.as_bytes()).unwrap();
        let asked = Asked {
            model: "gemini-pro",
            stream: true,
            ..Asked::default()
        };
        let request = read(asked, root).unwrap();
        let unsaid = request.unsaid.iter().map(|at| path_of(root, *at)).collect();
        look(request, unsaid);
    }

    fn call_id(part: &Part<'_>) -> String {
        match &part.body {
            Body::Call(call) => call.id.to_string(),
            Body::Outcome(outcome) => outcome.call.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn calls_without_ids_have_the_same_ones_each_time_and_are_answered_by_name() {
        let text = r#"{"contents":[
            {"parts":[{"text":"x"}]},
            {"role":"model","parts":[{"functionCall":{"name":"a"}},{"function_call":{"name":"b","args":{"x":1}}},{"functionCall":{"name":"a"}}]},
            {"role":"function","parts":[{"functionResponse":{"name":"b","response":{"output":"B"}}},{"functionResponse":{"name":"a","response":{"output":"A"}}},{"functionResponse":{"name":"a","id":"made-up","response":{}}}]},
            {"role":"model","parts":[{"functionCall":{"id":"own","name":"a"}}]},
            {"role":"user","parts":[{"functionResponse":{"id":"own","name":"a","response":{}}}]}]}"#;
        with(text, |request, unsaid| {
            let ids: Vec<Vec<String>> = request.turns[1..]
                .iter()
                .map(|turn| turn.parts.iter().map(call_id).collect())
                .collect();
            let expected: [&[&str]; 4] = [
                &["call_1_0", "call_1_1", "call_1_2"],
                &["call_1_1", "call_1_0", "call_1_2"],
                &["own"],
                &["own"],
            ];
            assert_eq!(ids, expected);
            assert!(unsaid.is_empty());
            assert!(
                request
                    .turns
                    .iter()
                    .step_by(2)
                    .all(|turn| turn.role == Role::User)
            );
        });
    }

    #[test]
    fn a_response_is_a_text_an_error_or_an_object() {
        let response = |json: &str| {
            let mut outcome = Outcome::default();
            let mut document = Document::default();
            let value = document.read(json.as_bytes()).unwrap();
            read_outcome(value, &mut outcome).unwrap();
            let text = outcome.parts.first().map(|part| match &part.body {
                Body::Text(text) => text.text.to_string(),
                other => panic!("{other:?}"),
            });
            let object = outcome.object.map(|object| object.0.to_string());
            (text, object, outcome.failed.is_some())
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(response(r#"{"output":"o"}"#), (text("o"), None, false));
        assert_eq!(response(r#"{"error":"e"}"#), (text("e"), None, true));
        for (object, failed) in [
            (r#"{"result":"r"}"#, false),
            (r#"{"output":{"a":1}}"#, false),
            (r#"{"error":{"a":1}}"#, true),
            ("{}", false),
        ] {
            assert_eq!(response(object), (None, text(object), failed), "{object}");
        }
    }

    #[test]
    fn both_spellings_of_every_key_are_read() {
        let camel = r#"{"systemInstruction":{"parts":[{"text":"s"}]},"contents":[{"role":"model","parts":[{"text":"t","thoughtSignature":"c2ln"},{"inlineData":{"mimeType":"image/png","data":"QUJD"}}]}],"generationConfig":{"maxOutputTokens":5,"responseMimeType":"application/json","thinkingConfig":{"thinkingBudget":-1,"includeThoughts":true}},"toolConfig":{"functionCallingConfig":{"mode":"ANY","allowedFunctionNames":["f"]}},"tools":[{"functionDeclarations":[{"name":"f","parametersJsonSchema":{}}]},{"urlContext":{}}],"cachedContent":"c"}"#;
        let snake: String = camel
            .chars()
            .flat_map(|c| match c {
                c if c.is_ascii_uppercase() => vec!['_', c.to_ascii_lowercase()],
                c => vec![c],
            })
            .collect();
        let snake = snake.replace("_a_n_y", "ANY").replace("_q_u_j_d", "QUJD");
        with(camel, |camel, unsaid| {
            assert!(unsaid.is_empty(), "{unsaid:?}");
            assert_eq!(camel.turns[0].role, Role::System);
            assert_eq!(camel.turns[1].parts[0].seal.as_ref().unwrap().value, "c2ln");
            assert!(matches!(
                &camel.choice.as_ref().unwrap().value,
                ToolChoice::Named { name, .. } if name == "f"
            ));
            assert!(matches!(
                camel.output.as_ref().unwrap().value,
                Output::JsonObject
            ));
            assert!(camel.reasoning.adaptive.is_some());
            assert_eq!(camel.tags.stateful[0].value, "cachedContent");
            assert!(matches!(
                &camel.tools[1].kind,
                ToolKind::Server(tool) if tool.kind == ServerToolKind::WebFetch
            ));
            with(&snake, |snake, unsaid| {
                assert!(unsaid.is_empty(), "{unsaid:?}");
                assert_eq!(snake.turns.len(), 2);
                assert_eq!(snake.sampling.max_tokens.unwrap().value, 5);
                assert_eq!(snake.tools.len(), 2);
                assert!(snake.reasoning.adaptive.is_some());
                assert_eq!(snake.tags.stateful.len(), 1);
            });
        });
    }

    #[test]
    fn what_has_no_word_is_told_by_its_place() {
        let text = r#"{"safetySettings":[{"category":"x"}],"contents":[{"role":"narrator","parts":[{"text":"x","videoMetadata":{}},{"thought":true,"inlineData":{"mimeType":"image/png","data":""}},{"functionResponse":{"name":"f","response":{},"scheduling":"SILENT"}}],"x":1}],"generationConfig":{"speechConfig":{},"responseModalities":["TEXT","SMELL"],"thinkingConfig":{"thinkingLevel":"ULTRA"}},"toolConfig":{"retrievalConfig":{}},"tools":[{"functionDeclarations":[{"name":"f","behavior":"BLOCKING"}]}],"y":null}"#;
        with(text, |_, unsaid| {
            let expected = [
                "safetySettings",
                "contents[0].role",
                "contents[0].parts[0].videoMetadata",
                "contents[0].parts[1].inlineData",
                "contents[0].parts[2].functionResponse.scheduling",
                "contents[0].x",
                "generationConfig.speechConfig",
                "generationConfig.responseModalities[1]",
                "generationConfig.thinkingConfig.thinkingLevel",
                "toolConfig.retrievalConfig",
                "tools[0].functionDeclarations[0].behavior",
            ];
            assert_eq!(unsaid, expected);
        });
    }

    #[test]
    fn a_wrong_shape_is_told_by_its_place() {
        for (text, place) in [
            (r#"{"contents":"x"}"#, "contents"),
            (
                r#"{"contents":[{"parts":[{"text":5}]}]}"#,
                "contents[0].parts[0].text",
            ),
            (
                r#"{"generationConfig":{"maxOutputTokens":"x"}}"#,
                "generationConfig.maxOutputTokens",
            ),
            (
                r#"{"contents":[{"parts":[{"functionCall":{"args":{}}}]}]}"#,
                "contents[0].parts[0].functionCall",
            ),
        ] {
            let mut document = Document::default();
            let root = document.read(text.as_bytes()).unwrap();
            let misfit = read(Asked::default(), root).unwrap_err();
            assert_eq!(path_of(root, misfit.at), place);
        }
    }

    #[test]
    fn media_in_a_response_stand_beside_its_object() {
        let text = r#"{"contents":[{"parts":[{"functionResponse":{"name":"f","response":{"a":1},"parts":[{"inlineData":{"mimeType":"image/png","data":"QUJD"}}]}},{"functionResponse":{"name":"f","response":{},"parts":[{"inlineData":{"mimeType":"image/png","data":"QUJD"}}]}}]}]}"#;
        with(text, |request, _| {
            let counts: Vec<_> = request.turns[0]
                .parts
                .iter()
                .map(|part| match &part.body {
                    Body::Outcome(outcome) => (outcome.parts.len(), outcome.object.is_some()),
                    other => panic!("{other:?}"),
                })
                .collect();
            assert_eq!(counts, [(2, false), (1, false)]);
        });
    }
}
