/// Whether a JSON object that comes in pieces is complete, by its brackets. Looks at every byte once.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Balance {
    depth: u32,
    in_string: bool,
    escaped: bool,
    complete: bool,
}

impl Balance {
    pub(super) fn push(&mut self, text: &str) {
        for byte in text.bytes() {
            if self.in_string {
                self.in_string = byte != b'"' || self.escaped;
                self.escaped = byte == b'\\' && !self.escaped;
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.complete |= self.depth == 0;
                }
                _ => {}
            }
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_complete_with_its_last_bracket() {
        for text in [
            "{}",
            r#"{"a":"}"}"#,
            r#"{"a":"\"}","b":[{}]}"#,
            r#"{"a":"\\"}"#,
        ] {
            let mut balance = Balance::default();
            for (at, piece) in text.char_indices() {
                assert!(!balance.is_complete(), "{text} at {at}");
                balance.push(piece.encode_utf8(&mut [0; 4]));
            }
            assert!(balance.is_complete(), "{text}");
        }
    }
}
