//! Texts that came as base64: the API takes documents of plain text as text only.

/// The text that is encoded; `None` if it is no base64 of UTF-8. White space and padding are skipped.
pub(super) fn text(base64: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(base64.len() / 4 * 3 + 3);
    let mut bits: u32 = 0;
    let mut held = 0;
    for byte in base64.bytes() {
        if byte.is_ascii_whitespace() || byte == b'=' {
            continue;
        }
        bits = bits << 6 | u32::from(sextet(byte)?);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    String::from_utf8(bytes).ok()
}

fn sextet(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_decoded_and_other_bytes_are_no_text() {
        for (base64, expected) in [
            ("", Some("")),
            ("aMOpbGxv", Some("héllo")),
            ("YQ==", Some("a")),
            ("YWI=", Some("ab")),
            ("YW\nI", Some("ab")),
            ("/w==", None),
            ("a?", None),
        ] {
            assert_eq!(text(base64).as_deref(), expected, "{base64}");
        }
    }
}
