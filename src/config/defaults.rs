//! What holds where nobody says anything: the settings as a file would say them, and what well-known models cost.

use serde_json::{Value as Json, json};

use super::check::shipped_nodes;

/// A price of the shipped table.
#[derive(Debug, Clone)]
pub struct ShippedPrice {
    pub name: String,
    /// As `prices` of a configuration would say it.
    pub body: Json,
    /// Where the vendor says it, and when that was read.
    pub source: String,
    pub date: String,
}

/// The shipped table, vendor by vendor.
pub fn shipped_prices() -> Vec<ShippedPrice> {
    let mut prices = Vec::new();
    shipped_nodes(&mut |vendor, name, price| {
        let of = |key| vendor.get(key).and_then(|node| node.text()).unwrap_or("");
        prices.push(ShippedPrice {
            name: name.to_owned(),
            body: price.as_written(),
            source: of("source").to_owned(),
            date: of("date").to_owned(),
        });
    });
    prices
}

/// Every setting that the database may have, with its default.
pub fn default_settings() -> Vec<(&'static str, Json)> {
    vec![
        ("listen", json!(["0.0.0.0:8899"])),
        ("admin", json!({ "listen": null })),
        ("auth", json!("auto")),
        ("trusted_proxies", json!([])),
        (
            "limits",
            json!({ "max_body": "32MiB", "max_body_in_flight": "1GiB", "body_read": "30s" }),
        ),
        ("debug_headers", json!(true)),
        ("ping", json!("10s")),
        ("cors", json!({ "origins": [] })),
        (
            "timeouts",
            json!({ "connect": "10s", "first_token": "60s", "response": "300s", "idle": "60s", "total": "600s" }),
        ),
        (
            "retry",
            json!({ "retries": 2, "base": "250ms", "max": "5s", "max_attempts": 6, "patience": "2500ms", "budget": "20%" }),
        ),
        (
            "cooldown",
            json!({ "base": "5s", "max": "60s", "probe_after": "10s" }),
        ),
        ("breaker", json!({ "failures": 5, "open_for": "60s" })),
        ("default_model", Json::Null),
        ("preferred_provider", Json::Null),
        ("reply_model", json!("answered")),
        ("strict", json!(false)),
        (
            "log",
            json!({
                "format": "text", "file": null, "requests": true,
                "bodies": { "enabled": false, "max": "64KiB" },
                "retention": { "days": 30, "size": "5GiB" },
            }),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::check::GATEWAY;
    use super::super::objects::{Kind, Object};
    use super::super::{Env, Overrides, Source, load};
    use super::*;

    fn meant(objects: Vec<Object>) -> String {
        let source = Source {
            base: "/nowhere".into(),
            objects,
            ..Source::default()
        };
        let loaded = load(&source, &Env::default(), &Overrides::default(), None);
        format!("{:?}", loaded.unwrap().gateway)
    }

    #[test]
    fn each_default_is_what_holds_where_nothing_is_said() {
        let setting = |(name, body): (&str, Json)| Object {
            kind: Kind::Setting,
            name: name.to_owned(),
            body: body.to_string(),
        };
        let said = default_settings().into_iter();
        let said = said.filter(|(_, body)| !body.is_null()).map(setting);
        assert_eq!(meant(said.collect()), meant(Vec::new()));
    }

    #[test]
    fn no_setting_is_missing() {
        let settings = default_settings();
        for key in GATEWAY.keys {
            let name = key.name;
            let object = Object {
                kind: Kind::Setting,
                name: name.to_owned(),
                body: String::new(),
            };
            let known = settings.iter().any(|(known, _)| *known == name);
            assert_eq!(known, object.is_no_setting().is_none(), "{name}");
        }
    }

    #[test]
    fn shipped_prices_have_their_source_and_date() {
        let prices = shipped_prices();
        let price = prices.iter().find(|price| price.name == "gpt-5.5").unwrap();
        assert_eq!(price.body["input"], 5);
        assert!(price.source.starts_with("https://") && price.date.len() == 10);
    }
}
