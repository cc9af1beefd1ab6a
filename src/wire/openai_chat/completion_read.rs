//! A legacy completion's request, read as a conversation of one turn: the prompt is what the user says.
//!
//! What would make it another question is refused: several prompts, tokens, text behind the answer (`suffix`), the prompt in
//! the answer (`echo`). `best_of` beyond `n` is lost: the answer is one that the model gave, only not the best of several.

use crate::ir::{At, Request, Role, Said, Turn};
use crate::wire::Asked;
use crate::wire::json::{Kind, Misfit, Value};

use super::content_read::text_part;
use super::request_read::{filled, read_sampling, read_tags};

const ONE_PROMPT: &str =
    "a single text: the endpoint takes conversations, which answer one prompt at a time";
const NO_TOKENS: &str = "a text: tokens mean nothing to an endpoint that takes conversations, so that they are not taken";
const NO_ECHO: &str =
    "false: the endpoint takes conversations, whose answers do not repeat the prompt";
const NO_SUFFIX: &str =
    "left out: the endpoint takes conversations, in which nothing stands behind the answer";

pub(super) fn read<'a>(asked: Asked<'a>, body: Value<'_, 'a>) -> Result<Request<'a>, Misfit> {
    let mut request = Request {
        model: asked.model.into(),
        stream: asked.stream,
        ..Request::default()
    };
    let mut best_of = None;
    for (key, value) in filled(body.want_object()?) {
        match &*key {
            "model" => request.model = value.want_text()?,
            "stream" => request.stream |= value.want_bool()?.value,
            "prompt" => request.turns = vec![read_prompt(value)?],
            "best_of" => best_of = Some(value.want_count()?),
            "echo" if value.want_bool()?.value => return Err(value.misfit(NO_ECHO)),
            "echo" => {}
            "suffix" if !value.want_text()?.is_empty() => return Err(value.misfit(NO_SUFFIX)),
            "suffix" => {}
            "logprobs" => read_logprobs(value, &mut request)?,
            "stream_options" => {
                for (key, value) in filled(value.want_object()?) {
                    match &*key {
                        "include_usage" => request.tags.stream_usage = value.want_bool()?.value,
                        _ => request.unsaid.push(value.at()),
                    }
                }
            }
            key => {
                let known = read_sampling(&mut request, key, value)?
                    || read_tags(&mut request, key, value)?;
                if !known {
                    request.unsaid.push(value.at());
                }
            }
        }
    }
    if request.turns.is_empty() {
        return Err(body.misfit("a request with a `prompt`"));
    }
    let choices = request.sampling.choices.as_ref();
    let choices = choices.map_or(1, |said| said.value);
    let lost: Option<At> = best_of
        .filter(|said| said.value > choices)
        .map(|said| said.at);
    request.unsaid.extend(lost);
    Ok(request)
}

/// A text, or a list that holds nothing but one.
fn read_prompt<'a>(value: Value<'_, 'a>) -> Result<Turn<'a>, Misfit> {
    let mut prompt = value;
    if value.kind() == Kind::List {
        let mut items = value.items();
        prompt = match (items.next(), items.next()) {
            (Some(first), second) => {
                if matches!(first.kind(), Kind::Number | Kind::List) {
                    return Err(value.misfit(NO_TOKENS));
                }
                if second.is_some() {
                    return Err(value.misfit(ONE_PROMPT));
                }
                first
            }
            (None, _) => return Err(value.misfit("a text that is not empty")),
        };
    }
    let text = prompt.want_text()?;
    if text.is_empty() {
        return Err(prompt.misfit("a text that is not empty"));
    }
    let part = text_part(prompt.at(), text);
    Ok(Turn::new(value.at(), Role::User, vec![part]))
}

/// How many of the likeliest tokens are told beside each; 0 tells the token alone.
fn read_logprobs(value: Value<'_, '_>, request: &mut Request<'_>) -> Result<(), Misfit> {
    let count = value.want_count()?;
    request.sampling.logprobs = Some(Said::new(count.at, true));
    if count.value > 0 {
        request.sampling.top_logprobs = Some(count);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::Body;
    use crate::wire::json::{Document, path_of};

    fn read_text(text: &str) -> Result<(Vec<String>, String), (String, &'static str)> {
        let mut document = Document::default();
        let root = document.read(text.as_bytes()).unwrap();
        let request = read(Asked::default(), root)
            .map_err(|misfit| (path_of(root, misfit.at), misfit.wanted))?;
        let Body::Text(said) = &request.turns[0].parts[0].body else {
            panic!("no text");
        };
        let unsaid = request.unsaid.iter().map(|at| path_of(root, *at));
        Ok((unsaid.collect(), said.text.clone().into_owned()))
    }

    #[test]
    fn the_prompt_is_what_the_user_says() {
        for body in [
            r#"{"prompt":"a b"}"#,
            r#"{"prompt":["a b"],"suffix":"","echo":false}"#,
        ] {
            assert_eq!(read_text(body).unwrap(), (vec![], "a b".to_owned()));
        }
    }

    #[test]
    fn what_would_be_another_question_is_refused() {
        for (body, path, wanted) in [
            (r#"{"prompt":["a","b"]}"#, "prompt", ONE_PROMPT),
            (r#"{"prompt":[1,2]}"#, "prompt", NO_TOKENS),
            (r#"{"prompt":[[1],[2]]}"#, "prompt", NO_TOKENS),
            (r#"{"prompt":"a","echo":true}"#, "echo", NO_ECHO),
            (r#"{"prompt":"a","suffix":"b"}"#, "suffix", NO_SUFFIX),
            (r#"{"prompt":""}"#, "prompt", "a text that is not empty"),
            (r#"{"prompt":[]}"#, "prompt", "a text that is not empty"),
            (r#"{"prompt":null}"#, "", "a request with a `prompt`"),
        ] {
            assert_eq!(read_text(body), Err((path.to_owned(), wanted)), "{body}");
        }
    }

    #[test]
    fn the_best_of_several_is_lost_unless_all_are_given() {
        let lost = |body: &str| read_text(body).unwrap().0;
        assert_eq!(lost(r#"{"prompt":"a","best_of":3}"#), ["best_of"]);
        assert!(lost(r#"{"best_of":2,"prompt":"a","n":2}"#).is_empty());
        assert_eq!(lost(r#"{"prompt":"a","x":1}"#), ["x"]);
    }

    #[test]
    fn logprobs_are_a_number_here() {
        let mut document = Document::default();
        for (text, top) in [("0", None), ("3", Some(3))] {
            let body = format!("{{\"prompt\":\"a\",\"logprobs\":{text}}}");
            let root = document.read(body.as_bytes()).unwrap();
            let sampling = read(Asked::default(), root).unwrap().sampling;
            assert!(sampling.logprobs.unwrap().value);
            assert_eq!(sampling.top_logprobs.map(|said| said.value), top);
        }
    }
}
