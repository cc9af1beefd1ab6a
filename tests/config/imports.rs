//! Configurations of other gateways come over as objects that load; what does not come over is told with its place.
//!
//! `tests/config/foreign/` holds them; what becomes of each is its snapshot: as it would be exported, then the notes.

use proptest::prelude::*;
use tidegate::config::transfer::{Form, Imported, Mode, Secrets, diff, export, import};
use tidegate::config::{Env, KeyHash, Kind, Object, Overrides, Source, load};

use crate::exports::assert_same;
use crate::{demo, no_env, root};

fn foreign(name: &str) -> String {
    std::fs::read_to_string(root().join("tests/config/foreign").join(name)).unwrap()
}

fn environment() -> Env {
    let names = [
        "OPENAI_API_KEY",
        "ANTHROPIC_API_KEY",
        "GEMINI_API_KEY",
        "OPENROUTER_API_KEY",
        "HOUSE_KEY",
        "GROQ_API_KEY",
        "DEEPSEEK_API_KEY",
        "GEMINI_KEY",
    ];
    Env::new(names.map(|name| (name, name)))
}

fn source(objects: Vec<Object>) -> Source {
    Source {
        base: "/".into(),
        // What stands in the environment by itself is not of interest here.
        file: Some(root().join("tests/config/foreign/nothing.yaml")),
        objects,
        ..Source::default()
    }
}

/// What the import means, as a file, and what is told of it.
fn shown(imported: &Imported) -> String {
    let exported = match export(
        &source(imported.objects.clone()),
        &environment(),
        Secrets::LeftOut,
    ) {
        Ok(exported) => exported.text,
        Err(report) => panic!("what was imported does not load:\n{report}"),
    };
    let exported = exported.replace(env!("CARGO_PKG_VERSION"), "VERSION");
    let notes = imported.notes.iter().map(|note| {
        let weight = serde_json::to_value(note.weight).unwrap();
        format!(
            "{:>4} {} [{}] {}\n",
            note.line.unwrap_or(0),
            note.place,
            weight.as_str().unwrap(),
            note.message
        )
    });
    format!("{exported}\n{}", notes.collect::<String>())
}

fn check(name: &str, form: Form) {
    let imported = import(name, &foreign(name), None).unwrap();
    assert_eq!(imported.form, form);
    let shown = shown(&imported);
    assert!(!shown.contains("in-the-open"), "{shown}");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(root().join("tests/config/foreign"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, shown));
}

#[test]
fn a_provider_json_comes_over() {
    check("provider.json", Form::ProviderJson);
}

#[test]
fn an_app_yml_comes_over() {
    check("app.yml", Form::AppYml);
}

#[test]
fn a_config_of_litellm_comes_over() {
    check("litellm.yaml", Form::LiteLlm);
}

#[test]
fn what_is_ours_is_taken_apart_and_means_the_same() {
    let env = Env::new([
        ("RELAY_A_KEY", "a"),
        ("RELAY_A_SECOND_KEY", "b"),
        ("RELAY_A_SEARCH_KEY", "c"),
        ("CI_KEY", "c"),
    ]);
    let text = std::fs::read_to_string(root().join("conf/full.yaml")).unwrap();
    let imported = import("full.yaml", &text, None).unwrap();
    assert_eq!(imported.form, Form::Tidegate);
    let file = Source {
        file: Some(root().join("conf/full.yaml")),
        ..source(Vec::new())
    };
    let mut before = load(&file, &env, &Overrides::default(), demo())
        .unwrap()
        .gateway;
    let mut after = load(
        &source(imported.objects.clone()),
        &env,
        &Overrides::default(),
        demo(),
    )
    .unwrap()
    .gateway;
    // A route is kept by a name, and where things are kept is the file's.
    for gateway in [&mut before, &mut after] {
        gateway
            .routes
            .iter_mut()
            .for_each(|route| route.name = "".into());
        gateway
            .routes
            .iter_mut()
            .for_each(|route| route.when.body.sort_by_key(|(path, _)| format!("{path:?}")));
        gateway.listen.clear();
        gateway.database_told = false;
        // Members of JSON have no order, and these meet nowhere.
        let endpoints = gateway
            .models
            .iter_mut()
            .flat_map(|model| &mut model.endpoints);
        endpoints.for_each(|endpoint| {
            let mut set = endpoint.set.to_vec();
            set.sort_by(|one, other| one.path.cmp(&other.path));
            endpoint.set = set.into();
        });
    }
    assert_same(&before, &after, "");
    let places: Vec<&str> = imported
        .notes
        .iter()
        .map(|note| note.place.as_str())
        .collect();
    assert!(
        places.contains(&"gateway.listen")
            && places.contains(&"threads")
            && places.contains(&"gateway.data")
    );
    let routes = imported
        .objects
        .iter()
        .filter(|object| object.kind == Kind::Route);
    assert_eq!(
        routes.map(|route| route.name.as_str()).collect::<Vec<_>>(),
        ["long", "route-1", "route-2"]
    );
}

#[test]
fn of_a_client_key_that_is_said_plainly_only_the_hash_comes_over() {
    let text = "gateway:\n  client_keys:\n    - { name: a, value: tg-plain-0123456789 }\n    - { name: b, value: \"${B}\" }\n    - { name: c, value: \"file:/run/c\" }\n    - { name: d, value: \"${D:-tg-default-0123}\" }\n    - { name: e, value: \"tg-$${x}-0123456789\" }\n";
    let objects = import("t", text, None).unwrap().objects;
    let body = |n: usize| serde_json::from_str::<serde_json::Value>(&objects[n].body).unwrap();
    let hash = KeyHash::of("tg-plain-0123456789").to_string();
    assert_eq!(
        body(0),
        serde_json::json!({"name": "a", "hash": hash, "masked": "tg-…6789"})
    );
    assert_eq!(body(1)["value"], "${B}");
    assert_eq!(body(2)["value"], "file:/run/c");
    assert_eq!(body(3)["value"], "${D:-tg-default-0123}");
    assert_eq!(
        body(4)["hash"],
        KeyHash::of("tg-${x}-0123456789").to_string()
    );
}

#[test]
fn whatever_check_accepts_of_ours_imports() {
    for name in ["full.yaml", "edge.yaml", "minimal.yaml"] {
        let text = std::fs::read_to_string(root().join("conf").join(name)).unwrap();
        assert!(import(name, &text, None).is_ok(), "{name}");
    }
    for text in [
        "gateway:\n",
        "version: 1\n",
        "gateway: {}",
        "gateway: { ping: null, log: null, prices: null }",
        "\u{feff}gateway: { strict: true }",
    ] {
        let imported = import("t", text, None).unwrap();
        load(
            &source(imported.objects),
            &no_env(),
            &Overrides::default(),
            demo(),
        )
        .unwrap();
    }
    let never = import("t", "gateway: { ping: null }", None).unwrap();
    let loaded = load(
        &source(never.objects),
        &no_env(),
        &Overrides::default(),
        demo(),
    )
    .unwrap();
    assert_eq!(loaded.gateway.ping, None);
}

#[test]
fn what_is_wrong_is_reported_with_its_line() {
    let report = |text: &str, form| import("t.yaml", text, form).unwrap_err().to_string();
    let bad = "gateway:\n  providers:\n    - { name: a, formt: x, keys: [ sk-0123456789-in-the-open ] }\n    - { format: gemini }\n  models: [ { name: m }, { name: m } ]\n";
    insta::assert_snapshot!(report(bad, None));
    assert!(report("", None).contains("empty"));
    assert!(report("a: [", None).contains("not YAML"));
    assert!(report("colour: 1\n", None).contains("known here"));
    assert!(report("- 1\n", Some(Form::LiteLlm)).contains("expected a mapping"));
    let broken = report(
        "openai_key: sk-0123456789-in-the-open\nmodel_list: [\n",
        None,
    );
    assert!(!broken.contains("in-the-open"), "{broken}");
}

#[test]
fn the_form_may_be_told() {
    assert_eq!(Form::of_name("auto"), Ok(None));
    for form in Form::ALL {
        assert_eq!(Form::of_name(form.name()), Ok(Some(form)));
    }
    assert!(Form::of_name("lite").unwrap_err().contains("litellm"));
    let told = import("t", "model_list: []\ngateway: {}\n", Some(Form::LiteLlm)).unwrap();
    assert_eq!(
        (told.form, told.notes[0].place.as_str()),
        (Form::LiteLlm, "gateway")
    );
}

#[test]
fn json_is_read_where_yaml_does_not_understand_it() {
    let text = "{\n\t\"_global\": {\"api_key\": \"\"},\n\t\"m\\ud83d\\ude00\": {\t\"providers\": [{\"endpoint\": \"https:\\/\\/a.example\\/v1\"}]}\n}";
    let imported = import("provider.json", text, None).unwrap();
    let model = imported
        .objects
        .iter()
        .find(|object| object.kind == Kind::Model)
        .unwrap();
    assert_eq!(model.name, "m😀");
    assert!(
        imported
            .objects
            .iter()
            .any(|object| object.name == "auth" && object.body == "\"open\"")
    );
}

#[test]
fn strange_shapes_are_told_and_never_a_panic() {
    let strange = [
        "_global: 1",
        "m: 1",
        "m: { providers: 1 }",
        "m: { providers: [ 1, {}, { endpoint: [] } ] }",
        "m: { providers: [ { endpoint: \"https://a.example\", rate_limit: 5 } ] }",
        "API_KEY_POOLS: [ 1 ]",
        "API_KEY_POOLS: { openai: 1 }",
        "API_KEY_POOLS: { openai: { keys: 1 } }",
        "OPENAI_API_KEY: [ 1 ]",
        "model_list: 1",
        "model_list: [ 1 ]",
        "model_list: [ { model_name: [], litellm_params: 1 } ]",
        "model_list: [ { model_name: a, litellm_params: 1, model_info: 1 } ]",
        "router_settings: 1",
        "router_settings: { fallbacks: 1 }",
        "router_settings: { fallbacks: [ 1 ] }",
        "router_settings: { fallbacks: [ { a: 1 } ] }",
        "router_settings: { model_group_alias: 1 }",
        "litellm_settings: { default_fallbacks: 1 }",
        "environment_variables: 1",
        "credential_list: 1",
    ];
    for form in Form::ALL {
        for text in strange {
            match import("t", text, Some(form)) {
                Ok(imported) => assert!(!imported.notes.is_empty(), "{form:?}: {text}"),
                Err(report) => assert_eq!(form, Form::Tidegate, "{text}: {report}"),
            }
        }
    }
}

/// Whatever comes of it, something does.
fn survives(text: &str) {
    for form in [None].into_iter().chain(Form::ALL.map(Some)) {
        match import("t", text, form) {
            Ok(imported) => {
                // What came over is well-formed enough to be looked at, and to be checked.
                drop(diff(&[], &imported.objects, Mode::Replace, &[]).to_string());
                drop(load(
                    &source(imported.objects),
                    &environment(),
                    &Overrides::default(),
                    demo(),
                ));
            }
            Err(report) => drop((report.to_string(), report.to_json())),
        }
    }
}

#[test]
fn a_configuration_that_breaks_off_is_no_panic() {
    for name in ["provider.json", "app.yml", "litellm.yaml"] {
        let text = foreign(name);
        let ends = text.char_indices().map(|(at, _)| at);
        ends.step_by(53).for_each(|end| survives(&text[..end]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_is_a_panic(text in prop_oneof!["(\\PC|\n){0,60}", "[-\\[\\]{}:,\"' \n#&*a_1]{0,60}", "(model_list|gateway|API_KEY_POOLS|_global|m): (\\PC|\n){0,40}"]) {
        survives(&text);
    }
}
