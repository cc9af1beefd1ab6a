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
    fn ids_differ_within_one_millisecond() {
        let made = || RequestId::made(Duration::from_secs(1));
        assert_ne!(made().as_str(), made().as_str());
    }
}
