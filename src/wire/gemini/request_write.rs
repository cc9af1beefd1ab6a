use crate::ir::{Body, Part, Request, Role, Tier};
use crate::wire::convert::turns::messages;
use crate::wire::convert::{Lowered, Refused, Target};
use crate::wire::json::Writer;

use super::contents_write::{Content, Contents};
use super::{config_write, parts_write, tools_write};

/// Writes a request. What comes first changes least from turn to turn, so that prefixes stay cacheable.
pub(super) fn write(
    request: &Request<'_>,
    target: &Target<'_>,
    lowered: &mut Lowered,
) -> Result<(), Refused> {
    refuse_state(request)?;
    (lowered.suffix, lowered.query) = address(target);
    let (system, contents) = split(request);
    let Lowered { body, losses, .. } = lowered;
    let mut writer = Writer::new(body);
    writer.open_object();
    if !system.is_empty() {
        writer
            .key("systemInstruction")
            .open_object()
            .key("parts")
            .open_list();
        for part in &system {
            if let Some(cache) = &part.cache {
                losses.hint(cache.at, "cache mark");
            }
            if let Body::Text(text) = &part.body {
                parts_write::text(&mut writer, &text.text, None);
            }
        }
        writer.close_list().close_object();
    }
    tools_write::write(&mut writer, request, target, losses);
    config_write::write(&mut writer, request, target, losses);
    if let Some(tier) = tier(request) {
        writer.key("serviceTier").text(tier);
    }
    lose_tags(request, losses);
    for turn in &request.turns {
        if let Some(name) = &turn.name {
            losses.add(name.at, "name");
        }
        for said in [&turn.phase, &turn.id].into_iter().flatten() {
            losses.hint(said.at, "what is said about a turn");
        }
    }
    writer.key("contents");
    Contents::new(target, losses).write(&mut writer, contents)?;
    writer.close_object();
    Ok(())
}

/// State that a vendor keeps cannot be said here: what it holds is part of the conversation.
fn refuse_state(request: &Request<'_>) -> Result<(), Refused> {
    let tags = &request.tags;
    if let Some(previous) = &tags.previous {
        let why = "an earlier answer that another vendor keeps cannot be gone on with";
        return Err(Refused::new(previous.at, why));
    }
    if let Some(state) = tags.stateful.first() {
        let why = format!("{} is kept by the vendor that made it", state.value);
        return Err(Refused::new(state.at, why));
    }
    match &tags.store {
        Some(store) if store.value => Err(Refused::new(
            store.at,
            "this vendor keeps no answers that could be gone on with: say false, or nothing",
        )),
        _ => Ok(()),
    }
}

/// The path below the version, and the query.
fn address(target: &Target<'_>) -> (String, Option<&'static str>) {
    let prefixes = ["models/", "tunedModels/"];
    let known = prefixes
        .iter()
        .find_map(|prefix| Some((*prefix, target.model.strip_prefix(prefix)?)));
    let (prefix, name) = known.unwrap_or(("models/", target.model));
    let mut suffix = format!("/{prefix}");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            suffix.push(char::from(byte));
        } else {
            suffix.push_str(&format!("%{byte:02X}"));
        }
    }
    if target.stream {
        suffix.push_str(":streamGenerateContent");
        (suffix, Some("alt=sse"))
    } else {
        suffix.push_str(":generateContent");
        (suffix, None)
    }
}

/// The system's prompt and the conversation. What stands before the first turn of somebody else is the prompt, as far as it
/// is text; a picture in it is said by the user. A later turn of the system's stays where it stood ([`Content`]).
fn split<'r, 'a>(request: &'r Request<'a>) -> (Vec<&'r Part<'a>>, Vec<Content<'r, 'a>>) {
    let (mut system, mut contents) = (Vec::new(), Vec::new());
    for (index, message) in messages(&request.turns).into_iter().enumerate() {
        let is_prompt = index == 0 && message.role == Role::System;
        for part in message.parts {
            if !is_prompt {
                Content::add(&mut contents, message.role, part);
            } else if let Body::Text(text) = &part.body {
                if !text.text.is_empty() {
                    system.push(part);
                }
            } else {
                Content::add(&mut contents, Role::User, part);
            }
        }
    }
    (system, contents)
}

fn tier(request: &Request<'_>) -> Option<&'static str> {
    match &request.tags.service_tier.as_ref()?.value {
        Tier::Standard => Some("standard"),
        Tier::Named(name) if name.eq_ignore_ascii_case("flex") => Some("flex"),
        Tier::Named(name) if name.eq_ignore_ascii_case("priority") => Some("priority"),
        // What the vendor chooses anyway.
        Tier::Auto | Tier::Named(_) => None,
    }
}

fn lose_tags(request: &Request<'_>, losses: &mut crate::wire::convert::Losses) {
    let tags = &request.tags;
    let texts = [
        (&tags.user, "user"),
        (&tags.safety_identifier, "safety identifier"),
        (&tags.prompt_cache_key, "prompt cache key"),
        (&tags.prompt_cache_retention, "prompt cache retention"),
    ];
    for (said, what) in texts {
        if let Some(said) = said {
            losses.hint(said.at, what);
        }
    }
    // Labels are Vertex' alone; the Gemini API refuses them.
    for said in [&tags.metadata, &tags.prompt_cache_options]
        .into_iter()
        .flatten()
    {
        losses.hint(said.at, "metadata");
    }
    // The middle is what models give without a word.
    let verbosity = tags.verbosity.as_ref();
    if let Some(said) = verbosity.filter(|said| said.value != "medium") {
        losses.add(said.at, "verbosity");
    }
    let pieces = [
        (&tags.audio, "audio settings"),
        (&tags.logit_bias, "logit bias"),
    ];
    for (said, what) in pieces {
        let said = said.as_ref().filter(|said| !said.value.says_nothing());
        losses.add_all(said.map(|said| said.at).as_slice(), what);
    }
    if let Some(said) = &tags.service_tier
        && matches!(said.value, Tier::Named(_))
        && tier(request).is_none()
    {
        // What is paid for how fast an answer, which is the same.
        losses.hint(said.at, "service tier");
    }
    for include in &tags.include {
        // Signatures come with every answer, log probabilities are asked for among the settings.
        let is_given = matches!(
            &*include.value,
            "reasoning.encrypted_content" | config_write::INCLUDED_LOGPROBS
        );
        if !is_given {
            losses.add(include.at, "include");
        }
    }
    if let Some(cache) = &request.cache {
        losses.hint(cache.at, "cache mark");
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::ir::{
        Arguments, At, Call, Document, Foreign, Format, Json, Media, Outcome, Said, Source, Text,
        Thinking, Turn,
    };
    use crate::wire::convert::Traits;

    fn lower(request: &Request<'_>, traits: &Traits) -> Result<Lowered, Refused> {
        let target = Target {
            model: "gemini-pro",
            stream: false,
            traits,
        };
        let mut lowered = Lowered::default();
        write(request, &target, &mut lowered)?;
        Ok(lowered)
    }

    fn body(request: &Request<'_>, traits: &Traits) -> (String, Vec<&'static str>) {
        let lowered = lower(request, traits).unwrap();
        let losses = lowered.losses.iter().map(|loss| loss.what).collect();
        (String::from_utf8(lowered.body).unwrap(), losses)
    }

    fn contents(turns: Vec<Turn<'_>>, traits: &Traits) -> (String, Vec<&'static str>) {
        let request = Request {
            turns,
            ..Request::default()
        };
        let (body, losses) = body(&request, traits);
        let (_, contents) = body.split_once("\"contents\":").unwrap();
        (contents.strip_suffix('}').unwrap().to_owned(), losses)
    }

    fn turn(role: Role, bodies: Vec<Body<'static>>) -> Turn<'static> {
        let parts = bodies
            .into_iter()
            .map(|body| Part::new(At(7), body))
            .collect();
        Turn::new(At(7), role, parts)
    }

    fn text(text: &'static str) -> Body<'static> {
        Body::Text(Text {
            text: Cow::Borrowed(text),
            citations: Vec::new(),
        })
    }

    fn call(id: &'static str) -> Body<'static> {
        Body::Call(Call {
            id: id.into(),
            name: "f".into(),
            arguments: Arguments::Json("{}".into()),
            ..Call::default()
        })
    }

    fn outcome(id: &'static str, parts: Vec<Body<'static>>) -> Body<'static> {
        let parts = parts
            .into_iter()
            .map(|body| Part::new(At(7), body))
            .collect();
        Body::Outcome(Outcome {
            call: id.into(),
            // Who lowers a request has looked for it.
            name: Some("f".into()),
            parts,
            ..Outcome::default()
        })
    }

    fn image(source: Source<'static>) -> Body<'static> {
        Body::Image(Media::new(source))
    }

    fn inline() -> Source<'static> {
        Source::Inline {
            mime: "image/png".into(),
            base64: "QUJD".into(),
        }
    }

    #[test]
    fn system_text_in_mid_conversation_stays_where_it_stood() {
        let request = Request {
            turns: vec![
                turn(Role::System, vec![text("one")]),
                turn(Role::Developer, vec![text("two")]),
                turn(Role::User, vec![text("hi")]),
                turn(Role::Assistant, vec![text("yes")]),
                turn(Role::System, vec![text("three")]),
                turn(Role::User, vec![text("go")]),
            ],
            ..Request::default()
        };
        let (body, losses) = body(&request, &Traits::default());
        let expected = concat!(
            r#"{"systemInstruction":{"parts":[{"text":"one"},{"text":"two"}]},"contents":["#,
            r#"{"role":"user","parts":[{"text":"hi"}]},{"role":"model","parts":[{"text":"yes"}]},"#,
            r#"{"role":"user","parts":[{"text":"<system>\nthree\n</system>"},{"text":"go"}]}]}"#
        );
        assert_eq!(body, expected);
        assert!(losses.is_empty());
    }

    #[test]
    fn responses_stand_right_behind_their_calls_and_media_behind_the_responses() {
        let turns = vec![
            turn(Role::User, vec![text("hi")]),
            turn(Role::Assistant, vec![call("a"), call("b")]),
            turn(Role::User, vec![text("by the way")]),
            turn(
                Role::User,
                vec![outcome("a", vec![text("A"), image(inline())])],
            ),
            turn(Role::User, vec![outcome("b", vec![text("B")])]),
        ];
        let bare = Traits {
            outcome_images: false,
            ..Traits::default()
        };
        let (written, losses) = contents(turns.clone(), &bare);
        let expected = concat!(
            r#"{"role":"user","parts":[{"functionResponse":{"id":"a","name":"f","response":{"output":"A"}}},"#,
            r#"{"functionResponse":{"id":"b","name":"f","response":{"output":"B"}}},"#,
            r#"{"inlineData":{"mimeType":"image/png","data":"QUJD"}},{"text":"by the way"}]}]"#
        );
        assert!(written.ends_with(expected), "{written}");
        assert!(losses.is_empty());
        let (written, _) = contents(turns, &Traits::default());
        let expected = r#""response":{"output":"A"},"parts":[{"inlineData":{"mimeType":"image/png","data":"QUJD"}}]}},"#;
        assert!(written.contains(expected), "{written}");
    }

    #[test]
    fn outcomes_are_objects_that_say_whether_the_call_failed() {
        let written = |change: fn(&mut Outcome<'static>)| {
            let mut body = outcome("a", vec![text("A")]);
            if let Body::Outcome(outcome) = &mut body {
                change(outcome);
            }
            let (written, _) = contents(vec![turn(Role::User, vec![body])], &Traits::default());
            let (_, response) = written.split_once("\"response\":").unwrap();
            response.strip_suffix("}}]}]").unwrap().to_owned()
        };
        assert_eq!(written(|_| {}), r#"{"output":"A"}"#);
        assert_eq!(
            written(|outcome| outcome.failed = Some(Said::new(At(1), true))),
            r#"{"error":"A"}"#
        );
        assert_eq!(
            written(|outcome| {
                outcome.object = Some(Json(r#"{ "x":1.0 }"#.into()));
                outcome.parts.clear();
            }),
            r#"{ "x":1.0 }"#
        );
        assert_eq!(
            written(|outcome| {
                outcome.object = Some(Json(r#"{"x":1}"#.into()));
                outcome.failed = Some(Said::new(At(1), true));
            }),
            r#"{"error":{"x":1}}"#
        );
        assert_eq!(written(|outcome| outcome.parts.clear()), r#"{"output":""}"#);
    }

    #[test]
    fn the_first_call_of_a_step_is_signed_where_the_api_looks_for_it() {
        let mut signed = turn(Role::Assistant, vec![call("c"), call("d")]);
        signed.parts[0].seal = Some(Said::new(At(1), "own".into()));
        let turns = vec![
            turn(Role::User, vec![text("hi")]),
            turn(Role::Assistant, vec![call("a"), call("b")]),
            turn(Role::User, vec![outcome("a", vec![]), outcome("b", vec![])]),
            signed,
        ];
        let (written, _) = contents(turns.clone(), &Traits::default());
        let call = |id: &str, seal: &str| {
            format!("{{\"functionCall\":{{\"id\":\"{id}\",\"name\":\"f\",\"args\":{{}}}}{seal}}}")
        };
        let placeholder = ",\"thoughtSignature\":\"skip_thought_signature_validator\"";
        for expected in [
            call("a", placeholder),
            call("b", ""),
            call("c", ",\"thoughtSignature\":\"own\""),
            call("d", ""),
        ] {
            assert!(written.contains(&expected), "{expected} in {written}");
        }
        let older = Traits::default().of_model("gemini-2.5-pro");
        let (written, _) = contents(turns, &older);
        assert!(written.contains(&call("a", "")), "{written}");
    }

    #[test]
    fn thoughts_go_back_with_their_seals_and_not_without() {
        let thinking = |seal: Option<&'static str>| {
            Body::Thinking(Thinking {
                summaries: vec!["a".into(), "b".into()],
                seal: seal.map(|seal| Said::new(At(1), seal.into())),
                ..Thinking::default()
            })
        };
        let turns = vec![
            turn(Role::User, vec![text("hi")]),
            turn(Role::Assistant, vec![thinking(None)]),
            turn(Role::User, vec![text("ho")]),
            turn(Role::Assistant, vec![thinking(Some("s")), text("so")]),
        ];
        let (written, losses) = contents(turns, &Traits::default());
        let expected = concat!(
            r#"[{"role":"user","parts":[{"text":"hi"},{"text":"ho"}]},{"role":"model","parts":["#,
            r#"{"text":"a\n\nb","thought":true,"thoughtSignature":"s"},{"text":"so"}]}]"#
        );
        assert_eq!(written, expected);
        assert_eq!(losses, ["reasoning of an earlier turn"]);
    }

    #[test]
    fn a_conversation_begins_with_something_to_answer() {
        let start = r#"[{"role":"user","parts":[{"text":" "}]}"#;
        let (written, _) = contents(
            vec![turn(Role::System, vec![text("s")])],
            &Traits::default(),
        );
        assert_eq!(written, format!("{start}]"));
        let (written, _) = contents(
            vec![turn(Role::Assistant, vec![call("a")])],
            &Traits::default(),
        );
        assert!(written.starts_with(start), "{written}");
        let (written, _) = contents(
            vec![turn(Role::Assistant, vec![text("a")])],
            &Traits::default(),
        );
        assert!(!written.starts_with(start), "{written}");
    }

    #[test]
    fn what_only_another_vendor_can_read_is_refused() {
        let url = || Source::Url {
            url: "https://x/a.webp?b".into(),
            mime: None,
        };
        let file = Source::File {
            id: "file-1".into(),
            mime: None,
            format: Format::OpenaiChat,
        };
        let no_urls = Traits {
            url_images: false,
            ..Traits::default()
        };
        let ask = |source| Request {
            turns: vec![turn(Role::User, vec![image(source)])],
            ..Request::default()
        };
        assert_eq!(lower(&ask(url()), &no_urls).unwrap_err().at, At(7));
        assert_eq!(lower(&ask(file), &Traits::default()).unwrap_err().at, At(7));
        let (body, _) = body(&ask(url()), &Traits::default());
        let expected = r#"{"fileData":{"mimeType":"image/webp","fileUri":"https://x/a.webp?b"}}"#;
        assert!(body.contains(expected), "{body}");
        let stateful: [fn(&mut Request<'_>); 3] = [
            |request| request.tags.previous = Some(Said::new(At(7), "resp_1".into())),
            |request| request.tags.stateful.push(Said::new(At(7), "conversation")),
            |request| request.tags.store = Some(Said::new(At(7), true)),
        ];
        for change in stateful {
            let mut request = Request::default();
            change(&mut request);
            assert_eq!(lower(&request, &Traits::default()).unwrap_err().at, At(7));
        }
    }

    #[test]
    fn a_document_tells_its_title_before_itself() {
        let document = |source| {
            Body::Document(Document {
                source,
                title: Some(Said::new(At(1), "T".into())),
                context: None,
                cite: Some(Said::new(At(2), true)),
            })
        };
        let plain = Source::Text { text: "D".into() };
        let parts = Source::Parts {
            parts: vec![Part::new(At(1), text("P"))],
        };
        let turns = vec![turn(Role::User, vec![document(plain), document(parts)])];
        let (written, losses) = contents(turns, &Traits::default());
        let expected =
            r#"[{"role":"user","parts":[{"text":"T"},{"text":"D"},{"text":"T"},{"text":"P"}]}]"#;
        assert_eq!(written, expected);
        assert_eq!(losses, ["citations of a document"]);
    }

    #[test]
    fn foreign_parts_are_kept_by_their_own_format_alone() {
        let foreign = |format| {
            Body::Foreign(Foreign {
                format,
                kind: "x".into(),
                json: Json(r#"{"toolCall":{"id":"1"}}"#.into()),
            })
        };
        let mut turn = turn(
            Role::User,
            vec![foreign(Format::Anthropic), foreign(Format::Gemini)],
        );
        turn.parts[1].seal = Some(Said::new(At(1), "s".into()));
        let (written, losses) = contents(vec![turn], &Traits::default());
        let expected =
            r#"[{"role":"user","parts":[{"toolCall":{"id":"1"},"thoughtSignature":"s"}]}]"#;
        assert_eq!(written, expected);
        assert_eq!(losses, ["what only its own format knows"]);
    }

    #[test]
    fn the_path_names_the_model_and_says_whether_a_stream_is_wanted() {
        let traits = Traits::default();
        for (model, stream, expected) in [
            (
                "gemini-2.5-pro",
                false,
                "/models/gemini-2.5-pro:generateContent",
            ),
            ("models/g", true, "/models/g:streamGenerateContent"),
            ("tunedModels/t", false, "/tunedModels/t:generateContent"),
            (
                "a/b ?#:é",
                false,
                "/models/a%2Fb%20%3F%23%3A%C3%A9:generateContent",
            ),
        ] {
            let target = Target {
                model,
                stream,
                traits: &traits,
            };
            let (suffix, query) = address(&target);
            assert_eq!(suffix, expected);
            assert_eq!(query, stream.then_some("alt=sse"));
        }
    }
}
