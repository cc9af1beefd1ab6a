//! How a vendor is asked how many tokens a request has, and how a client is told.
//!
//! Three formats have a path for it, each beside that of its conversations, with a body that is nearly a conversation's:
//! [`Counting`] says what differs. So a count is converted as a conversation is, and then cut to what the path takes. Where no
//! vendor can be asked, [`count`] counts here (`tokens`).

use std::ops::Range;

use super::convert::{Crossing, Original, Ready, Target, Unsayable, lower};
use super::json::{Document, Misfit, Value, Writer, path_of};
use super::tokens::Tokenizers;
use super::{Asked, codec};
use crate::ir::Format;

/// How a format asks how many tokens a request has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counting {
    /// How the path of a whole conversation ends, and how that of its count ends in place of it.
    pub path: (&'static str, &'static str),
    /// The members of a conversation's request that the path takes.
    pub members: &'static [&'static str],
    /// The member under which a whole request stands, with its model; and another spelling of it. `None`: it stands by itself.
    pub whole: Option<[&'static str; 2]>,
    /// What the answer calls itself.
    pub object: Option<&'static str>,
    /// The member of the answer that says the number.
    pub total: &'static str,
}

/// Writes a counting request in the target's format. `target.stream` is not looked at.
///
/// # Errors
/// [`Unsayable`]; also where the target has no path for it.
pub fn lower_count(
    original: Original<'_>,
    target: &Target<'_>,
    crossing: &Crossing<'_>,
) -> Result<Ready, Unsayable> {
    let Some(counting) = codec(crossing.to.format).counting() else {
        return Err(refused("tokens cannot be counted in this format"));
    };
    let mut document = Document::default();
    let (request, under) = conversation(original, &mut document)?;
    let original = Original {
        body: request.raw().as_bytes(),
        ..original
    };
    let target = Target {
        stream: false,
        ..*target
    };
    let lowered = lower(original, &target, crossing);
    let mut ready = lowered.map_err(|unsayable| Unsayable {
        path: joined(under, &unsayable.path),
        ..unsayable
    })?;
    for path in ready.dropped.iter_mut().chain(&mut ready.lacking) {
        *path = joined(under, path);
    }
    let lowered = &mut ready.lowered;
    let (conversations, counts) = counting.path;
    if let Some(rest) = lowered.suffix.strip_suffix(conversations) {
        lowered.suffix = [rest, counts].concat();
    }
    lowered.body = counting.cut(&lowered.body, target.model)?;
    Ok(ready)
}

/// Counts a client's counting request here, as the vendor of `model` would.
///
/// # Errors
/// [`Unsayable`]: it is no request of its format.
pub fn count(original: Original<'_>, model: &str, with: &Tokenizers) -> Result<u64, Unsayable> {
    let mut document = Document::default();
    let (root, _) = conversation(original, &mut document)?;
    let request = codec(original.format).read_request(original.asked, root);
    let request = request.map_err(|misfit| of_misfit(root, &misfit))?;
    Ok(with.count(&request, model))
}

/// A vendor's answer in the client's format; `None`: it says no number.
pub fn answer(from: Format, client: Format, body: &[u8]) -> Option<Vec<u8>> {
    let counting = codec(from).counting()?;
    let mut document = Document::default();
    let total = document.read(body).ok()?.member(counting.total)?.count()?;
    Some(tell(client, total))
}

/// The answer to a client. Who has no path for the question gets the shape of Responses.
pub fn tell(client: Format, total: u64) -> Vec<u8> {
    let counting = codec(client).counting();
    let counting = counting.or_else(|| codec(Format::OpenaiResponses).counting());
    let mut body = Vec::with_capacity(64);
    let mut out = Writer::new(&mut body);
    out.open_object();
    if let Some(object) = counting.and_then(|counting| counting.object) {
        out.key("object").text(object);
    }
    let member = counting.map_or("input_tokens", |counting| counting.total);
    out.key(member).number(total).close_object();
    body
}

/// A request as its converters read it, of a call that asks for no stream.
pub fn original<'a>(format: Format, model: &'a str, body: &'a [u8]) -> Original<'a> {
    let stream = false;
    let asked = Asked {
        model,
        stream,
        completion: false,
    };
    Original {
        format,
        asked,
        body,
    }
}

/// A counting request that goes on as it is may name the model a second time, within the whole request (Gemini): the body with
/// the vendor's name there. `None`: it does not.
pub fn rename_inner(format: Format, body: &[u8], model: &str) -> Option<Vec<u8>> {
    let Range { start, end } = inner_model(format, body)?;
    let mut renamed = Vec::with_capacity(body.len() + model.len() + 16);
    renamed.extend_from_slice(body.get(..start)?);
    Writer::new(&mut renamed).text_of(&model_name(model));
    renamed.extend_from_slice(body.get(end..)?);
    Some(renamed)
}

/// The place of the value, with its quotes.
fn inner_model(format: Format, body: &[u8]) -> Option<Range<usize>> {
    let names = codec(format).counting()?.whole?;
    let mut document = Document::default();
    let root = document.read(body).ok()?;
    let whole = names.into_iter().find_map(|name| root.member(name))?;
    let model = whole
        .member("model")
        .filter(|model| model.text().is_some())?;
    Some(model.span())
}

impl Counting {
    /// A conversation's request as the path takes it.
    fn cut(&self, request: &[u8], model: &str) -> Result<Vec<u8>, Unsayable> {
        let mut document = Document::default();
        let root = document
            .read(request)
            .map_err(|error| refused(&format!("what was written is {error}")))?;
        let mut body = Vec::with_capacity(request.len() + 64);
        let mut out = Writer::new(&mut body);
        if let Some([whole, _]) = self.whole {
            out.open_object().key(whole);
        }
        out.open_object();
        if self.whole.is_some() {
            out.key("model").text_of(&model_name(model));
        }
        for (key, value) in root.members() {
            if self.members.contains(&&*key) {
                out.any_key(&key).raw(value.raw());
            }
        }
        out.close_object();
        if self.whole.is_some() {
            out.close_object();
        }
        Ok(body)
    }
}

/// Gemini's name of a model: a path.
fn model_name(model: &str) -> [&str; 2] {
    let is_path = ["models/", "tunedModels/"]
        .iter()
        .any(|kind| model.starts_with(kind));
    [if is_path { "" } else { "models/" }, model]
}

/// The conversation in a counting request, and under which member it stands.
fn conversation<'d, 'a>(
    original: Original<'a>,
    document: &'d mut Document,
) -> Result<(Value<'d, 'a>, &'static str), Unsayable> {
    let root = document
        .read(original.body)
        .map_err(|error| refused(&format!("the body is {error}")))?;
    let root_object = root.want_object();
    root_object.map_err(|misfit| of_misfit(root, &misfit))?;
    let Some(names) = codec(original.format)
        .counting()
        .and_then(|counting| counting.whole)
    else {
        return Ok((root, ""));
    };
    let is_said = |value: &Value<'_, '_>| !value.is_null();
    let contents = root.member("contents").filter(is_said);
    let whole = names
        .into_iter()
        .find_map(|name| Some((root.member(name).filter(is_said)?, name)));
    match (whole, contents) {
        (Some((_, name)), Some(_)) => Err(refused(&format!(
            "one of `contents` and `{name}` must be given, not both"
        ))),
        (Some((whole, name)), None) => match whole.want_object() {
            Ok(whole) => Ok((whole, name)),
            Err(misfit) => Err(of_misfit(root, &misfit)),
        },
        (None, Some(_)) => Ok((root, "")),
        (None, None) => Err(refused("there is nothing to be counted: set `contents`")),
    }
}

fn of_misfit(root: Value<'_, '_>, misfit: &Misfit) -> Unsayable {
    Unsayable {
        path: path_of(root, misfit.at),
        why: format!("this must be {}", misfit.wanted),
    }
}

fn refused(why: &str) -> Unsayable {
    Unsayable {
        path: String::new(),
        why: why.to_owned(),
    }
}

/// The path of what stands at `path` in the member of that name.
fn joined(name: &str, path: &str) -> String {
    match (name.is_empty(), path.is_empty()) {
        (true, _) => path.to_owned(),
        (false, true) => name.to_owned(),
        (false, false) => [name, ".", path].concat(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Tree, json};

    use super::*;
    use crate::ir::Traits;
    use crate::wire::convert::{CallNote, Issuer, Memory, SealNote};

    struct Nothing;

    impl Memory for Nothing {
        fn seal(&self, _: &str) -> Option<SealNote> {
            None
        }

        fn call(&self, _: &str) -> Option<CallNote> {
            None
        }
    }

    fn original(format: Format, body: &[u8]) -> Original<'_> {
        super::original(format, "m", body)
    }

    fn lowered(from: Format, to: Format, body: &Tree) -> Result<(String, Tree), Unsayable> {
        let body = body.to_string();
        let target = Target {
            model: "vendors",
            stream: true,
            traits: &Traits::usual(to),
        };
        let crossing = Crossing {
            from,
            to: Issuer {
                vendor: 1,
                format: to,
            },
            memory: &Nothing,
            leave_out: false,
        };
        let ready = lower_count(original(from, body.as_bytes()), &target, &crossing)?;
        let lowered = ready.lowered;
        let tree = serde_json::from_slice(&lowered.body).unwrap();
        Ok((lowered.suffix, tree))
    }

    fn anthropics() -> Tree {
        json!({
            "model": "m",
            "system": "be kind",
            "messages": [{ "role": "user", "content": "hello" }],
            "tools": [{ "name": "f", "description": "d", "input_schema": { "type": "object", "properties": {} } }],
            "tool_choice": { "type": "any" },
            "thinking": { "type": "enabled", "budget_tokens": 2000 },
        })
    }

    #[test]
    fn geminis_count_is_of_a_whole_request_with_its_model() {
        let (path, body) = lowered(Format::Anthropic, Format::Gemini, &anthropics()).unwrap();
        assert_eq!(path, "/models/vendors:countTokens");
        let whole = &body["generateContentRequest"];
        assert_eq!(body.as_object().unwrap().len(), 1);
        assert_eq!(whole["model"], "models/vendors");
        assert_eq!(whole["contents"][0]["parts"][0]["text"], "hello");
        assert_eq!(whole["systemInstruction"]["parts"][0]["text"], "be kind");
        assert_eq!(whole["tools"][0]["functionDeclarations"][0]["name"], "f");
    }

    #[test]
    fn responses_counts_without_what_says_how_to_answer() {
        let (path, body) =
            lowered(Format::Anthropic, Format::OpenaiResponses, &anthropics()).unwrap();
        assert_eq!(path, "/responses/input_tokens");
        assert_eq!(
            (&body["model"], &body["instructions"]),
            (&json!("vendors"), &json!("be kind"))
        );
        for absent in [
            "stream",
            "store",
            "max_output_tokens",
            "include",
            "temperature",
        ] {
            assert!(body.get(absent).is_none(), "{absent}: {body}");
        }
        assert_eq!(body["tools"][0]["name"], "f");
    }

    #[test]
    fn anthropic_counts_without_the_most_tokens_of_an_answer() {
        let inner = json!({
            "contents": [{ "role": "user", "parts": [{ "text": "hello" }] }],
            "generationConfig": { "maxOutputTokens": 5, "temperature": 0.5 },
        });
        for body in [
            inner.clone(),
            json!({ "generateContentRequest": inner.clone() }),
            json!({ "generate_content_request": inner }),
        ] {
            let (path, body) = lowered(Format::Gemini, Format::Anthropic, &body).unwrap();
            assert_eq!(path, "/messages/count_tokens");
            let keys: Vec<&String> = body.as_object().unwrap().keys().collect();
            assert_eq!(keys, ["messages", "model"]);
        }
    }

    #[test]
    fn chat_has_no_path_to_count_at() {
        assert!(lowered(Format::Anthropic, Format::OpenaiChat, &anthropics()).is_err());
    }

    #[test]
    fn answers_are_told_in_the_clients_shape() {
        let rows = [
            (Format::Anthropic, r#"{"input_tokens":7}"#),
            (Format::Gemini, r#"{"totalTokens":7}"#),
            (
                Format::OpenaiResponses,
                r#"{"object":"response.input_tokens","input_tokens":7}"#,
            ),
        ];
        for (from, said) in rows {
            for (to, expected) in rows {
                let told = answer(from, to, said.as_bytes()).unwrap();
                assert_eq!(String::from_utf8(told).unwrap(), expected, "{from} {to}");
            }
            for nothing in [
                "",
                "{}",
                "[]",
                "7",
                r#"{"input_tokens":"7","totalTokens":-7}"#,
                "<html>",
            ] {
                assert_eq!(answer(from, from, nothing.as_bytes()), None, "{nothing}");
            }
        }
    }

    #[test]
    fn what_is_no_counting_request_is_refused_with_its_place() {
        let rows = [
            (Format::Anthropic, "{", ""),
            (Format::Anthropic, "[]", ""),
            (Format::Anthropic, r#"{"model":"m"}"#, ""),
            (
                Format::Anthropic,
                r#"{"messages":[{"role":"user","content":5}]}"#,
                "messages[0].content",
            ),
            (Format::Gemini, "{}", ""),
            (
                Format::Gemini,
                r#"{"contents":[],"generateContentRequest":{}}"#,
                "",
            ),
            (
                Format::Gemini,
                r#"{"generateContentRequest":[]}"#,
                "generateContentRequest",
            ),
            (
                Format::Gemini,
                r#"{"generateContentRequest":{"contents":[5]}}"#,
                "generateContentRequest.contents[0]",
            ),
            (Format::OpenaiResponses, r#"{"input":5}"#, "input"),
        ];
        for (format, body, path) in rows {
            let refused = count(
                original(format, body.as_bytes()),
                "gpt-4o",
                &Tokenizers::default(),
            );
            let refused = refused.expect_err(body);
            assert_eq!(refused.path, path, "{body}: {refused}");
        }
    }

    #[test]
    fn the_model_within_a_whole_request_is_found() {
        let body = br#"{"generateContentRequest":{"contents":[],"model":"models/m"}}"#;
        let span = inner_model(Format::Gemini, body).unwrap();
        assert_eq!(&body[span], br#""models/m""#);
        let renamed = rename_inner(Format::Gemini, body, "vendors").unwrap();
        let expected = r#"{"generateContentRequest":{"contents":[],"model":"models/vendors"}}"#;
        assert_eq!(String::from_utf8(renamed).unwrap(), expected);
        assert_eq!(inner_model(Format::Gemini, br#"{"contents":[]}"#), None);
        assert_eq!(inner_model(Format::Anthropic, body), None);
    }
}
