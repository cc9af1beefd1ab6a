use crate::ir::Json;
use crate::wire::json::{Document, Value, Writer};

/// Reads a `logprobsResult`: the tokens as OpenAI writes them.
pub(super) fn read(value: Value<'_, '_>) -> Vec<Json<'static>> {
    let items = |name| value.member(name).into_iter().flat_map(Value::items);
    let mut tops = items("topCandidates");
    let mut tokens = Vec::new();
    for chosen in items("chosenCandidates") {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        writer.open_object();
        token(&mut writer, chosen);
        writer.key("top_logprobs").open_list();
        let top = tops.next().and_then(|top| top.member("candidates"));
        for candidate in top.into_iter().flat_map(Value::items) {
            writer.open_object();
            token(&mut writer, candidate);
            writer.close_object();
        }
        writer.close_list().close_object();
        tokens.push(Json(String::from_utf8(out).unwrap_or_default().into()));
    }
    tokens
}

fn token(writer: &mut Writer<'_>, value: Value<'_, '_>) {
    let text = value.member_text("token").unwrap_or_default();
    let number = value.member("logProbability").map_or("0", Value::raw);
    writer.key("token").text(&text).key("logprob").raw(number);
    writer.key("bytes").open_list();
    for byte in text.bytes() {
        writer.number(u64::from(byte));
    }
    writer.close_list();
}

/// Writes `logprobsResult`, in a candidate that is open, if there are tokens.
pub(super) fn write(writer: &mut Writer<'_>, tokens: &[Json<'_>]) {
    if tokens.is_empty() {
        return;
    }
    let mut document = Document::default();
    let (mut chosen, mut tops) = (Vec::new(), Vec::new());
    let mut chosen_writer = Writer::new(&mut chosen);
    let mut tops_writer = Writer::new(&mut tops);
    chosen_writer.open_list();
    tops_writer.open_list();
    for json in tokens {
        let Ok(value) = document.read(json.0.as_bytes()) else {
            continue;
        };
        candidate(&mut chosen_writer, value);
        tops_writer.open_object().key("candidates").open_list();
        let top = value.member("top_logprobs");
        for value in top.into_iter().flat_map(Value::items) {
            candidate(&mut tops_writer, value);
        }
        tops_writer.close_list().close_object();
    }
    chosen_writer.close_list();
    tops_writer.close_list();
    writer.key("logprobsResult").open_object();
    for (key, list) in [("chosenCandidates", chosen), ("topCandidates", tops)] {
        writer
            .key(key)
            .raw(std::str::from_utf8(&list).unwrap_or("[]"));
    }
    writer.close_object();
}

fn candidate(writer: &mut Writer<'_>, value: Value<'_, '_>) {
    let text = value.member_text("token").unwrap_or_default();
    let number = value.member("logprob").map_or("0", Value::raw);
    writer.open_object().key("token").text(&text);
    writer.key("logProbability").raw(number).close_object();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_go_to_openai_s_shape_and_back() {
        let text = br#"{"chosenCandidates":[{"token":"\u00e9","logProbability":-0.10}],"topCandidates":[{"candidates":[{"token":"\u00e9","logProbability":-0.10},{"token":"b","logProbability":-2}]}]}"#;
        let mut document = Document::default();
        let tokens = read(document.read(text).unwrap());
        assert_eq!(
            tokens,
            [Json(
                r#"{"token":"é","logprob":-0.10,"bytes":[195,169],"top_logprobs":[{"token":"é","logprob":-0.10,"bytes":[195,169]},{"token":"b","logprob":-2,"bytes":[98]}]}"#.into()
            )]
        );
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        writer.open_object();
        write(&mut writer, &tokens);
        writer.close_object();
        let back = String::from_utf8(out).unwrap();
        assert_eq!(
            back,
            r#"{"logprobsResult":{"chosenCandidates":[{"token":"é","logProbability":-0.10}],"topCandidates":[{"candidates":[{"token":"é","logProbability":-0.10},{"token":"b","logProbability":-2}]}]}}"#
        );
    }
}
