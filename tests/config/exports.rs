//! An export loads, and means what was exported; secrets are in it only where they are asked for.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tidegate::config::transfer::{Exported, Secrets, export, import};
use tidegate::config::{Env, Gateway, Keys, Kind, Object, Overrides, Source, load};

use crate::{Dir, demo, no_env, root};

const FULL: [(&str, &str); 4] = [
    ("RELAY_A_KEY", "a"),
    ("RELAY_A_SECOND_KEY", "b"),
    ("RELAY_A_SEARCH_KEY", "c"),
    ("CI_KEY", "c"),
];

fn object(kind: Kind, name: &str, body: &Value) -> Object {
    let (name, body) = (name.to_owned(), body.to_string());
    Object { kind, name, body }
}

/// Everything that a gateway means, its secrets too.
fn meaning(gateway: &Gateway) -> String {
    let keys = gateway
        .providers
        .iter()
        .map(|provider| match &provider.keys {
            Keys::Passthrough => "passthrough".to_owned(),
            Keys::Own(keys) => {
                let value = |key: &tidegate::config::ProviderKey| {
                    key.value.as_ref().map(|value| value.reveal().to_owned())
                };
                format!("{:?}", keys.iter().map(value).collect::<Vec<_>>())
            }
        });
    let keys: Vec<String> = keys.collect();
    format!("{gateway:#?}\n{}", keys.join("\n"))
}

fn read(source: &Source, env: &Env) -> Gateway {
    load(source, env, &Overrides::default(), demo())
        .unwrap()
        .gateway
}

fn again(text: &str, base: &Path, env: &Env) -> Gateway {
    let file = base.join("exported.yaml");
    std::fs::write(&file, text).unwrap();
    let source = Source {
        file: Some(file),
        base: base.to_owned(),
        ..Source::default()
    };
    match load(&source, env, &Overrides::default(), demo()) {
        Ok(loaded) => loaded.gateway,
        Err(report) => panic!("{report}\n{text}"),
    }
}

fn exported(source: &Source, env: &Env, secrets: Secrets) -> Exported {
    export(source, env, secrets).unwrap()
}

#[track_caller]
pub(crate) fn assert_same(one: &Gateway, other: &Gateway, text: &str) {
    let (one, other) = (meaning(one), meaning(other));
    let differs = one
        .lines()
        .zip(other.lines())
        .find(|(one, other)| one != other);
    assert!(one == other, "{differs:?}\n{text}");
}

#[test]
fn the_examples_mean_the_same_when_they_come_back() {
    for name in ["full.yaml", "minimal.yaml"] {
        let source = Source {
            file: Some(root().join("conf").join(name)),
            base: root(),
            ..Source::default()
        };
        let env = Env::new(FULL.into_iter().chain([("OPENAI_API_KEY", "o")]));
        let before = read(&source, &env);
        let dir = tempfile::tempdir().unwrap();
        for (secrets, env) in [(Secrets::LeftOut, env.clone()), (Secrets::Plain, no_env())] {
            let exported = exported(
                &source,
                &Env::new(FULL.into_iter().chain([("OPENAI_API_KEY", "o")])),
                secrets,
            );
            assert!(
                exported.left_out.is_empty(),
                "they refer to all of their secrets"
            );
            std::fs::create_dir_all(dir.path()).unwrap();
            let mut after = again(&exported.text, dir.path(), &env);
            // Relative paths start elsewhere.
            after.data.clone_from(&before.data);
            after.database.clone_from(&before.database);
            assert_same(&before, &after, &exported.text);
        }
    }
}

#[test]
fn an_export_is_laid_out_for_people() {
    let source = Source {
        // Every key once; of its own, so that a new key changes nothing here.
        file: Some(root().join("tests/config/foreign/ours.yaml")),
        base: root(),
        objects: vec![
            object(
                Kind::Provider,
                "relay-a",
                &json!({"name": "relay-a", "format": "gemini", "base_url": "https://x.example"}),
            ),
            object(
                Kind::Provider,
                "in-database",
                &json!({"name": "in-database", "keys": ["sk-0123456789-in-the-open", {"value": "sk-9876543210-in-the-open", "weight": 2}],
                    "headers": {"X-Team": "search", "X-Api-Token": "in-the-open-0123456789"}, "format": "anthropic", "base_url": "https://db.example.com"}),
            ),
            object(
                Kind::ClientKey,
                "app",
                &json!({"name": "app", "hash": "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "masked": "tg-…wxyz", "models": ["sonnet"]}),
            ),
            object(
                Kind::ClientKey,
                "plain",
                &json!({"name": "plain", "value": "tg-in-the-open-0123"}),
            ),
            object(
                Kind::Price,
                "in-database/x",
                &json!({"output": 10, "input": 2.5}),
            ),
        ],
        ..Source::default()
    };
    let exported = exported(&source, &Env::new(FULL), Secrets::LeftOut);
    assert!(!exported.text.contains("in-the-open"), "{}", exported.text);
    assert!(exported.text.contains("tg-…wxyz"));
    let shown = exported.text.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(root().join("tests/config/foreign"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("export", shown));
    // It is what it says: with its variables set it loads, and a second export says the same.
    let dir = tempfile::tempdir().unwrap();
    let set = exported
        .left_out
        .iter()
        .map(|one| (one.variable.as_str(), one.variable.as_str()));
    let env = Env::new(FULL.into_iter().chain(set));
    again(&exported.text, dir.path(), &env);
    let source = Source {
        file: Some(dir.path().join("exported.yaml")),
        base: root(),
        ..Source::default()
    };
    let second = export(&source, &env, Secrets::LeftOut).unwrap();
    let body = |text: &str| text.split_once("version: 1").unwrap().1.to_owned();
    assert_eq!(body(&second.text), body(&exported.text));
}

#[test]
fn plain_secrets_are_those_that_hold_wherever_they_came_from() {
    let dir = Dir::new(
        "gateway:\n  providers:\n    - { name: a, format: openai_chat, base_url: https://a.example.com, keys: [ \"file:secret\", \"${TWO}\", \"${THREE:-default-of-three}\", \"pure-$${x}\" ], headers: { X-Token: \"${TWO}\" } }\n    - { name: b, format: anthropic, base_url: https://b.example.com, keys: passthrough }\n  models: [ { name: m, endpoints: [ { provider: a, model: x } ] } ]\n",
    );
    dir.put("secret", "from-a-file-0123\n");
    let env = Env::new([("TWO", "of-${a}-variable")]);
    let source = dir.source();
    let before = read(&source, &env);
    let plain = exported(&source, &env, Secrets::Plain);
    let elsewhere = tempfile::tempdir().unwrap();
    let mut after = again(&plain.text, elsewhere.path(), &no_env());
    after.data.clone_from(&before.data);
    after.database.clone_from(&before.database);
    assert_same(&before, &after, &plain.text);
    let without = exported(&source, &env, Secrets::LeftOut);
    assert!(
        !without.text.contains("pure") && !without.text.contains("default-of-three"),
        "{}",
        without.text
    );
    assert!(without.text.contains("file:secret") && without.text.contains("${TWO}"));
    assert_eq!(without.left_out.len(), 2);
}

#[test]
fn providers_of_the_environment_are_written_down_where_the_file_would_hide_them() {
    let provider =
        json!({"name": "mine", "format": "anthropic", "base_url": "https://m.example.com"});
    let source = Source {
        base: "/".into(),
        objects: vec![object(Kind::Provider, "mine", &provider)],
        ..Source::default()
    };
    let env = Env::new([("OPENAI_API_KEY", "o"), ("GEMINI_API_KEY", "g")]);
    let before = read(&source, &env);
    let exported = exported(&source, &env, Secrets::LeftOut);
    let dir = tempfile::tempdir().unwrap();
    let mut after = again(&exported.text, dir.path(), &env);
    after
        .models
        .iter_mut()
        .for_each(|model| model.built_in = true);
    after.data.clone_from(&before.data);
    after.database.clone_from(&before.database);
    assert_same(&before, &after, &exported.text);
    let alone = Source {
        base: "/".into(),
        ..Source::default()
    };
    let nothing = export(&alone, &env, Secrets::LeftOut).unwrap().text;
    assert!(!nothing.contains("providers"), "{nothing}");
}

#[test]
fn what_cannot_be_loaded_is_not_exported() {
    let dir = Dir::new("gateway: { colour: 1 }\n");
    assert!(export(&dir.source(), &no_env(), Secrets::LeftOut).is_err());
}

// ---- Configurations made of objects ---------------------------------------------------------------------------------

/// `sk-0007-…0007`: found again by how it is shown.
fn secret(n: u32) -> String {
    format!("sk-{n:04}-0123456789-{n:04}")
}

fn name_of(prefix: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,6}",
        "[0-9]{1,3}",
        "[a-zA-Z0-9._:@+-]{1,8}",
        "(true|null|off|1\\.10|0x1f|1e5)"
    ]
    .prop_map(move |text| format!("{prefix}{text}"))
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}",
        "[ -~]{0,10}[!-~]",
        "(true|null|~|1\\.0|a: b|#|- x|\\$\\{|0x10)",
        "[äöü漢字😀]{1,3}"
    ]
    .prop_map(|text| text.replace("${", "$${"))
}

fn set() -> impl Strategy<Value = Map<String, Value>> {
    let value = prop_oneof![
        any::<i32>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        text().prop_map(Value::from),
        Just(Value::Null),
        prop::collection::vec(text(), 0..3).prop_map(Value::from),
        (0..100_u32).prop_map(|n| json!(f64::from(n) / 8.0)),
    ];
    prop::collection::btree_map("[a-z]{1,5}(\\.[a-z]{1,4})?", value, 0..3).prop_map(|map| {
        let mut heads = Vec::new();
        let own = |key: &String| {
            !["model", "stream", "messages", "input", "contents"]
                .contains(&key.split('.').next().unwrap())
        };
        map.into_iter()
            .filter(|(key, _)| own(key))
            .filter(|(key, _)| {
                let head = key.split('.').next().unwrap().to_owned();
                let new = !heads.contains(&head);
                heads.push(head);
                new
            })
            .collect()
    })
}

fn provider() -> impl Strategy<Value = Map<String, Value>> {
    let keys = prop::collection::btree_set(0..40_u32, 0..4);
    let extra = (
        prop::option::of(text()),
        any::<bool>(),
        prop::option::of(1..90_u32),
        any::<bool>(),
    );
    (keys, extra, 0..4_usize, prop::option::of(50..60_u32)).prop_map(
        |(keys, (header, weighted, connect, enabled), format, token)| {
            let mut body = Map::new();
            let formats = [
                json!("openai_chat"),
                json!(["anthropic", "gemini"]),
                json!("gemini"),
                json!(["openai_chat", "openai_responses"]),
            ];
            body.insert("format".into(), formats[format].clone());
            let url = |path: &str| format!("https://vendor.example.com/{path}");
            body.insert(
                "base_url".into(),
                match format {
                    1 => json!({"anthropic": url("a"), "gemini": url("g")}),
                    _ => json!(url("v1")),
                },
            );
            let keys: Vec<Value> = keys
                .into_iter()
                .enumerate()
                .map(|(at, n)| match weighted && at == 0 {
                    true => json!({"value": secret(n), "weight": 3}),
                    false => json!(secret(n)),
                })
                .collect();
            match keys.is_empty() {
                true if weighted => drop(body.insert("keys".into(), json!("passthrough"))),
                true => {}
                false => drop(body.insert("keys".into(), json!(keys))),
            }
            let mut headers = Map::new();
            headers.extend(
                header
                    .filter(|text| text.is_ascii())
                    .map(|text| ("X-Team".to_owned(), json!(text))),
            );
            headers.extend(token.map(|n| ("X-Own-Token".to_owned(), json!(secret(n)))));
            body.insert("headers".into(), headers.into());
            body.extend(
                connect.map(|n| ("timeouts".to_owned(), json!({"connect": format!("{n}s")}))),
            );
            body.insert("enabled".into(), json!(enabled));
            body
        },
    )
}

fn endpoint() -> impl Strategy<Value = Map<String, Value>> {
    (
        name_of("m"),
        0..5_u32,
        1..50_u32,
        set(),
        prop::option::of(1..9_u32),
        any::<bool>(),
    )
        .prop_map(|(model, priority, weight, set, quota, streaming)| {
            let mut body = Map::new();
            body.insert("model".into(), json!(model));
            body.insert("priority".into(), json!(priority));
            body.insert("weight".into(), json!(weight));
            body.insert("streaming".into(), json!(streaming));
            if !set.is_empty() {
                body.insert("set".into(), set.into());
            }
            body.extend(quota.map(|n| {
                (
                    "quota".to_owned(),
                    json!({"requests": n, "reset": "0 0 * * 1", "time_zone": "UTC"}),
                )
            }));
            body
        })
}

/// Objects that a gateway loads, settings among them.
fn objects() -> impl Strategy<Value = Vec<Object>> {
    let providers = prop::collection::btree_map(name_of(""), provider(), 1..4);
    let models = prop::collection::btree_map(
        name_of("v-"),
        prop::collection::vec((endpoint(), any::<prop::sample::Index>()), 1..4),
        0..4,
    );
    let keys = prop::collection::btree_map(
        text(),
        (60..99_u32, any::<bool>(), prop::option::of(1..99_u32)),
        0..4,
    );
    let settings = (
        prop::option::of(1..60_u32),
        any::<bool>(),
        prop::collection::btree_map(name_of("p"), (0..400_u32, 0..400_u32), 0..3),
        any::<bool>(),
    );
    (providers, models, keys, settings).prop_map(|(providers, models, keys, (ping, strict, prices, route))| {
        let mut objects = Vec::new();
        let mut add = |kind, name: &str, body: Value| objects.push(object(kind, name, &body));
        let named = |name: &str, mut body: Map<String, Value>| {
            body.insert("name".into(), json!(name));
            Value::Object(body)
        };
        let known: Vec<String> = providers.keys().filter(|name| !name.is_empty()).cloned().collect();
        for (name, body) in &providers {
            add(Kind::Provider, name, named(name, body.clone()));
        }
        for (name, endpoints) in &models {
            let mut seen = Vec::new();
            let endpoints = endpoints.iter().filter_map(|(endpoint, of)| {
                let mut endpoint = endpoint.clone();
                endpoint.insert("provider".into(), json!(of.get(&known)));
                let id = (endpoint["provider"].clone(), endpoint["model"].clone());
                let new = !seen.contains(&id);
                seen.push(id);
                new.then_some(endpoint)
            });
            let endpoints: Vec<_> = endpoints.collect();
            add(Kind::Model, name, json!({"name": name, "endpoints": endpoints, "sticky": "off"}));
        }
        let mut values = Vec::new();
        for (name, (n, enabled, rpm)) in keys.iter().filter(|(name, _)| name.len() < 100 && !name.contains("${")) {
            if values.contains(n) {
                continue;
            }
            values.push(*n);
            let limits = rpm.map_or(json!(null), |rpm| json!({"rpm": rpm}));
            add(Kind::ClientKey, name, json!({"name": name, "value": secret(*n), "enabled": enabled, "limits": limits}));
        }
        for (name, (input, output)) in &prices {
            let rate = |n: &u32| json!(f64::from(*n) / 8.0);
            add(Kind::Price, name, json!({"input": rate(input), "output": rate(output)}));
        }
        if let (true, Some(name)) = (route, models.keys().next()) {
            add(Kind::Route, "r", json!({"name": "r", "when": {"body": {"metadata[\"a.b\"]": ["x", "1"]}, "tokens_over": 5}, "use": name}));
        }
        if let Some(ping) = ping {
            add(Kind::Setting, "ping", json!(format!("{ping}s")));
        }
        if strict {
            add(Kind::Setting, "strict", json!(true));
        }
        objects
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn whatever_is_made_of_objects_means_the_same_when_it_comes_back(objects in objects()) {
        let dir = tempfile::tempdir().unwrap();
        let source = Source { base: dir.path().into(), objects, ..Source::default() };
        let Ok(loaded) = load(&source, &no_env(), &Overrides::default(), None) else {
            let report = load(&source, &no_env(), &Overrides::default(), None).unwrap_err();
            panic!("the strategy makes what does not load:\n{report}");
        };
        let before = loaded.gateway;
        let plain = exported(&source, &no_env(), Secrets::Plain);
        assert_same(&before, &again(&plain.text, dir.path(), &no_env()), &plain.text);

        let without = exported(&source, &no_env(), Secrets::LeftOut);
        prop_assert!(!without.text.contains("-0123456789-"), "{}", without.text);
        let of = |masked: &str| secret(masked.rsplit('…').next().unwrap().parse().unwrap());
        let env = Env::new(without.left_out.iter().map(|one| (one.variable.clone(), of(&one.masked))));
        assert_same(&before, &again(&without.text, dir.path(), &env), &without.text);

        let imported = import("exported.yaml", &plain.text, None).unwrap();
        prop_assert!(imported.notes.is_empty(), "{:?}", imported.notes);
        let source = Source { base: dir.path().into(), objects: imported.objects, ..Source::default() };
        assert_same(&before, &read(&source, &no_env()), &plain.text);
    }
}
