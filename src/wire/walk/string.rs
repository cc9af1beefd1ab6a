use super::Broken;

/// Where in a string, as to escapes, a cut is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    No,
    /// After a backslash.
    Begun,
    /// In `\u`, so many hex digits are missing.
    Hex(u8),
}

/// The offset of the quote that ends the string in which `at` is, not within an escape. The string must end.
pub(in crate::wire) fn string_end(bytes: &[u8], at: usize) -> Result<usize, Broken> {
    scan_string(bytes, at, Escape::No)?.map_err(|_| Broken)
}

/// The offset of the quote that ends the string in which `at` is, or how far into an escape the bytes are cut.
#[inline]
pub(super) fn scan_string(
    bytes: &[u8],
    mut at: usize,
    mut escape: Escape,
) -> Result<Result<usize, Escape>, Broken> {
    loop {
        if escape == Escape::No {
            at += plain_run(bytes.get(at..).unwrap_or_default());
        }
        let Some(&byte) = bytes.get(at) else {
            return Ok(Err(escape));
        };
        escape = match (escape, byte) {
            (Escape::No, b'"') => return Ok(Ok(at)),
            // The short escapes at once: text is full of them.
            (Escape::No, b'\\') => match bytes.get(at + 1) {
                Some(b'"' | b'\\' | b'n' | b't') => {
                    at += 1;
                    Escape::No
                }
                _ => Escape::Begun,
            },
            (Escape::Begun, b'u') => Escape::Hex(4),
            (Escape::Begun, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Escape::No,
            (Escape::Hex(1), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => Escape::No,
            (Escape::Hex(n), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => Escape::Hex(n - 1),
            _ => return Err(Broken),
        };
        at += 1;
    }
}

/// Bytes of a block of [`is_plain`], and how many are looked at in words before.
const BLOCK: usize = 32;

/// How many bytes come before the first quote, backslash or control character. Keys and names end within the first words;
/// longer text goes by blocks, so that a reply that is one long base64 string costs little more than reading it.
#[inline]
fn plain_run(bytes: &[u8]) -> usize {
    let run = plain_words(bytes.get(..BLOCK).unwrap_or(bytes));
    if run < BLOCK {
        return run;
    }
    let (blocks, _) = bytes.get(BLOCK..).unwrap_or_default().as_chunks();
    let run = run + BLOCK * blocks.iter().take_while(|block| is_plain(block)).count();
    run + plain_words(bytes.get(run..).unwrap_or_default())
}

/// Whether nothing in the block is special. Without a branch, so that it is made of vector instructions.
#[inline]
fn is_plain(block: &[u8; BLOCK]) -> bool {
    let special = |b: u8| u8::from(b == b'"') | u8::from(b == b'\\') | u8::from(b < b' ');
    block.iter().fold(0, |found, b| found | special(*b)) == 0
}

/// The same as [`plain_run`], eight bytes at a time.
#[inline]
fn plain_words(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (i, word) in words.iter().enumerate() {
        let hits = special(u64::from_le_bytes(*word));
        if hits != 0 {
            return i * 8 + (hits.trailing_zeros() / 8) as usize;
        }
    }
    let plain = |b: &u8| *b != b'"' && *b != b'\\' && *b >= b' ';
    words.len() * 8 + rest.iter().take_while(|b| plain(b)).count()
}

/// Marks the high bit of bytes that are special in a string; exact for the lowest mark (the others may be borrowed from it).
/// The test for a byte below n: Sean Anderson, "Bit Twiddling Hacks".
#[inline]
fn special(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = ONES * 0x80;
    let below = |x: u64, n: u64| x.wrapping_sub(ONES * n) & !x & HIGHS;
    below(word ^ (ONES * b'"' as u64), 1)
        | below(word ^ (ONES * b'\\' as u64), 1)
        | below(word, b' ' as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_run_ends_at_every_special_byte_and_at_no_other() {
        for byte in 0..=255u8 {
            for at in [0, 1, 7, 8, 31, 32, 33, 63, 64, 95, 96, 100] {
                let mut text = vec![b'x'; 101];
                text[at] = byte;
                let special = byte < b' ' || byte == b'"' || byte == b'\\';
                assert_eq!(
                    plain_run(&text),
                    if special { at } else { 101 },
                    "{byte} at {at}"
                );
            }
        }
    }
}
