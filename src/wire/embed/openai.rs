use super::{Vectors, Wanted, vector};
use crate::ir::{Format, Json};
use crate::wire::codec;
use crate::wire::convert::{Lowered, Refused};
use crate::wire::json::{Document, Kind, Misfit, Value, Writer};

const TOKENS: &str =
    "tokens mean nothing to a model with another tokenizer: send the text that they stand for";

pub(super) fn read_request<'a>(root: Value<'_, 'a>) -> Result<Wanted<'a>, Refused> {
    let mut wanted = Wanted::default();
    for (key, value) in root.want_object()?.members() {
        if value.is_null() {
            continue;
        }
        match &*key {
            "model" => {}
            "input" => read_input(value, &mut wanted)?,
            "dimensions" => wanted.dimensions = Some(value.want_count()?),
            "encoding_format" => {
                wanted.base64 = match &*value.want_text()? {
                    "float" => false,
                    "base64" => true,
                    _ => return Err(value.misfit("float or base64").into()),
                }
            }
            _ => wanted.unsaid.push(value.at()),
        }
    }
    match wanted.texts.is_empty() {
        true => Err(Refused::new(root.at(), "`input` is missing")),
        false => Ok(wanted),
    }
}

fn read_input<'a>(value: Value<'_, 'a>, wanted: &mut Wanted<'a>) -> Result<(), Refused> {
    if value.kind() == Kind::Text {
        wanted.texts.push(value.want_text()?);
        return Ok(());
    }
    let misfit = value.misfit("a string, or an array of strings that is not empty");
    wanted.list = true;
    if value.kind() != Kind::List || value.items().next().is_none() {
        return Err(misfit.into());
    }
    for item in value.items() {
        if matches!(item.kind(), Kind::Number | Kind::List) {
            return Err(Refused::new(item.at(), TOKENS));
        }
        wanted.texts.push(item.want_text()?);
    }
    Ok(())
}

pub(super) fn write_request(wanted: &Wanted<'_>, model: &str, lowered: &mut Lowered) {
    "/embeddings".clone_into(&mut lowered.suffix);
    let mut writer = Writer::new(&mut lowered.body);
    writer.open_object().key("model").text(model);
    writer.key("input").open_list();
    for text in &wanted.texts {
        writer.text(text);
    }
    writer.close_list();
    if let Some(dimensions) = &wanted.dimensions {
        writer.key("dimensions").number(dimensions.value);
    }
    writer.key("encoding_format").text("float").close_object();
}

pub(super) fn read_answer<'a>(root: Value<'_, 'a>) -> Result<Vectors<'a>, Misfit> {
    let data = root
        .member("data")
        .ok_or(root.misfit("a list of vectors"))?;
    let mut list = Vec::new();
    for (place, item) in (0u64..).zip(data.want_list()?.items()) {
        let embedding = item.member("embedding");
        let embedding = embedding.ok_or(item.misfit("an embedding"))?;
        let index = item.member("index").and_then(Value::count);
        list.push((index.unwrap_or(place), vector(embedding)?));
    }
    list.sort_by_key(|(index, _)| *index);
    let usage = root.member("usage").map(|usage| usage.raw().as_bytes());
    Ok(Vectors {
        list: list.into_iter().map(|(_, vector)| vector).collect(),
        usage: usage
            .map(|usage| codec(Format::OpenaiChat).read_usage(usage))
            .unwrap_or_default(),
        model: root.member_text("model").filter(|model| !model.is_empty()),
    })
}

pub(super) fn write_answer(
    vectors: &Vectors<'_>,
    (base64, model, tokens): (bool, &str, u64),
    out: &mut Vec<u8>,
) {
    let mut writer = Writer::new(out);
    writer.open_object().key("object").text("list");
    writer.key("data").open_list();
    for (index, vector) in (0..).zip(&vectors.list) {
        writer.open_object().key("object").text("embedding");
        writer.key("index").number(index).key("embedding");
        match base64 {
            true => writer.text(&encoded(vector)),
            false => writer.json(vector),
        };
        writer.close_object();
    }
    writer.close_list().key("model").text(model);
    writer.key("usage").open_object();
    writer.key("prompt_tokens").number(tokens);
    writer.key("total_tokens").number(tokens).close_object();
    writer.close_object();
}

/// The numbers of a vector as 32-bit floats, little end first, in base64: OpenAI's own encoding.
fn encoded(vector: &Json<'_>) -> String {
    let mut document = Document::default();
    let Ok(numbers) = document.read(vector.0.as_bytes()) else {
        return String::new();
    };
    let bytes: Vec<u8> = numbers
        .items()
        .map(|number| number.raw().parse::<f32>().unwrap_or_default())
        .flat_map(f32::to_le_bytes)
        .collect();
    base64(&bytes)
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let byte = |at: usize| group.get(at).copied().map_or(0, u32::from);
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit)) as usize & 63;
            let known = DIGITS.get(value).filter(|_| digit <= group.len());
            text.push(known.map_or('=', |digit| char::from(*digit)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_as_the_rfc_has_it() {
        let rows = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ];
        for (bytes, text) in rows {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff]), "+/8=");
    }
}
