use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::dialect::hex;

/// A form (`multipart/form-data`) as an object: fields are strings, files what is known of them. Null where it is no form.
pub(super) fn read(content_type: &str, body: &[u8]) -> Value {
    let Some((_, boundary)) = content_type.split_once("boundary=") else {
        return Value::Null;
    };
    let delimiter = format!("\r\n--{}", boundary.trim_matches('"'));
    let body = [b"\r\n", body].concat();
    let mut fields = Map::new();
    let mut parts = split(&body, delimiter.as_bytes()).skip(1).peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return match part.starts_with(b"--") {
                true => Value::Object(fields),
                false => Value::Null,
            };
        }
        let Some(end) = memchr::memmem::find(part, b"\r\n\r\n") else {
            return Value::Null;
        };
        let head = String::from_utf8_lossy(&part[..end]).into_owned();
        let content = &part[end + 4..];
        let named = |key: &str| {
            let (_, rest) = head.split_once(&format!("{key}=\""))?;
            Some(rest.split('"').next().unwrap_or(rest).to_owned())
        };
        let value = match named("; filename") {
            Some(name) => json!({
                "filename": name,
                "bytes": content.len(),
                "sha256": hex(&Sha256::digest(content)),
            }),
            None => String::from_utf8_lossy(content).into_owned().into(),
        };
        fields.insert(named("; name").unwrap_or_default(), value);
    }
    Value::Null
}

fn split<'b>(body: &'b [u8], delimiter: &[u8]) -> impl Iterator<Item = &'b [u8]> {
    let ends: Vec<usize> = memchr::memmem::find_iter(body, delimiter).collect();
    let starts = ends.iter().map(|end| end + delimiter.len());
    let starts: Vec<usize> = std::iter::once(0).chain(starts).collect();
    let ends = ends.into_iter().chain([body.len()]);
    starts
        .into_iter()
        .zip(ends)
        .map(|(from, to)| &body[from..to])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_texts_and_files_are_known_by_their_hash() {
        let body = concat!(
            "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\ndemo\r\n",
            "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n\r\n--x\r\n\r\n--b--\r\n"
        );
        let form = read("multipart/form-data; boundary=b", body.as_bytes());
        assert_eq!(form["model"], "demo");
        assert_eq!(form["file"]["bytes"], 5);
        assert_eq!(form["file"]["filename"], "a.wav");
        assert_eq!(
            read("multipart/form-data; boundary=b", b"--b\r\n"),
            Value::Null
        );
        assert_eq!(read("application/json", b"{}"), Value::Null);
    }
}
