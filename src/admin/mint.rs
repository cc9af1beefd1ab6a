//! Client keys are made here, and kept as their hash: whoever reads the database has none of them.

use serde_json::{Map, Value};

use super::secret;
use super::trouble::Trouble;
use crate::config::{Kind, Secret};

/// How a key of ours begins.
const HEAD: &str = "tg-";

/// A new key for a client key whose body says none: it goes to who has asked, its hash into the body. A key that the body
/// says itself is hashed, and told to nobody. Other kinds have none.
pub(super) fn key_for(kind: Kind, body: &mut Value) -> Option<String> {
    let Value::Object(members) = body else {
        return None;
    };
    if kind != Kind::ClientKey || says_one(members) {
        return told_for(kind, body);
    }
    let key = [HEAD, &secret::token()].concat();
    put(members, &key);
    Some(key)
}

/// Hashes a key that the body says. Nothing is made.
pub(super) fn told_for(kind: Kind, body: &mut Value) -> Option<String> {
    if let (Kind::ClientKey, Value::Object(members)) = (kind, body)
        && let Some(Value::String(told)) = members.get("value").cloned()
        // What a variable or a file fills in stays so; what is not valid is said to be by the check.
        && !told.starts_with("${")
        && !told.starts_with("file:")
        && told.bytes().all(|byte| byte.is_ascii_graphic())
        && !members.contains_key("hash")
    {
        members.remove("value");
        put(members, &told);
    }
    None
}

/// Fewer characters than this can be guessed, or found from their hash.
const SHORTEST: usize = 16;

/// A key that the body says is long enough to be one.
///
/// # Errors
/// It is not.
pub(super) fn check(kind: Kind, name: &str, body: &Value) -> Result<(), Trouble> {
    let told = body.get("value").and_then(Value::as_str);
    let short = |told: &&str| {
        let plain = !told.starts_with("${") && !told.starts_with("file:");
        plain && !told.is_empty() && told.chars().count() < SHORTEST
    };
    match told.filter(short) {
        Some(_) if kind == Kind::ClientKey => {
            let text =
                "a client key has 16 characters or more; without a `value` a random one is made";
            Err(Trouble::field(kind, name, "value", text))
        }
        _ => Ok(()),
    }
}

fn says_one(members: &Map<String, Value>) -> bool {
    ["value", "hash"]
        .iter()
        .any(|name| members.contains_key(*name))
}

fn put(members: &mut Map<String, Value>, key: &str) {
    let hash = ["sha256:", &secret::digest(key)].concat();
    members.insert("hash".to_owned(), hash.into());
    members.insert("masked".to_owned(), Secret::new(key).masked().into());
}
