//! What a setting comes to: what was said of it, with defaults for what was not.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::config::{self, Kind};

/// Of a setting; of nothing else is there any.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Effective {
    pub default: Option<Value>,
    pub effective: Option<Value>,
    /// Where each member comes from, by its place.
    pub from: Option<BTreeMap<String, &'static str>>,
}

impl Effective {
    pub(super) fn of(kind: Kind, name: &str, said: &Value, home: &'static str) -> Effective {
        if kind != Kind::Setting {
            return Effective::default();
        }
        let mut all = config::default_settings().into_iter();
        let Some((_, default)) = all.find(|(known, _)| *known == name) else {
            return Effective::default();
        };
        let mut from = BTreeMap::new();
        let effective = merged(&default, said, home, ("", &mut from));
        let has_members = matches!((&default, said), (Value::Object(_), Value::Object(_)));
        Effective {
            default: Some(default),
            effective: Some(effective),
            from: has_members.then_some(from),
        }
    }
}

/// Member by member, as deep as both have members.
fn merged(
    default: &Value,
    said: &Value,
    home: &'static str,
    (at, from): (&str, &mut BTreeMap<String, &'static str>),
) -> Value {
    let (Value::Object(defaults), Value::Object(members)) = (default, said) else {
        from.insert(at.to_owned(), home);
        return said.clone();
    };
    let place = |name: &str| match at {
        "" => name.to_owned(),
        at => format!("{at}.{name}"),
    };
    let mut all = serde_json::Map::new();
    for (name, default) in defaults {
        let value = match members.get(name) {
            Some(said) => merged(default, said, home, (&place(name), &mut *from)),
            None => merged(default, default, "builtin", (&place(name), &mut *from)),
        };
        all.insert(name.clone(), value);
    }
    for (name, said) in members
        .iter()
        .filter(|(name, _)| !defaults.contains_key(*name))
    {
        from.insert(place(name), home);
        all.insert(name.clone(), said.clone());
    }
    Value::Object(all)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_said_is_the_default_and_each_member_says_whose_it_is() {
        let said = json!({ "format": "json", "bodies": { "enabled": true } });
        let told = Effective::of(Kind::Setting, "log", &said, "file");
        let (effective, from) = (told.effective.unwrap(), told.from.unwrap());
        assert_eq!(effective["format"], "json");
        assert_eq!(
            effective["bodies"],
            json!({ "enabled": true, "max": "64KiB" })
        );
        assert_eq!((from["format"], from["bodies.enabled"]), ("file", "file"));
        assert_eq!(
            (from["bodies.max"], from["requests"]),
            ("builtin", "builtin")
        );
        let one = Effective::of(Kind::Setting, "ping", &json!("5s"), "database");
        assert_eq!(
            (one.default, one.effective, one.from),
            (Some(json!("10s")), Some(json!("5s")), None)
        );
        let none = Effective::of(Kind::Tenant, "ping", &json!({}), "file");
        assert_eq!(none, Effective::default());
    }
}
