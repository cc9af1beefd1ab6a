use fearless_simd::{Level, Simd, dispatch, prelude::*, u8x64};
use memchr::memchr2;

const BLOCK: usize = Blocks::BLOCK;
/// Blocks that are classified at a time: 4 KiB of the body, whose masks take 1.5 KiB of the stack.
const BATCH: usize = 64;
const ODD: u64 = 0xAAAA_AAAA_AAAA_AAAA;

/// Where strings begin and end and where containers nest, as bit masks of 64 bytes each, made as the walk gets there.
///
/// Bit `i` of a mask is byte `i` of its block. The masks are simdjson's (Langdale and Lemire, "Parsing Gigabytes of JSON per
/// Second", section 3.1): quotes that no backslash escapes, and brackets outside of strings.
///
/// Invariant: it only goes forward, since the state carried from block to block does.
pub(super) struct Blocks<'a> {
    body: &'a [u8],
    level: Level,
    /// Number of the block whose masks stand first.
    first: usize,
    masks: [Masks; BATCH],
    which: Which,
    carry: Carry,
    /// The block where the walk is, if it is in the batch.
    here: usize,
    /// Of its quotes those that were not taken. Taking them one by one from here, not looking each up by its position, is what
    /// lets the CPU run ahead: where the next quote is then does not wait for where this one is.
    quotes: u64,
    /// The blocks after it that have quotes.
    quoted: u64,
}

/// The masks of one block.
#[derive(Clone, Copy, Default)]
struct Masks {
    /// No backslash escapes them.
    quotes: u64,
    slashes: u64,
    /// They are outside of strings.
    brackets: u64,
}

/// Which blocks of the batch have any: a jump over the others, where a loop over them would end at an unpredictable place.
#[derive(Clone, Copy, Default)]
struct Which {
    quotes: u64,
    brackets: u64,
    /// Not zero if any has a backslash.
    slashes: u64,
}

/// What a block leaves to the next one.
#[derive(Clone, Copy, Default)]
struct Carry {
    /// 1 when the last byte was a backslash that escapes the first byte of the next block.
    escape: u64,
    /// All ones inside a string.
    string: u64,
}

impl<'a> Blocks<'a> {
    /// Bytes that one mask covers.
    pub(super) const BLOCK: usize = 64;

    pub(super) fn new(body: &'a [u8]) -> Blocks<'a> {
        Blocks::at_level(body, Level::new())
    }

    /// `level`: the instructions to use, of those that the CPU has.
    fn at_level(body: &'a [u8], level: Level) -> Blocks<'a> {
        let mut blocks = Blocks {
            body,
            level,
            first: 0,
            masks: [Masks::default(); BATCH],
            which: Which::default(),
            carry: Carry::default(),
            here: 0,
            quotes: 0,
            quoted: 0,
        };
        blocks.classify();
        blocks
    }

    /// The next string: where its two quotes are.
    #[inline(always)]
    pub(super) fn next_string(&mut self) -> Option<(usize, usize)> {
        let others = self.quotes & self.quotes.wrapping_sub(1);
        if others == 0 {
            return Some((self.next_quote()?, self.next_quote()?));
        }
        let base = self.here * BLOCK;
        let open = base + self.quotes.trailing_zeros() as usize;
        let close = base + others.trailing_zeros() as usize;
        self.quotes = others & (others - 1);
        Some((open, close))
    }

    #[inline]
    fn next_quote(&mut self) -> Option<usize> {
        while self.quotes == 0 {
            if self.quoted == 0 {
                self.next_batch()?;
                continue;
            }
            let nth = self.quoted.trailing_zeros() as usize;
            self.quoted &= self.quoted - 1;
            self.here = self.first + nth;
            self.quotes = self.masks.get(nth)?.quotes;
        }
        let quote = self.here * BLOCK + self.quotes.trailing_zeros() as usize;
        self.quotes &= self.quotes - 1;
        Some(quote)
    }

    /// Goes on to that place after a bracket: the next string is the first that begins there or later.
    #[inline]
    pub(super) fn go(&mut self, to: usize) {
        self.here = to / BLOCK;
        let nth = self.here.wrapping_sub(self.first);
        (self.quotes, self.quoted) = match self.masks.get(nth) {
            Some(masks) => (masks.quotes & from(to), self.which.quotes & after(nth)),
            // The next batch begins there.
            None => (0, 0),
        };
    }

    /// Whether there may be a backslash between these two quotes, of which the second was taken last. Exact within one block.
    #[inline(always)]
    pub(super) fn may_have_slash(&self, open: usize, close: usize) -> bool {
        let block = close / BLOCK;
        match self.masks.get(block.wrapping_sub(self.first)) {
            Some(masks) if open / BLOCK == block => masks.slashes & from(open) & !from(close) != 0,
            _ => true,
        }
    }

    /// The brackets outside of strings at or after `place`, of the first block that has any: where it begins, and its mask.
    #[inline]
    pub(super) fn brackets(&mut self, place: usize) -> Option<(usize, u64)> {
        let block = place / BLOCK;
        while block >= self.first + BATCH {
            self.next_batch()?;
        }
        let nth = block.wrapping_sub(self.first);
        let here = self.masks.get(nth)?.brackets & from(place);
        if here != 0 {
            return Some((block * BLOCK, here));
        }
        let mut others = self.which.brackets & after(nth);
        while others == 0 {
            self.next_batch()?;
            others = self.which.brackets;
        }
        let nth = others.trailing_zeros() as usize;
        Some(((self.first + nth) * BLOCK, self.masks.get(nth)?.brackets))
    }

    /// `None` at the end of the body.
    #[inline(never)]
    fn next_batch(&mut self) -> Option<()> {
        let mut first = self.first + BATCH;
        let rest = self.body.get(first * BLOCK..)?;
        // A batch of nothing but data: there is more of it (an image), and to look for two bytes is faster than for six.
        if self.carry.string != 0 && self.which.quotes | self.which.slashes == 0 {
            first += memchr2(b'"', b'\\', rest)? / BLOCK / BATCH * BATCH;
        }
        if first * BLOCK >= self.body.len() {
            return None;
        }
        self.first = first;
        self.classify();
        Some(())
    }

    fn classify(&mut self) {
        let rest = self.body.get(self.first * BLOCK..).unwrap_or_default();
        let batch = rest.get(..BLOCK * BATCH).unwrap_or(rest);
        let (masks, carry) = (&mut self.masks, self.carry);
        (self.which, self.carry) =
            dispatch!(self.level, simd => classify(simd, batch, masks, carry));
        (self.quotes, self.quoted) = (0, self.which.quotes);
    }
}

/// The bits of a block from that place on.
#[inline(always)]
fn from(place: usize) -> u64 {
    u64::MAX << (place % BLOCK)
}

/// The bits of a batch after the `nth` block.
#[inline(always)]
fn after(nth: usize) -> u64 {
    u64::MAX << (nth % BATCH) << 1
}

/// Classifies a batch. The masks after its end are empty.
#[inline(always)]
fn classify<S: Simd>(
    simd: S,
    batch: &[u8],
    masks: &mut [Masks; BATCH],
    mut carry: Carry,
) -> (Which, Carry) {
    let mut which = Which::default();
    let (blocks, tail) = batch.as_chunks::<BLOCK>();
    let mut slots = masks.iter_mut();
    let mut bit = 1_u64;
    for (block, slot) in blocks.iter().zip(&mut slots) {
        *slot = mask(simd, block, &mut carry);
        which.note(slot, bit);
        bit <<= 1;
    }
    if !tail.is_empty()
        && let Some(slot) = slots.next()
    {
        *slot = mask(simd, &padded(tail), &mut carry);
        which.note(slot, bit);
    }
    slots.for_each(|slot| *slot = Masks::default());
    (which, carry)
}

/// The last block of a body, filled up.
fn padded(tail: &[u8]) -> [u8; BLOCK] {
    let mut block = [b' '; BLOCK];
    for (to, from) in block.iter_mut().zip(tail) {
        *to = *from;
    }
    block
}

impl Which {
    #[inline(always)]
    fn note(&mut self, masks: &Masks, bit: u64) {
        self.quotes |= if masks.quotes != 0 { bit } else { 0 };
        self.brackets |= if masks.brackets != 0 { bit } else { 0 };
        self.slashes |= masks.slashes;
    }
}

#[inline(always)]
fn mask<S: Simd>(simd: S, block: &[u8; BLOCK], carry: &mut Carry) -> Masks {
    let bytes = u8x64::from_slice(simd, block);
    let quotes = bytes.simd_eq(u8x64::splat(simd, b'"')).to_bitmask();
    let slashes = bytes.simd_eq(u8x64::splat(simd, b'\\')).to_bitmask();
    // With this bit `[` and `]` become `{` and `}`, and nothing else does.
    let folded = bytes | u8x64::splat(simd, 0x20);
    let brackets =
        folded.simd_eq(u8x64::splat(simd, b'{')) | folded.simd_eq(u8x64::splat(simd, b'}'));
    let quotes = quotes & !escaped(slashes, &mut carry.escape);
    let inside = prefix_xor(quotes) ^ carry.string;
    carry.string = 0u64.wrapping_sub(inside >> 63);
    Masks {
        quotes,
        slashes,
        brackets: brackets.to_bitmask() & !inside,
    }
}

/// The bytes that a backslash escapes: those after runs of odd length. Without a branch, since escapes come unpredictably.
#[inline(always)]
fn escaped(slashes: u64, carry: &mut u64) -> u64 {
    let escaping = slashes & !*carry;
    let codes = ((escaping << 1) | ODD).wrapping_sub(escaping) ^ ODD;
    let escaped = codes ^ (slashes | *carry);
    *carry = (codes & slashes) >> 63;
    escaped
}

/// Bit `i` of the result is the parity of the bits up to and including `i`.
#[inline(always)]
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every level of instructions that this CPU has.
    fn levels() -> Vec<Level> {
        let top = Level::new();
        let mut levels = vec![top];
        #[cfg(target_arch = "x86_64")]
        {
            levels.extend(top.as_avx2().map(Level::Avx2));
            levels.extend(top.as_sse4_2().map(Level::Sse4_2));
            levels.extend(top.as_sse2().map(Level::Sse2));
        }
        levels
    }

    /// The same byte by byte: unescaped quotes, and brackets outside of strings.
    fn oracle(body: &[u8]) -> (Vec<usize>, Vec<usize>) {
        let (mut quotes, mut brackets, mut inside, mut escaped) = (vec![], vec![], false, false);
        for (at, byte) in body.iter().enumerate() {
            match byte {
                b'"' if !escaped => {
                    quotes.push(at);
                    inside = !inside;
                }
                b'{' | b'}' | b'[' | b']' if !inside => brackets.push(at),
                _ => {}
            }
            escaped = *byte == b'\\' && !escaped;
        }
        (quotes, brackets)
    }

    fn quotes(body: &[u8], level: Level) -> Vec<usize> {
        let mut blocks = Blocks::at_level(body, level);
        std::iter::from_fn(|| blocks.next_quote()).collect()
    }

    fn brackets(body: &[u8], level: Level) -> Vec<usize> {
        let mut blocks = Blocks::at_level(body, level);
        let (mut found, mut place) = (vec![], 0);
        while let Some((base, bits)) = blocks.brackets(place) {
            found.extend(
                (0..BLOCK)
                    .filter(|bit| bits >> bit & 1 == 1)
                    .map(|bit| base + bit),
            );
            place = base + BLOCK;
        }
        found
    }

    fn agrees(body: &[u8]) {
        let oracle = oracle(body);
        for level in levels() {
            assert_eq!(quotes(body, level), oracle.0, "{level:?}");
            assert_eq!(brackets(body, level), oracle.1, "{level:?}");
        }
    }

    #[test]
    fn a_backslash_run_of_any_length_at_any_place_escapes_as_it_should() {
        for run in 0..=130 {
            for lead in 0..=65 {
                let body = format!("{}\"{}\"{{[]}}\"", " ".repeat(lead), "\\".repeat(run));
                agrees(body.as_bytes());
            }
        }
    }

    #[test]
    fn masks_carry_over_batches() {
        for len in [4090, 4094, 4095, 4096, 4097, 8191, 8192, 12_290] {
            let body = format!("{{\"{}\\\"{{\": [\"]\", {{}}]}}", "x\\\\".repeat(len / 3));
            agrees(body.as_bytes());
        }
    }

    #[test]
    fn data_of_any_length_is_leapt_over_to_the_byte() {
        for len in (8000..8400).chain(20_400..20_600) {
            let data = "A".repeat(len);
            agrees(format!("[\"{data}\", {{\"{data}\\\"{data}{{\"}}]").as_bytes());
            agrees(format!("[\"{data}").as_bytes());
        }
    }

    #[test]
    fn any_bytes_are_classified_as_byte_by_byte() {
        const BYTES: &[u8] = b"\\\\\\\"\"{}[] a:,;\x00\xff\x0d\x02\x5a\x5c\x7c\x1b";
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        for round in 0..400 {
            let body: Vec<u8> = (0..round * 40)
                .map(|_| {
                    seed ^= seed << 13;
                    seed ^= seed >> 7;
                    seed ^= seed << 17;
                    BYTES[seed as usize % BYTES.len()]
                })
                .collect();
            agrees(&body);
        }
    }
}
