/// The characters of a text by their bytes, and the reverse, without counting from the beginning each time.
pub(super) struct Characters<'t> {
    text: &'t str,
    /// How many characters begin before each [`STEP`] bytes.
    marks: Vec<u64>,
}

const STEP: usize = 256;

impl<'t> Characters<'t> {
    pub(super) fn of(text: &'t str) -> Characters<'t> {
        let mut count = 0;
        let steps = text.as_bytes().chunks(STEP);
        let marks = steps.map(|step| {
            let before = count;
            count += beginnings(step);
            before
        });
        Characters {
            marks: marks.collect(),
            text,
        }
    }

    pub(super) fn all(&self) -> (u64, u64) {
        (0, self.before(self.text.len()))
    }

    /// How many characters are before that byte.
    pub(super) fn before(&self, byte: usize) -> u64 {
        let step = byte / STEP;
        match self.marks.get(step) {
            Some(mark) => {
                let rest = self.text.as_bytes().get(step * STEP..byte);
                mark + rest.map_or(0, beginnings)
            }
            // The text ends with a step, or before the byte.
            None => {
                let last = self.marks.len().saturating_sub(1);
                let rest = self.text.as_bytes().get(last * STEP..);
                self.marks.last().unwrap_or(&0) + rest.map_or(0, beginnings)
            }
        }
    }

    /// The byte at which that character begins; the end of the text counts as one more.
    pub(super) fn byte(&self, character: u64) -> Option<usize> {
        let step = self.marks.partition_point(|mark| *mark <= character);
        let step = step.saturating_sub(1);
        let mut left = character - self.marks.get(step).copied().unwrap_or(0);
        let rest = self.text.as_bytes().get(step * STEP..)?;
        for (at, byte) in rest.iter().enumerate() {
            if is_beginning(*byte) {
                if left == 0 {
                    return Some(step * STEP + at);
                }
                left -= 1;
            }
        }
        (left == 0).then_some(self.text.len())
    }
}

fn is_beginning(byte: u8) -> bool {
    byte & 0xC0 != 0x80
}

fn beginnings(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| is_beginning(**byte)).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_counted_as_from_the_beginning() {
        for text in [
            String::new(),
            "a".repeat(STEP),
            "aé€😀".repeat(200),
            "€".repeat(STEP),
        ] {
            let characters = Characters::of(&text);
            let all = text.char_indices().map(|(at, _)| at);
            for (count, at) in all.chain([text.len()]).enumerate() {
                assert_eq!(characters.before(at), count as u64, "{at}");
                assert_eq!(characters.byte(count as u64), Some(at), "{count}");
            }
            let beyond = text.chars().count() as u64 + 1;
            assert_eq!(characters.byte(beyond), None);
        }
    }
}
