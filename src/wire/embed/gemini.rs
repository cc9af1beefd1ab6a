use super::{Vectors, Wanted, vector};
use crate::ir::{Format, Said, Str};
use crate::wire::codec;
use crate::wire::convert::{Lowered, Refused, input_total};
use crate::wire::json::{Misfit, Value, Writer};

pub(super) fn read_request<'a>(root: Value<'_, 'a>) -> Result<Wanted<'a>, Refused> {
    let mut wanted = Wanted::default();
    let Some(requests) = root.want_object()?.member("requests") else {
        wanted.dimensions = read_one(root, &mut wanted)?;
        return Ok(wanted);
    };
    wanted.list = true;
    for (key, value) in root.members() {
        if !value.is_null() && !matches!(&*key, "model" | "requests") {
            wanted.unsaid.push(value.at());
        }
    }
    for (place, item) in requests.want_list()?.items().enumerate() {
        let dimensions = read_one(item, &mut wanted)?;
        let number = |said: &Option<Said<u64>>| said.as_ref().map(|said| said.value);
        if place == 0 {
            wanted.dimensions = dimensions;
        } else if number(&dimensions) != number(&wanted.dimensions) {
            let at = dimensions.map_or(item.at(), |said| said.at);
            let why = "all vectors of one request have the same number of dimensions here";
            return Err(Refused::new(at, why));
        }
    }
    match wanted.texts.is_empty() {
        true => Err(requests.misfit("an array that is not empty").into()),
        false => Ok(wanted),
    }
}

/// Adds the text of one request; how many dimensions it asks for.
fn read_one<'a>(
    request: Value<'_, 'a>,
    wanted: &mut Wanted<'a>,
) -> Result<Option<Said<u64>>, Refused> {
    let mut dimensions = None;
    let mut text = None;
    for (key, value) in request.want_object()?.members() {
        if value.is_null() {
            continue;
        }
        match &*key {
            "model" => {}
            "content" => text = Some(read_text(value)?),
            "outputDimensionality" | "output_dimensionality" => {
                dimensions = Some(value.want_count()?);
            }
            _ => wanted.unsaid.push(value.at()),
        }
    }
    let missing = || Refused::new(request.at(), "`content` is missing");
    wanted.texts.push(text.ok_or_else(missing)?);
    Ok(dimensions)
}

/// One vector stands for all parts of a content.
fn read_text<'a>(content: Value<'_, 'a>) -> Result<Str<'a>, Refused> {
    let parts = content.want_object()?.member("parts");
    let mut all: Option<Str<'a>> = None;
    for part in parts.into_iter().flat_map(Value::items) {
        let text = part
            .member_text("text")
            .ok_or_else(|| Refused::new(part.at(), "only texts have vectors here"))?;
        match &mut all {
            None => all = Some(text),
            Some(all) => {
                let all = all.to_mut();
                all.push('\n');
                all.push_str(&text);
            }
        }
    }
    all.ok_or_else(|| Refused::new(content.at(), "there is no text in it"))
}

pub(super) fn write_request(wanted: &Wanted<'_>, model: &str, lowered: &mut Lowered) {
    let bare = model.strip_prefix("models/").unwrap_or(model);
    let verb = match wanted.list {
        true => ":batchEmbedContents",
        false => ":embedContent",
    };
    lowered.suffix = ["/models/", &segment(bare), verb].concat();
    let mut writer = Writer::new(&mut lowered.body);
    if wanted.list {
        writer.open_object().key("requests").open_list();
    }
    for text in &wanted.texts {
        writer.open_object();
        writer.key("model").text_of(&["models/", bare]);
        writer.key("content").open_object();
        writer.key("parts").open_list().open_object();
        writer.key("text").text(text);
        writer.close_object().close_list().close_object();
        if let Some(dimensions) = &wanted.dimensions {
            writer.key("outputDimensionality").number(dimensions.value);
        }
        writer.close_object();
    }
    if wanted.list {
        writer.close_list().close_object();
    }
}

/// A name as it stands in one segment of a path (RFC 3986, section 3.3).
fn segment(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

pub(super) fn read_answer<'a>(root: Value<'_, 'a>) -> Result<Vectors<'a>, Misfit> {
    let values = |embedding: Value<'_, 'a>| {
        let values = embedding.member("values");
        vector(values.ok_or(embedding.misfit("values"))?)
    };
    let list = match (root.member("embeddings"), root.member("embedding")) {
        (Some(list), _) => list.want_list()?.items().map(values).collect(),
        (None, Some(one)) => values(one).map(|one| vec![one]),
        (None, None) => Err(root.misfit("an answer with embeddings")),
    };
    let usage = root
        .member("usageMetadata")
        .map(|usage| usage.raw().as_bytes());
    Ok(Vectors {
        list: list?,
        usage: usage
            .map(|usage| codec(Format::Gemini).read_usage(usage))
            .unwrap_or_default(),
        model: None,
    })
}

pub(super) fn write_answer(vectors: &Vectors<'_>, list: bool, out: &mut Vec<u8>) {
    let mut writer = Writer::new(out);
    writer.open_object();
    match list {
        true => writer.key("embeddings").open_list(),
        false => writer.key("embedding"),
    };
    for vector in &vectors.list {
        writer.open_object();
        writer.key("values").json(vector).close_object();
    }
    if list {
        writer.close_list();
    }
    if let Some(tokens) = input_total(&vectors.usage) {
        writer.key("usageMetadata").open_object();
        writer.key("promptTokenCount").number(tokens).close_object();
    }
    writer.close_object();
}
