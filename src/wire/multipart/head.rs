//! The headers of a part.

use memchr::memmem;

/// A field that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    Model,
    Stream,
}

impl Wanted {
    fn of(name: &[u8]) -> Option<Wanted> {
        match name {
            b"model" => Some(Wanted::Model),
            b"stream" => Some(Wanted::Stream),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Wanted::Model => "model",
            Wanted::Stream => "stream",
        }
    }
}

/// Which field that is wanted the headers of a part announce, if any. Each line stands behind its line end.
pub(super) fn wanted_field(lines: &[u8]) -> Result<Option<Wanted>, &'static str> {
    let mut disposition = None;
    let mut encoded = false;
    let mut rest = lines;
    while let Some(after) = rest.strip_prefix(b"\r\n") {
        let end = memmem::find(after, b"\r\n").unwrap_or(after.len());
        let (line, next) = after.split_at_checked(end).unwrap_or((after, &[]));
        rest = next;
        if line.iter().any(|b| matches!(b, b'\r' | b'\n' | 0)) || line.starts_with(b" ") {
            return Err("a header line that is not one");
        }
        let colon = memchr::memchr(b':', line).ok_or("a header line without a colon")?;
        let (name, value) = line.split_at_checked(colon).unwrap_or((line, &[]));
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            return Err("a header line whose name is none");
        }
        if name.eq_ignore_ascii_case(b"content-disposition") {
            if disposition.replace(value).is_some() {
                return Err("a part with two dispositions");
            }
        } else if name.eq_ignore_ascii_case(b"content-transfer-encoding") {
            let plain: [&[u8]; 3] = [b"7bit", b"8bit", b"binary"];
            encoded = !plain.iter().any(|plain| value.eq_ignore_ascii_case(plain));
        }
    }
    let Some(disposition) = disposition else {
        return Ok(None);
    };
    let all = parameters(disposition)?;
    if all.iter().any(|(name, _)| name == b"name*") {
        return Err("a part whose name is encoded (RFC 7578, section 4.2)");
    }
    let mut names = all.iter().filter(|(name, _)| name == b"name");
    let wanted = names.next().and_then(|(_, name)| Wanted::of(name));
    if names.next().is_some() {
        return Err("a part with two names");
    }
    match wanted {
        Some(_) if encoded => Err("a field in a transfer encoding"),
        wanted => Ok(wanted),
    }
}

/// A parameter's name, in small letters, and its value.
type Parameter = (Vec<u8>, Vec<u8>);

/// The parameters behind the first `;` of a header's value. In quotes a backslash stands before what it escapes.
pub(super) fn parameters(value: &[u8]) -> Result<Vec<Parameter>, &'static str> {
    let mut found = Vec::new();
    let first = memchr::memchr(b';', value).unwrap_or(value.len());
    let mut rest = value.get(first..).unwrap_or_default();
    while let Some(after) = rest.strip_prefix(b";") {
        let after = after.trim_ascii_start();
        if after.is_empty() || after.starts_with(b";") {
            rest = after;
            continue;
        }
        let equals = memchr::memchr2(b'=', b';', after).filter(|at| after.get(*at) == Some(&b'='));
        let equals = equals.ok_or("a parameter without a value")?;
        let (name, after) = after.split_at_checked(equals).unwrap_or((after, &[]));
        let after = after.get(1..).unwrap_or_default().trim_ascii_start();
        let (text, left) = match after.strip_prefix(b"\"") {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let end = memchr::memchr(b';', after).unwrap_or(after.len());
                let (text, left) = after.split_at_checked(end).unwrap_or((after, &[]));
                (text.trim_ascii_end().to_vec(), left)
            }
        };
        found.push((name.trim_ascii().to_ascii_lowercase(), text));
        rest = left.trim_ascii_start();
    }
    match rest.is_empty() {
        true => Ok(found),
        false => Err("a parameter with something behind its value"),
    }
}

/// What stands before the closing quote, and what behind it.
fn unquoted(text: &[u8]) -> Result<(Vec<u8>, &[u8]), &'static str> {
    let mut out = Vec::new();
    let mut bytes = text.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => return Ok((out, text.get(at + 1..).unwrap_or_default())),
            b'\\' => out.extend(bytes.next().map(|(_, byte)| *byte)),
            byte => out.push(*byte),
        }
    }
    Err("a quote that is not closed")
}
