//! A value that must not be shown; and what is kept of one that need only be known again.

use std::fmt;

use sha2::{Digest, Sha256};

/// A key or password. `Debug` and `Display` mask it; only [`Secret::reveal`] gives it out.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    pub fn new(value: impl Into<String>) -> Secret {
        Secret(value.into())
    }

    /// The value itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// `sk-…wxyz`: the first three and last four characters of 16 and more; of 12 and more the last two; else `…`.
    pub fn masked(&self) -> String {
        let chars: Vec<char> = self.0.chars().collect();
        let (head, tail) = match chars.len() {
            16.. => (3, 4),
            12..=15 => (0, 2),
            _ => (0, 0),
        };
        let first = chars.iter().take(head);
        let last = chars.iter().skip(chars.len() - tail);
        first.chain(['…'].iter()).chain(last).collect()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// What is kept of a client key: the SHA-256 of its bytes. Written as `sha256:` and 64 hexadecimal digits.
///
/// Keys are long and random, so that no salt and no slow hash is needed to keep them from being guessed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    pub fn of(value: &str) -> KeyHash {
        KeyHash(Sha256::digest(value.as_bytes()).into())
    }

    /// `None`: it is not written as one.
    pub fn parse(text: &str) -> Option<KeyHash> {
        let digits = text.strip_prefix("sha256:")?.as_bytes();
        let digit = |byte: u8| char::from(byte).to_digit(16);
        let byte = |pair: &[u8; 2]| u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok();
        let (pairs, rest) = digits.as_chunks::<2>();
        let bytes: Vec<u8> = pairs.iter().map(byte).collect::<Option<_>>()?;
        let whole = rest.is_empty().then_some(bytes)?;
        whole.try_into().ok().map(KeyHash)
    }

    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let hash = KeyHash::of("abc");
        let text = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash.to_string(), text);
        assert_eq!(KeyHash::parse(text), Some(hash));
        assert_eq!(
            KeyHash::parse(&text.to_uppercase().replace("SHA", "sha")),
            Some(hash)
        );
        for bad in [
            "",
            "sha256:",
            &text[..70],
            &text[7..],
            &format!("{text}0"),
            &format!("{text}00"),
            &text.replace('b', "g"),
            "sha256:üüüüüüüüüüüüüüüüüüüüüüüüüüüüüüüü",
        ] {
            assert_eq!(KeyHash::parse(bad), None, "{bad}");
        }
    }
}
