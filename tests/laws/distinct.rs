//! Objects whose keys differ.

use std::collections::BTreeSet;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// What is written has no key twice where what was read has none.
pub fn keeps_keys_distinct(read: &[u8], written: &[u8]) -> bool {
    // A string may hold the text of an object, which is written as one.
    let holds_text = read.windows(2).any(|pair| pair == b"\\\"");
    holds_text || !is_object_of_distinct_keys(read) || is_object_of_distinct_keys(written)
}

/// Whether it is a JSON object whose keys differ, and those of all objects in it: which of two members with one key counts
/// is nobody's law.
pub fn is_object_of_distinct_keys(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<Distinct>(body).is_ok()
}

struct Distinct;

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Distinct, D::Error> {
        deserializer.deserialize_any(Distinct)
    }
}

impl<'de> Visitor<'de> for Distinct {
    type Value = Distinct;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Distinct, E> {
        Ok(self)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Distinct, E> {
        Ok(self)
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Distinct, E> {
        Ok(self)
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Distinct, E> {
        Ok(self)
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Distinct, E> {
        Ok(self)
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Distinct, E> {
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Distinct, A::Error> {
        while items.next_element::<Distinct>()?.is_some() {}
        Ok(self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Distinct, A::Error> {
        let mut keys = BTreeSet::new();
        while let Some((key, Distinct)) = members.next_entry::<String, Distinct>()? {
            if !keys.insert(key) {
                return Err(A::Error::custom("a key twice"));
            }
        }
        Ok(self)
    }
}
