//! Identifiers that we hand out.

use std::fmt;
use std::time::Duration;

/// A request's id, as sent in `x-request-id`: 26 characters of Crockford's base 32 (the ULID layout: 48 bits of
/// milliseconds, then 80 random bits), so that ids sort by the time of their making.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId([u8; 26]);

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

impl RequestId {
    /// A new id, made at a time since the Unix epoch.
    pub fn made(at: Duration) -> RequestId {
        let secs = at.as_secs().saturating_mul(1000);
        let millis = secs.saturating_add(u64::from(at.subsec_millis()));
        RequestId::from_parts(millis, fastrand::u128(..))
    }

    /// No id that is made at that time or later sorts before it.
    pub fn first_of(at: Duration) -> RequestId {
        RequestId::from_parts(u64::try_from(at.as_millis()).unwrap_or(u64::MAX), 0)
    }

    /// No id sorts after it.
    pub const LAST: RequestId = RequestId([b'z'; 26]);

    /// An id as it was written. `None`: this is none.
    pub fn parse(text: &str) -> Option<RequestId> {
        let bytes: [u8; 26] = text.as_bytes().try_into().ok()?;
        let known = bytes.iter().all(|byte| ALPHABET.contains(byte));
        known.then_some(RequestId(bytes))
    }

    /// The id that sorts right after it.
    pub fn next(mut self) -> RequestId {
        for byte in self.0.iter_mut().rev() {
            let digit = ALPHABET.iter().position(|known| known == byte);
            match digit.and_then(|digit| ALPHABET.get(digit + 1)) {
                Some(next) => {
                    *byte = *next;
                    return self;
                }
                None => *byte = b'0',
            }
        }
        RequestId::LAST
    }

    /// When it was made, in milliseconds since the Unix epoch.
    pub fn millis(&self) -> u64 {
        let digit = |byte: &u8| ALPHABET.iter().position(|known| known == byte).unwrap_or(0);
        let digits = self.0.iter().take(10).map(digit);
        digits.fold(0, |all, digit| {
            (all << 5) | u64::try_from(digit).unwrap_or(0)
        })
    }

    fn from_parts(millis: u64, random: u128) -> RequestId {
        let mut bits = (u128::from(millis) << 80) | (random & ((1 << 80) - 1));
        let mut text = [b'0'; 26];
        for slot in text.iter_mut().rev() {
            let digit = usize::try_from(bits & 31).unwrap_or(0);
            *slot = ALPHABET.get(digit).copied().unwrap_or(b'0');
            bits >>= 5;
        }
        RequestId(text)
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("")
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_ids_sort_after_earlier_ones() {
        let early = RequestId::from_parts(1_700_000_000_000, u128::MAX);
        let late = RequestId::from_parts(1_700_000_000_001, 0);
        assert!(early.as_str() < late.as_str());
    }

    #[test]
    fn an_id_says_when_it_was_made_and_can_be_read_again() {
        let at = Duration::from_millis(1_700_000_000_123);
        let id = RequestId::made(at);
        assert_eq!(id.millis(), 1_700_000_000_123);
        assert_eq!(RequestId::parse(id.as_str()), Some(id));
        assert!(RequestId::first_of(at).as_str() <= id.as_str());
        assert!(id.as_str() < RequestId::LAST.as_str());
        assert_eq!(RequestId::parse("01ARZ3NDEKTSV4RRFFQ69G5FAV"), None);
    }

    #[test]
    fn ids_differ_within_one_millisecond() {
        let made = || RequestId::made(Duration::from_secs(1));
        assert_ne!(made().as_str(), made().as_str());
    }
}
