//! Embeddings: vectors for texts, as OpenAI (`/embeddings`) and Gemini (`:embedContent`, `:batchEmbedContents`) ask for them.
//!
//! Owns the small vocabulary that the two share (which texts, how many dimensions; vectors as they were written) and both
//! spellings of it, each in its file; [`rename`], which puts the vendor's name of a model where Gemini repeats it in the
//! body. No conversation is in here, so nothing of `ir::Request` is needed but places of values.
//!
//! Never does: change a vector. Numbers go through as they were written; only base64, where an OpenAI client asks for it,
//! makes 32-bit floats of them, as OpenAI's own API does.
//!
//! Start with [`lower`].

mod gemini;
mod openai;

use bytes::Bytes;

use super::convert::{
    Adaptation, Answer, Lowered, Original, Ready, Refused, Unsayable, input_total,
};
use super::error::broken_answer;
use super::json::{Document, Kind, Misfit, Value, Writer, path_of};
use crate::ir::{At, Fault, Format, Json, Said, Str, Usage};

/// The format that embeddings of `format` can be said in as well, if there is one.
pub fn other_format(format: Format) -> Option<Format> {
    match format {
        Format::OpenaiChat => Some(Format::Gemini),
        Format::Gemini => Some(Format::OpenaiChat),
        Format::OpenaiResponses | Format::Anthropic => None,
    }
}

/// What a client wants vectors for.
#[derive(Debug, Default)]
struct Wanted<'a> {
    texts: Vec<Str<'a>>,
    /// It was asked for as a list, so that the answer is one too (Gemini's two paths).
    list: bool,
    dimensions: Option<Said<u64>>,
    /// As base64 of 32-bit floats (OpenAI).
    base64: bool,
    /// What the target has no word for.
    unsaid: Vec<At>,
}

/// What a vendor answered: each vector as an array of numbers, as written.
#[derive(Debug, Default)]
struct Vectors<'a> {
    list: Vec<Json<'a>>,
    usage: Usage,
    /// As the vendor says it.
    model: Option<Str<'a>>,
}

/// The way back: what the client's answer has to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Back {
    from: Format,
    count: usize,
    /// The tokens of the texts, about: what a client is told where the vendor does not say.
    tokens: u64,
    list: bool,
    base64: bool,
    /// The vendor's name of the model, where its answers do not tell it.
    model: String,
}

/// Writes a request for embeddings in the other format.
///
/// # Errors
/// [`Unsayable`].
pub fn lower(original: Original<'_>, to: Format, model: &str) -> Result<(Ready, Back), Unsayable> {
    let mut document = Document::default();
    let root = document.read(original.body).map_err(|error| Unsayable {
        path: String::new(),
        why: format!("the body is {error}"),
    })?;
    let unsayable = |refused: Refused| Unsayable {
        path: path_of(root, refused.at),
        why: refused.why,
    };
    let wanted = match original.format {
        Format::OpenaiChat => openai::read_request(root),
        Format::Gemini => gemini::read_request(root),
        Format::OpenaiResponses | Format::Anthropic => Err(foreign(original.format)),
    };
    let wanted = wanted.map_err(unsayable)?;
    let mut lowered = Lowered::default();
    match to {
        Format::OpenaiChat => openai::write_request(&wanted, model, &mut lowered),
        Format::Gemini => gemini::write_request(&wanted, model, &mut lowered),
        Format::OpenaiResponses | Format::Anthropic => return Err(unsayable(foreign(to))),
    }
    lowered.losses.add_all(&wanted.unsaid, "");
    let back = Back {
        from: to,
        count: wanted.texts.len(),
        tokens: wanted.texts.iter().map(|text| about(text)).sum(),
        list: wanted.list,
        base64: wanted.base64,
        model: model.to_owned(),
    };
    let (dropped, lacking) = lowered.losses.paths_and_lacking(root);
    let ready = Ready {
        dropped,
        lacking,
        lowered,
        back: Adaptation::default(),
        echo: String::new(),
        stream_usage: false,
    };
    Ok((ready, back))
}

/// Four bytes a token: a vendor that does not count has a tokenizer that nobody knows.
fn about(text: &str) -> u64 {
    (text.len() as u64).div_ceil(4)
}

fn foreign(format: Format) -> Refused {
    Refused::new(At::NOWHERE, format!("there are no embeddings in {format}"))
}

impl Back {
    /// Writes a vendor's answer for the client. `told`: the model's name for the client; empty: the one that the vendor
    /// says.
    ///
    /// # Errors
    /// The vendor's fault: it is no answer, or not one vector for each text.
    pub fn answer(&self, body: &[u8], client: Format, told: &str) -> Result<Answer, Fault> {
        let mut document = Document::default();
        let broken = || broken_answer("the provider's answer could not be read");
        let root = document.read(body).map_err(|_| broken())?;
        let vectors = match self.from {
            Format::OpenaiChat => openai::read_answer(root),
            Format::Gemini => gemini::read_answer(root),
            Format::OpenaiResponses | Format::Anthropic => return Err(broken()),
        };
        let vectors = vectors.map_err(|_| broken())?;
        if vectors.list.len() != self.count {
            return Err(broken());
        }
        let model = match (told, &vectors.model) {
            ("", Some(model)) => model.clone().into_owned(),
            ("", None) => self.model.clone(),
            (told, _) => told.to_owned(),
        };
        let mut out = Vec::with_capacity(body.len());
        match client {
            Format::OpenaiChat => {
                // The format demands a count. Ours is not the vendor's, so it is not in what is booked as said.
                let tokens = input_total(&vectors.usage).unwrap_or(self.tokens);
                openai::write_answer(&vectors, (self.base64, &model, tokens), &mut out);
            }
            Format::Gemini => gemini::write_answer(&vectors, self.list, &mut out),
            Format::OpenaiResponses | Format::Anthropic => return Err(broken()),
        }
        Ok(Answer {
            body: out,
            usage: vectors.usage,
            model,
            keepsakes: Vec::new(),
            dropped: Vec::new(),
        })
    }
}

/// A vector as it was written, if it is one: an array of numbers.
fn vector<'a>(value: Value<'_, 'a>) -> Result<Json<'a>, Misfit> {
    let numbers = value.want_list()?;
    match numbers.items().all(|item| item.kind() == Kind::Number) {
        true => Ok(value.json()),
        false => Err(value.misfit("an array of numbers")),
    }
}

/// The body with every name of a model that Gemini repeats in it (`model`, `requests[].model`) being `model`, in pieces.
/// `None`: nothing is to be changed, or nothing can be read.
pub fn rename(body: &Bytes, model: &str) -> Option<Vec<Bytes>> {
    let mut document = Document::default();
    let root = document.read(body).ok()?;
    let requests = root.member("requests").into_iter().flat_map(Value::items);
    let mut written = Vec::new();
    let bare = model.strip_prefix("models/").unwrap_or(model);
    Writer::new(&mut written).text_of(&["models/", bare]);
    let written = Bytes::from(written);
    let mut spans: Vec<_> = [root]
        .into_iter()
        .chain(requests)
        .filter_map(|holder| holder.member("model"))
        .map(Value::span)
        .filter(|span| body.get(span.clone()) != Some(&written))
        .collect();
    spans.sort_by_key(|span| span.start);
    let mut pieces = Vec::with_capacity(2 * spans.len() + 1);
    let mut kept = 0;
    for span in &spans {
        pieces.push(body.slice(kept.min(span.start)..span.start));
        pieces.push(written.clone());
        kept = span.end;
    }
    pieces.push(body.slice(kept..));
    (!spans.is_empty()).then_some(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Asked;

    fn lowered(from: Format, to: Format, body: &str) -> Result<(Ready, Back), Unsayable> {
        let original = Original {
            format: from,
            asked: Asked::default(),
            body: body.as_bytes(),
        };
        lower(original, to, "em-1")
    }

    fn to_gemini(body: &str) -> (String, String, Vec<String>, Back) {
        let (ready, back) = lowered(Format::OpenaiChat, Format::Gemini, body).unwrap();
        let body = String::from_utf8(ready.lowered.body).unwrap();
        (ready.lowered.suffix, body, ready.dropped, back)
    }

    fn answered(back: &Back, client: Format, body: &str) -> String {
        let answer = back.answer(body.as_bytes(), client, "").unwrap();
        String::from_utf8(answer.body).unwrap()
    }

    #[test]
    fn one_text_goes_to_embed_content_and_a_list_to_batch_embed_contents() {
        let (suffix, body, dropped, _) =
            to_gemini(r#"{"model":"m","input":"a\"b","dimensions":3}"#);
        assert_eq!(suffix, "/models/em-1:embedContent");
        assert_eq!(
            body,
            r#"{"model":"models/em-1","content":{"parts":[{"text":"a\"b"}]},"outputDimensionality":3}"#
        );
        assert!(dropped.is_empty());
        let (suffix, body, dropped, _) =
            to_gemini(r#"{"model":"m","input":["a","b"],"user":"u","truncate":"END"}"#);
        assert_eq!(suffix, "/models/em-1:batchEmbedContents");
        assert_eq!(
            body,
            concat!(
                r#"{"requests":[{"model":"models/em-1","content":{"parts":[{"text":"a"}]}},"#,
                r#"{"model":"models/em-1","content":{"parts":[{"text":"b"}]}}]}"#
            )
        );
        assert_eq!(dropped, ["user", "truncate"]);
    }

    #[test]
    fn what_gemini_cannot_say_is_refused_by_its_path() {
        for (body, path) in [
            (r#"{"input":[1,2]}"#, "input[0]"),
            (r#"{"input":["a",[1,2]]}"#, "input[1]"),
            (r#"{"input":[]}"#, "input"),
            (r#"{"input":{}}"#, "input"),
            (r#"{"model":"m"}"#, ""),
            (
                r#"{"input":"a","encoding_format":"int8"}"#,
                "encoding_format",
            ),
            (r#"{"input":"a","dimensions":-1}"#, "dimensions"),
        ] {
            let refused = lowered(Format::OpenaiChat, Format::Gemini, body).unwrap_err();
            assert_eq!(refused.path, path, "{body}: {refused}");
        }
    }

    #[test]
    fn vectors_come_back_with_the_numbers_as_written_or_in_base64() {
        let answer = r#"{"embeddings":[{"values":[0.50, -1e0]},{"values":[2]}],"usageMetadata":{"promptTokenCount":7}}"#;
        let (_, _, _, back) = to_gemini(r#"{"input":["a","b"],"encoding_format":"float"}"#);
        assert_eq!(
            answered(&back, Format::OpenaiChat, answer),
            concat!(
                r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.50, -1e0]},"#,
                r#"{"object":"embedding","index":1,"embedding":[2]}],"model":"em-1","#,
                r#""usage":{"prompt_tokens":7,"total_tokens":7}}"#
            )
        );
        let (_, _, _, back) = to_gemini(r#"{"input":"a","encoding_format":"base64"}"#);
        assert_eq!(
            answered(
                &back,
                Format::OpenaiChat,
                r#"{"embedding":{"values":[0.5,-1,2]}}"#
            ),
            concat!(
                r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AAAAPwAAgL8AAABA"}],"#,
                r#""model":"em-1","usage":{"prompt_tokens":1,"total_tokens":1}}"#
            )
        );
    }

    #[test]
    fn an_answer_without_a_vector_for_each_text_is_none() {
        let (_, _, _, back) = to_gemini(r#"{"input":["a","b"]}"#);
        for answer in [
            r#"{"embeddings":[{"values":[1]}]}"#,
            r#"{"embeddings":[{"values":[1]},{"values":["x"]}]}"#,
            r#"{"embedding":{"values":[1]}}"#,
            "{}",
            "[]",
        ] {
            let got = back.answer(answer.as_bytes(), Format::OpenaiChat, "");
            assert!(got.is_err(), "{answer}");
        }
    }

    #[test]
    fn a_gemini_client_reaches_openais_embeddings() {
        let one = r#"{"model":"models/m","content":{"parts":[{"text":"a"},{"text":"b"}]},"outputDimensionality":4,"taskType":"RETRIEVAL_QUERY"}"#;
        let (ready, back) = lowered(Format::Gemini, Format::OpenaiChat, one).unwrap();
        assert_eq!(ready.lowered.suffix, "/embeddings");
        assert_eq!(
            String::from_utf8(ready.lowered.body).unwrap(),
            r#"{"model":"em-1","input":["a\nb"],"dimensions":4,"encoding_format":"float"}"#
        );
        assert_eq!(ready.dropped, ["taskType"]);
        let answer = r#"{"object":"list","data":[{"index":0,"embedding":[1,2]}],"model":"x","usage":{"prompt_tokens":3,"total_tokens":3}}"#;
        assert_eq!(
            answered(&back, Format::Gemini, answer),
            r#"{"embedding":{"values":[1,2]},"usageMetadata":{"promptTokenCount":3}}"#
        );
        let batch = r#"{"requests":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"}]}}]}"#;
        let (_, back) = lowered(Format::Gemini, Format::OpenaiChat, batch).unwrap();
        let swapped = r#"{"data":[{"index":1,"embedding":[2]},{"index":0,"embedding":[1]}]}"#;
        assert_eq!(
            answered(&back, Format::Gemini, swapped),
            r#"{"embeddings":[{"values":[1]},{"values":[2]}]}"#
        );
    }

    #[test]
    fn what_openai_cannot_say_of_geminis_is_refused() {
        for (body, path) in [
            (
                r#"{"content":{"parts":[{"inlineData":{}}]}}"#,
                "content.parts[0]",
            ),
            (
                r#"{"requests":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"a"}]},"outputDimensionality":2}]}"#,
                "requests[1].outputDimensionality",
            ),
            (r#"{"requests":[]}"#, "requests"),
            (r#"{}"#, ""),
        ] {
            let refused = lowered(Format::Gemini, Format::OpenaiChat, body).unwrap_err();
            assert_eq!(refused.path, path, "{body}: {refused}");
        }
    }

    #[test]
    fn the_models_name_is_changed_wherever_gemini_repeats_it_and_nothing_else() {
        let renamed = |body: &'static str| {
            let body = Bytes::from_static(body.as_bytes());
            rename(&body, "em-1").map(|pieces| String::from_utf8(pieces.concat()).unwrap())
        };
        assert_eq!(
            renamed(r#"{ "requests":[ {"model": "models/v","x":1.0}, {"model":"v"} ] }"#).unwrap(),
            r#"{ "requests":[ {"model": "models/em-1","x":1.0}, {"model":"models/em-1"} ] }"#
        );
        assert_eq!(
            renamed(r#"{"content":{},"model":"v"}"#).unwrap(),
            r#"{"content":{},"model":"models/em-1"}"#
        );
        assert_eq!(renamed(r#"{"model":"models/em-1"}"#), None);
        assert_eq!(renamed(r#"{"content":{"model":"v"}}"#), None);
        assert_eq!(renamed("nonsense"), None);
    }
}
