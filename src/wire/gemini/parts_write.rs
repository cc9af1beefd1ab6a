use crate::ir::{Arguments, Call, Json, Media};
use crate::wire::convert::arguments;
use crate::wire::json::{Document, Kind, Writer};

/// The signature that Google documents for calls which no Gemini model made (`thought-signatures`, the questions at its
/// end): Gemini 3 and later refuse a step whose first call has none.
pub(super) const PLACEHOLDER: &str = "skip_thought_signature_validator";

pub(super) fn text(writer: &mut Writer<'_>, text: &str, seal: Option<&str>) {
    writer.open_object().key("text").text(text);
    close(writer, seal);
}

pub(super) fn thought(writer: &mut Writer<'_>, text: &str, seal: Option<&str>) {
    writer
        .open_object()
        .key("text")
        .text(text)
        .key("thought")
        .bool(true);
    close(writer, seal);
}

/// What goes into a call's `args`.
pub(super) enum Args<'c> {
    Object(&'c str),
    /// Under `input`: the free text of a custom tool. Under `arguments`: a text that is no object.
    Within(&'static str, &'c str),
}

impl<'c> Args<'c> {
    /// `None`: the arguments broke off, or are no object.
    pub(super) fn of(call: &'c Call<'_>, document: &mut Document) -> Option<Args<'c>> {
        match &call.arguments {
            Arguments::Json(text) => arguments::object(text, document).map(Args::Object),
            Arguments::Free(text) => Some(Args::Within("input", text)),
        }
    }

    /// As [`Args::of`]; what is no object goes into one, so that nothing of it is lost.
    pub(super) fn wrapped(call: &'c Call<'_>, document: &mut Document) -> (Args<'c>, bool) {
        match (Args::of(call, document), &call.arguments) {
            (Some(args), _) => (args, false),
            (None, Arguments::Json(text) | Arguments::Free(text)) => {
                (Args::Within("arguments", text), true)
            }
        }
    }
}

pub(super) fn call(writer: &mut Writer<'_>, call: &Call<'_>, args: &Args<'_>, seal: Option<&str>) {
    writer.open_object().key("functionCall").open_object();
    if !call.id.is_empty() {
        writer.key("id").text(&call.id);
    }
    writer.key("name").text(&call.name).key("args");
    match args {
        Args::Object(json) => {
            writer.raw(json);
        }
        Args::Within(key, text) => {
            writer.open_object().key(key).text(text).close_object();
        }
    }
    writer.close_object();
    close(writer, seal);
}

pub(super) fn is_object(text: &str, document: &mut Document) -> bool {
    let read = document.read(text.as_bytes());
    read.is_ok_and(|value| value.kind() == Kind::Object)
}

/// `inlineData`, in a part that is open.
pub(super) fn inline(writer: &mut Writer<'_>, mime: &str, base64: &str) {
    writer.key("inlineData").open_object();
    writer.key("mimeType").text(registered(mime));
    writer.key("data").text(base64).close_object();
}

/// `fileData`, in a part that is open.
pub(super) fn file(writer: &mut Writer<'_>, uri: &str, mime: Option<&str>) {
    writer.key("fileData").open_object();
    if let Some(mime) = mime {
        writer.key("mimeType").text(registered(mime));
    }
    writer.key("fileUri").text(uri).close_object();
}

/// Many say `image/jpg`, which the API does not know.
fn registered(mime: &str) -> &str {
    match mime {
        "image/jpg" => "image/jpeg",
        mime => mime,
    }
}

/// What is said in an audio, in a part that is open.
pub(super) fn transcript(writer: &mut Writer<'_>, media: &Media<'_>) {
    if let Some(words) = &media.transcript {
        writer.key("audioTranscription").open_object();
        writer.key("text").text(words).close_object();
    }
}

/// A part of this format, as it was written; its signature stands apart from it.
pub(super) fn foreign(writer: &mut Writer<'_>, json: &Json<'_>, seal: Option<&str>) {
    let whole = json.0.trim();
    let inside = whole
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    writer.open_object();
    if let Some(inside) = inside.filter(|inside| !inside.trim().is_empty()) {
        writer.raw(inside);
    }
    close(writer, seal);
}

/// Closes a part, with its signature.
pub(super) fn close(writer: &mut Writer<'_>, seal: Option<&str>) {
    if let Some(seal) = seal {
        writer.key("thoughtSignature").text(seal);
    }
    writer.close_object();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_an_object_and_of_a_request_nothing_is_lost() {
        let mut document = Document::default();
        for (text, expected, wraps) in [
            (r#" {"a" : 1.50} "#, r#"{"a" : 1.50}"#, false),
            ("", "{}", false),
            (r#"{"a":"#, r#"{"arguments":"{\"a\":"}"#, true),
            ("[1]", r#"{"arguments":"[1]"}"#, true),
        ] {
            let said = Call {
                name: "f".into(),
                arguments: Arguments::Json(text.into()),
                ..Call::default()
            };
            let mut out = Vec::new();
            let (args, is_wrapped) = Args::wrapped(&said, &mut document);
            call(&mut Writer::new(&mut out), &said, &args, None);
            let expected = format!(r#"{{"functionCall":{{"name":"f","args":{expected}}}}}"#);
            assert_eq!(
                (String::from_utf8(out).unwrap(), is_wrapped),
                (expected, wraps)
            );
            assert_eq!(Args::of(&said, &mut document).is_none(), wraps);
        }
    }

    #[test]
    fn a_part_of_its_own_is_written_as_it_was_with_its_signature() {
        let mut out = Vec::new();
        let json = Json(r#"{"executableCode":{"code": "1"}}"#.into());
        foreign(&mut Writer::new(&mut out), &json, Some("s"));
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"executableCode":{"code": "1"},"thoughtSignature":"s"}"#
        );
    }
}
