//! Objects beside the file: they are checked as the file is, the file wins, and what is wrong is told by object and field.

use tidegate::config::{Declared, Env, Home, Kind, Loaded, Object, Overrides, Report, load};

use crate::{Dir, demo, no_env};

const FILE: &str = r#"
gateway:
  strict: true
  providers:
    - { name: a, format: openai_chat, base_url: https://a.example.com }
  models:
    - { name: m, endpoints: [ { provider: a, model: x } ] }
"#;

fn object(kind: Kind, name: &str, body: &str) -> Object {
    let (name, body) = (name.to_owned(), body.to_owned());
    Object { kind, name, body }
}

fn with(file: &str, env: &Env, objects: &[Object]) -> Result<Loaded, Report> {
    let dir = Dir::new(file);
    let mut source = dir.source();
    if file.is_empty() {
        source.file = None;
    }
    source.objects = objects.to_vec();
    load(&source, env, &Overrides::default(), demo())
}

fn home(loaded: &Loaded, kind: Kind, name: &str) -> Vec<Home> {
    let is = |one: &&Declared| one.kind == kind && one.name == name;
    loaded.declared.iter().filter(is).map(|d| d.home).collect()
}

fn provider(name: &str) -> Object {
    let body = format!(
        r#"{{"name":"{name}","format":"anthropic","base_url":"https://{name}.example.com"}}"#
    );
    object(Kind::Provider, name, &body)
}

#[test]
fn objects_stand_behind_what_the_file_says_and_lead_into_each_other() {
    let objects = [
        object(
            Kind::Model,
            "pool",
            r#"{"name":"pool","endpoints":[{"provider":"b","model":"y"},{"provider":"a","model":"x"}],"fallbacks":["m"]}"#,
        ),
        provider("b"),
        object(Kind::Setting, "ping", "5s"),
        object(
            Kind::ClientKey,
            "ci",
            r#"{"name":"ci","value":"key-of-ci-one","models":["pool"]}"#,
        ),
        object(
            Kind::Route,
            "r",
            r#"{"name":"r","when":{"model":"q"},"use":"pool"}"#,
        ),
    ];
    let loaded = with(FILE, &no_env(), &objects).unwrap();
    let gateway = &loaded.gateway;
    let names: Vec<&str> = gateway.providers.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    let pool = gateway.models.iter().find(|m| m.name == "pool").unwrap();
    assert_eq!((pool.endpoints.len(), pool.fallbacks.len()), (2, 1));
    assert_eq!(gateway.ping, Some(std::time::Duration::from_secs(5)));
    assert!(gateway.strict && gateway.client_keys[0].name == "ci" && gateway.routes.len() == 1);
    assert_eq!(home(&loaded, Kind::Provider, "a"), [Home::File]);
    assert_eq!(home(&loaded, Kind::Provider, "b"), [Home::Database]);
    assert_eq!(home(&loaded, Kind::Setting, "strict"), [Home::File]);
}

#[test]
fn the_file_wins_and_what_it_shadows_is_told() {
    let objects = [
        provider("a"),
        object(Kind::Setting, "strict", "false"),
        object(
            Kind::Model,
            "m",
            r#"{"name":"m","endpoints":[{"provider":"nobody","model":"y"}]}"#,
        ),
    ];
    let loaded = with(FILE, &no_env(), &objects).unwrap();
    assert!(loaded.gateway.strict);
    assert_eq!(loaded.gateway.providers.len(), 1);
    for (kind, name) in [
        (Kind::Provider, "a"),
        (Kind::Setting, "strict"),
        (Kind::Model, "m"),
    ] {
        assert_eq!(
            home(&loaded, kind, name),
            [Home::File, Home::Shadowed],
            "{name}"
        );
    }
}

#[test]
fn what_is_wrong_with_an_object_is_told_by_its_name_and_field() {
    let objects = [
        provider("b"),
        object(
            Kind::Model,
            "n",
            r#"{"name":"n","endpoints":[{"provider":"b","model":"x"},{"provider":"bb","model":"y","weigth":3}]}"#,
        ),
        object(Kind::Tenant, "t", ""),
        object(Kind::Setting, "ping", "{"),
    ];
    let report = with(FILE, &no_env(), &objects).unwrap_err();
    assert_eq!(report.objects_at_fault(), [1, 2, 3]);
    let shown = report.to_json();
    let at = |n: usize| {
        (
            shown[n]["file"].as_str().unwrap(),
            shown[n]["field"].as_str(),
        )
    };
    assert_eq!(
        at(0),
        ("database: model `n`", Some("endpoints[1].provider"))
    );
    assert_eq!(at(1), ("database: model `n`", Some("endpoints[1].weigth")));
    let text = report.to_string();
    assert!(text.contains("did you mean `weight`?"), "{text}");
    assert!(text.contains("database: model `n`:1:"), "{text}");
}

#[test]
fn what_objects_are_of_and_where_the_database_is_are_no_settings_in_it() {
    let sections = Kind::ALL.into_iter().filter(|kind| *kind != Kind::Setting);
    let sections = sections.map(|kind| match kind {
        Kind::Price => "prices".to_owned(),
        kind => format!("{}s", kind.name()),
    });
    for name in sections.chain(["data".to_owned(), "database".to_owned()]) {
        for body in ["[]", "{}", "elsewhere"] {
            let report = with(FILE, &no_env(), &[object(Kind::Setting, &name, body)]).unwrap_err();
            let told = report.to_string();
            assert!(
                told.contains(&format!("`{name}` is no setting of the database")),
                "{told}"
            );
        }
    }
}

#[test]
fn secrets_in_objects_are_not_shown() {
    let bad = r#"{"name":"b","format":"anthropic","base_url":"https://b.example.com","keys":["sk-very-secret-indeed"],"colour":1}"#;
    let report = with(FILE, &no_env(), &[object(Kind::Provider, "b", bad)]).unwrap_err();
    assert!(!report.to_string().contains("very-secret"), "{report}");
    assert!(!format!("{:?}", object(Kind::Provider, "b", bad)).contains("very-secret"));
}

#[test]
fn without_a_file_objects_stand_beside_the_environment() {
    let env = Env::new([("OPENAI_API_KEY", "o")]);
    let objects = [provider("b"), provider("openai")];
    let loaded = with("", &env, &objects).unwrap();
    let names: Vec<&str> = loaded
        .gateway
        .providers
        .iter()
        .map(|p| p.name.as_str())
        .collect();
    assert_eq!(names, ["openai", "b"]);
    assert_eq!(
        home(&loaded, Kind::Provider, "openai"),
        [Home::Environment, Home::Shadowed]
    );
    assert!(!loaded.uses_demo);
    let alone = with("", &no_env(), &[provider("b")]).unwrap();
    assert_eq!(alone.gateway.providers.len(), 1, "no demo vendor beside it");
}

#[test]
fn variables_in_objects_are_filled_in() {
    let body = r#"{"name":"b","format":"anthropic","base_url":"https://${WHERE}.example.com"}"#;
    let objects = [object(Kind::Provider, "b", body)];
    let env = Env::new([("WHERE", "there")]);
    let loaded = with(FILE, &env, &objects).unwrap();
    let base = &loaded.gateway.providers[1].offers[0].base;
    assert_eq!(base.host, "there.example.com");
    let report = with(FILE, &no_env(), &objects).unwrap_err();
    assert_eq!(report.objects_at_fault(), [0]);
}

#[test]
fn what_the_file_declares_is_told_as_it_is_written() {
    let file = r#"
gateway:
  ping: 5s
  providers:
    - { name: "${NAME:-a}", format: openai_chat, base_url: https://a.example.com, keys: [ "${KEY:-none}" ] }
  models:
    - { name: m, endpoints: [ { provider: a, model: "1.0", weight: 3, set: { temperature: 0.20, top_p: 0.5 } } ] }
  routes:
    - { when: { model: q }, use: m }
"#;
    let loaded = with(file, &no_env(), &[]).unwrap();
    let body = |kind: Kind, name: &str| {
        let is = |one: &&Declared| one.kind == kind && one.name == name;
        loaded.declared.iter().find(is).unwrap().body.clone()
    };
    let a = body(Kind::Provider, "a");
    assert_eq!(a["keys"], serde_json::json!(["${KEY:-none}"]));
    assert_eq!(a["name"], "${NAME:-a}");
    assert_eq!(
        body(Kind::Model, "m")["endpoints"][0],
        serde_json::json!({
            "provider": "a", "model": "1.0", "weight": 3, "set": { "temperature": "0.20", "top_p": 0.5 },
        })
    );
    assert_eq!(body(Kind::Route, "#1")["use"], "m");
    assert_eq!(body(Kind::Setting, "ping"), "5s");
}

#[test]
fn what_a_vendor_lists_is_exposed_as_far_as_expose_lets_it() {
    let exposed = |expose: &str| {
        let body = format!(
            r#"{{"name":"b","format":"anthropic","base_url":"https://b.example.com",{expose}"models":["gpt-4o","o3"]}}"#
        );
        let loaded = with(FILE, &no_env(), &[object(Kind::Provider, "b", &body)]).unwrap();
        let provider = loaded.gateway.providers.into_iter().find(|p| p.name == "b");
        let globs = provider.unwrap().expose.into_iter();
        globs
            .map(|glob| glob.pattern().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(exposed(""), ["gpt-4o", "o3"]);
    assert_eq!(exposed(r#""expose":["gpt-*"],"#), ["gpt-*", "gpt-4o"]);
    assert_eq!(exposed(r#""expose":["o3"],"#), ["o3"]);
}
