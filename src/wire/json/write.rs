use super::read::plain_run;
use crate::ir::Json;

/// Writes JSON in the order in which it is told. Commas come by themselves; what is opened the caller closes.
#[derive(Debug)]
pub struct Writer<'o> {
    out: &'o mut Vec<u8>,
    /// A value stands before, so that a comma is due before the next.
    due: bool,
}

impl<'o> Writer<'o> {
    pub fn new(out: &'o mut Vec<u8>) -> Writer<'o> {
        Writer { out, due: false }
    }

    pub fn open_object(&mut self) -> &mut Self {
        self.before();
        self.out.push(b'{');
        self.due = false;
        self
    }

    pub fn close_object(&mut self) -> &mut Self {
        self.out.push(b'}');
        self.due = true;
        self
    }

    pub fn open_list(&mut self) -> &mut Self {
        self.before();
        self.out.push(b'[');
        self.due = false;
        self
    }

    pub fn close_list(&mut self) -> &mut Self {
        self.out.push(b']');
        self.due = true;
        self
    }

    /// A key that needs no escapes: one of ours.
    pub fn key(&mut self, key: &'static str) -> &mut Self {
        self.before();
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.due = false;
        self
    }

    /// Any key.
    pub fn any_key(&mut self, key: &str) -> &mut Self {
        self.text(key);
        self.out.push(b':');
        self.due = false;
        self
    }

    pub fn text(&mut self, text: &str) -> &mut Self {
        self.before();
        self.out.push(b'"');
        escape(text, self.out);
        self.out.push(b'"');
        self.due = true;
        self
    }

    /// A string of several pieces.
    pub fn text_of(&mut self, pieces: &[&str]) -> &mut Self {
        self.before();
        self.out.push(b'"');
        for piece in pieces {
            escape(piece, self.out);
        }
        self.out.push(b'"');
        self.due = true;
        self
    }

    pub fn number(&mut self, number: u64) -> &mut Self {
        self.raw(itoa::Buffer::new().format(number))
    }

    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.raw(if value { "true" } else { "false" })
    }

    pub fn null(&mut self) -> &mut Self {
        self.raw("null")
    }

    pub fn json(&mut self, json: &Json<'_>) -> &mut Self {
        self.raw(&json.0)
    }

    /// A value that is JSON already.
    pub fn raw(&mut self, json: &str) -> &mut Self {
        self.before();
        self.out.extend_from_slice(json.as_bytes());
        self.due = true;
        self
    }

    /// What was written so far, of whatever was in the vector before too.
    pub fn written(&self) -> usize {
        self.out.len()
    }

    #[inline]
    fn before(&mut self) {
        if self.due {
            self.out.push(b',');
        }
    }
}

/// Puts the text as it stands between quotes. Only what must be escaped is (RFC 8259, section 7).
fn escape(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    loop {
        let run = plain_run(rest);
        out.extend_from_slice(rest.get(..run).unwrap_or_default());
        let Some(byte) = rest.get(run).copied() else {
            return;
        };
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0c => out.extend_from_slice(b"\\f"),
            control => {
                const DIGITS: &[u8; 16] = b"0123456789abcdef";
                let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or(b'0');
                out.extend_from_slice(b"\\u00");
                out.push(digit(control >> 4));
                out.push(digit(control & 0x0f));
            }
        }
        rest = rest.get(run + 1..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn commas_come_where_they_are_due() {
        let mut out = Vec::new();
        let mut writer = Writer::new(&mut out);
        writer.open_object().key("a").number(1).key("b").open_list();
        writer
            .text("x")
            .null()
            .open_object()
            .close_object()
            .close_list();
        writer
            .key("c")
            .bool(true)
            .any_key("d\"")
            .raw("[1, 2]")
            .close_object();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"{"a":1,"b":["x",null,{}],"c":true,"d\"":[1, 2]}"#
        );
    }

    proptest! {
        #[test]
        fn strings_are_written_as_serde_json_reads_them(text in ".{0,40}") {
            let mut out = Vec::new();
            Writer::new(&mut out).text(&text);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
