use crate::ir::{Arguments, Call, Json, Media};
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

pub(super) fn call(
    writer: &mut Writer<'_>,
    call: &Call<'_>,
    seal: Option<&str>,
    document: &mut Document,
) {
    writer.open_object().key("functionCall").open_object();
    if !call.id.is_empty() {
        writer.key("id").text(&call.id);
    }
    writer.key("name").text(&call.name).key("args");
    arguments(writer, &call.arguments, document);
    writer.close_object();
    close(writer, seal);
}

/// Gemini's `args` is an object. What is none is put into one, so that nothing of it is lost: a broken or other JSON text
/// under `arguments`, free text under `input`.
fn arguments(writer: &mut Writer<'_>, arguments: &Arguments<'_>, document: &mut Document) {
    let (key, text) = match arguments {
        Arguments::Json(text) if text.trim().is_empty() => {
            writer.json(&Json::EMPTY_OBJECT);
            return;
        }
        Arguments::Json(text) if is_object(text, document) => {
            writer.raw(text.trim());
            return;
        }
        Arguments::Json(text) => ("arguments", text),
        Arguments::Free(text) => ("input", text),
    };
    writer.open_object().key(key).text(text).close_object();
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

    fn args(text: &str) -> String {
        let (mut out, mut document) = (Vec::new(), Document::default());
        let text = Arguments::Json(text.into());
        arguments(&mut Writer::new(&mut out), &text, &mut document);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn arguments_are_an_object_and_nothing_of_them_is_lost() {
        assert_eq!(args(r#" {"a" : 1.50} "#), r#"{"a" : 1.50}"#);
        assert_eq!(args(""), "{}");
        assert_eq!(args(r#"{"a":"#), r#"{"arguments":"{\"a\":"}"#);
        assert_eq!(args("[1]"), r#"{"arguments":"[1]"}"#);
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
