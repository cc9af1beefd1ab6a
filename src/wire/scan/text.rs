use std::borrow::Cow;

/// What a string between its quotes spells (RFC 8259, section 7), borrowed where nothing is escaped. `None`: an unknown escape,
/// half a surrogate pair, or a control character. Bytes that are not UTF-8 stay as they are.
pub(super) fn spelled(raw: &[u8]) -> Option<Cow<'_, [u8]>> {
    if raw.iter().any(|byte| *byte < 0x20) {
        return None;
    }
    if !raw.contains(&b'\\') {
        return Some(Cow::Borrowed(raw));
    }
    let (mut rest, mut out) = (raw, Vec::with_capacity(raw.len()));
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'\\' {
            out.push(*byte);
            continue;
        }
        let (escaped, after) = rest.split_first()?;
        rest = after;
        match escaped {
            b'"' | b'\\' | b'/' => out.push(*escaped),
            b'b' => out.push(0x08),
            b'f' => out.push(0x0c),
            b'n' => out.push(b'\n'),
            b'r' => out.push(b'\r'),
            b't' => out.push(b'\t'),
            b'u' => rest = push_unicode(rest, &mut out)?,
            _ => return None,
        }
    }
    Some(Cow::Owned(out))
}

/// The text of a string between its quotes. `None` as of [`spelled`], and where it is not UTF-8.
pub(super) fn text(raw: &[u8]) -> Option<String> {
    String::from_utf8(spelled(raw)?.into_owned()).ok()
}

/// Reads what stands after `\u`, and the second half of a surrogate pair; gives the bytes after it.
fn push_unicode<'a>(raw: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (high, rest) = hex(raw)?;
    let (code, rest) = match high {
        0xD800..=0xDBFF => {
            let (low, rest) = hex(rest.strip_prefix(b"\\u")?)?;
            if !(0xDC00..=0xDFFF).contains(&low) {
                return None;
            }
            (0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00), rest)
        }
        _ => (high, rest),
    };
    let char = char::from_u32(code)?;
    out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
    Some(rest)
}

fn hex(raw: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = raw.split_first_chunk::<4>()?;
    let mut code = 0;
    for digit in digits {
        code = code * 16 + char::from(*digit).to_digit(16)?;
    }
    Some((code, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn as_text(raw: &str) -> Option<String> {
        text(raw.as_bytes())
    }

    #[test]
    fn every_escape_spells_what_serde_json_reads() {
        for raw in [
            r"",
            r"plain",
            r#"\"\\\/\b\f\n\r\t"#,
            r"\u0041\u00e9\u20AC",
            r"\ud83d\ude00!",
            r"x\uDBFF\uDFFF",
            r"\u0000",
            "grün",
            r"mod\u0065l",
        ] {
            let oracle: String = serde_json::from_str(&format!("\"{raw}\"")).unwrap();
            assert_eq!(as_text(raw), Some(oracle), "{raw}");
        }
    }

    #[test]
    fn broken_escapes_and_control_characters_spell_nothing() {
        for raw in [
            r"\",
            r"\x",
            r"\u",
            r"\u12",
            r"\u12g4",
            r"\u+123",
            r"\ud800",
            r"\ud800x",
            r"\ud800\n",
            r"\ud800\u0041",
            r"\udc00",
            r"\ud83d\ud83d",
            "a\nb",
            "\0",
        ] {
            assert_eq!(as_text(raw), None, "{raw}");
            assert!(
                serde_json::from_str::<String>(&format!("\"{raw}\"")).is_err(),
                "{raw}"
            );
        }
        assert_eq!(text(b"\xff"), None);
    }
}
