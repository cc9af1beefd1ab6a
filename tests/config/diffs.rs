//! A diff says what an import would change, object by object and field by field, and shows no secret.

use serde_json::json;
use tidegate::config::transfer::{Mode, What, diff, import};
use tidegate::config::{Declared, Home, Kind, Object};

const NOW: &str = "
gateway:
  strict: true
  providers:
    - { name: a, format: openai_chat, base_url: https://a.example.com, keys: [ sk-0123456789-in-the-open-wxyz, \"${B}\" ] }
    - { name: gone, format: gemini, base_url: https://g.example.com }
  models:
    - { name: m, fallbacks: [ n ], endpoints: [ { provider: a, model: x, weight: 10 }, { provider: a, model: y } ] }
    - { name: n, endpoints: [ { provider: gone } ] }
";

const COMING: &str = "
gateway:
  strict: false
  providers:
    - { base_url: \"https://a.example.com\", name: a, format: openai_chat, keys: [ sk-9876543210-in-the-open-wxyz, \"${B}\" ] }
    - { name: new, format: anthropic, base_url: https://n.example.com, keys: [ sk-new-in-the-open-0123 ] }
  models:
    - { name: m, endpoints: [ { provider: a, model: x, weight: 20 } ] }
    - { name: n, endpoints: [ { provider: gone } ] }
";

fn objects(text: &str) -> Vec<Object> {
    import("t", text, None).unwrap().objects
}

#[test]
fn what_would_change_is_shown_field_by_field() {
    let declared = [Declared {
        kind: Kind::Provider,
        name: "new".to_owned(),
        home: Home::File,
        body: serde_json::Value::Null,
    }];
    let merged = diff(&objects(NOW), &objects(COMING), Mode::Merge, &declared);
    let text = merged.to_string();
    assert!(!text.contains("in-the-open"), "{text}");
    insta::assert_snapshot!(text);
    let json = serde_json::to_value(&merged).unwrap();
    assert!(!json.to_string().contains("in-the-open"), "{json}");
    let model = json["changes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|change| change["name"] == "m")
        .unwrap();
    assert_eq!(model["what"], "changed");
    assert_eq!(
        model["fields"],
        json!([
            {"path": "endpoints[0].weight", "before": 10, "after": 20},
            {"path": "endpoints[1]", "before": {"provider": "a", "model": "y"}},
            {"path": "fallbacks", "before": ["n"]},
        ])
    );
}

#[test]
fn what_is_not_named_stays_or_goes() {
    let count = |mode| diff(&objects(NOW), &objects(COMING), mode, &[]).count(What::Removed);
    assert_eq!((count(Mode::Merge), count(Mode::Replace)), (0, 1));
    let replaced = diff(&objects(NOW), &objects(COMING), Mode::Replace, &[]);
    let gone = replaced.changes.last().unwrap();
    assert_eq!(
        (gone.name.as_str(), gone.what, gone.kind),
        ("gone", What::Removed, "provider")
    );
}

#[test]
fn the_same_in_another_spelling_is_the_same() {
    let mut other = objects(NOW);
    let provider = other
        .iter_mut()
        .find(|object| object.name == "gone")
        .unwrap();
    provider.body = "base_url: \"https://g.example.com\"\nname: gone\nformat: gemini\n".to_owned();
    let nothing = diff(&objects(NOW), &other, Mode::Replace, &[]);
    assert!(nothing.is_empty(), "{nothing}");
    assert_eq!(nothing.to_string(), "5 the same\n");
    assert_eq!(
        diff(&[], &[], Mode::Merge, &[]).to_string(),
        "nothing to import\n"
    );
}
