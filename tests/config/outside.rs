//! The environment, the command line, and what holds without a file.

use tidegate::config::{Database, Env, Gateway, Overrides, Severity, load, needs_demo};
use tidegate::ir::Format;

use crate::{Dir, TWO, demo, loaded, no_env, nothing};

#[test]
fn without_a_configuration_the_demo_vendor_answers() {
    let gateway = nothing(&no_env(), &Overrides::default()).gateway;
    assert_eq!(gateway.listen[0].addr.to_string(), "0.0.0.0:8899");
    let provider = &gateway.providers[0];
    assert_eq!(
        (provider.name.as_str(), provider.offers[0].base.authority()),
        ("demo", "127.0.0.1:4321".to_owned())
    );
    assert_eq!(
        provider
            .offers
            .iter()
            .map(|offer| offer.format)
            .collect::<Vec<_>>(),
        [
            Format::OpenaiChat,
            Format::OpenaiResponses,
            Format::Anthropic,
            Format::Gemini
        ]
    );
    let models: Vec<(&str, &str, &str)> = gateway
        .models
        .iter()
        .map(|m| {
            (
                m.name.as_str(),
                m.aliases[0].pattern(),
                m.endpoints[0].model.as_str(),
            )
        })
        .collect();
    assert_eq!(
        models,
        [
            ("haiku", "claude-*haiku*", "demo-haiku"),
            ("sonnet", "claude-*sonnet*", "demo-sonnet"),
            ("opus", "claude-*opus*", "demo-opus")
        ]
    );
    assert!(gateway.models.iter().all(|model| model.built_in));
}

#[test]
fn a_vendors_key_in_the_environment_makes_a_provider() {
    let env = Env::new([
        ("OPENAI_API_KEY", "o"),
        ("ANTHROPIC_API_KEY", " a "),
        ("GEMINI_API_KEY", ""),
    ]);
    let loaded = nothing(&env, &Overrides::default());
    assert!(!loaded.uses_demo);
    let names: Vec<&str> = loaded
        .gateway
        .providers
        .iter()
        .map(|provider| provider.name.as_str())
        .collect();
    assert_eq!(names, ["anthropic", "openai"]);
    let exposes = |provider: usize, name: &str| {
        loaded.gateway.providers[provider]
            .expose
            .iter()
            .any(|glob| glob.matches(name))
    };
    assert!(
        exposes(0, "claude-x")
            && exposes(1, "gpt-4o")
            && exposes(1, "o3-mini")
            && exposes(1, "text-embedding-3-small")
            && !exposes(1, "claude-x")
    );
    let sonnet = &loaded.gateway.models[1];
    assert_eq!(
        sonnet
            .endpoints
            .iter()
            .map(|e| (e.provider, e.priority))
            .collect::<Vec<_>>(),
        [(0, 1), (1, 2)]
    );
    let env = Env::new([
        ("OPENAI_API_KEY", "o"),
        ("ANTHROPIC_API_KEY", "a"),
        ("PREFERRED_PROVIDER", "openai"),
    ]);
    let sonnet = nothing(&env, &Overrides::default())
        .gateway
        .models
        .remove(1);
    assert_eq!(
        sonnet
            .endpoints
            .iter()
            .map(|e| (e.provider, e.priority))
            .collect::<Vec<_>>(),
        [(1, 1), (0, 2)]
    );
}

#[test]
fn gemini_is_reached_in_its_own_format_and_through_its_openai_door() {
    let gateway = nothing(&Env::new([("GEMINI_API_KEY", "g")]), &Overrides::default()).gateway;
    let offers = gateway.providers[0].offers.iter().map(|offer| {
        (
            offer.format,
            offer.base.path.as_str(),
            offer.auth.header.as_str(),
        )
    });
    assert_eq!(
        offers.collect::<Vec<_>>(),
        [
            (Format::Gemini, "/v1beta", "x-goog-api-key"),
            (Format::OpenaiChat, "/v1beta/openai", "Authorization")
        ]
    );
}

#[test]
fn providers_of_a_file_are_not_joined_by_those_of_the_environment() {
    let env = Env::new([("OPENAI_API_KEY", "o")]);
    let gateway = Dir::new(TWO).load(&env).unwrap().gateway;
    assert_eq!((gateway.providers.len(), gateway.models.len()), (2, 2));
    let dir = Dir::new(
        "gateway:\n  models: [ { name: mine, endpoints: [ { provider: openai, model: gpt-4o } ] } ]\n",
    );
    let gateway = dir.load(&env).unwrap().gateway;
    let names: Vec<&str> = gateway
        .models
        .iter()
        .map(|model| model.name.as_str())
        .collect();
    assert_eq!(
        (gateway.providers[0].name.as_str(), names),
        ("openai", vec!["mine", "haiku", "sonnet", "opus"])
    );
}

#[test]
fn built_in_models_give_way_to_whatever_has_their_name() {
    let body = "gateway:\n  models:\n    - { name: sonnet, aliases: [ opus, \"claude-*haiku*\" ], fallbacks: [ haiku ], endpoints: [ { provider: demo, model: x } ] }\n";
    let gateway = loaded(body).gateway;
    let names: Vec<(&str, bool)> = gateway
        .models
        .iter()
        .map(|model| (model.name.as_str(), model.built_in))
        .collect();
    assert_eq!(names, [("sonnet", false), ("haiku", true)]);
    assert!(gateway.models[1].aliases.is_empty());
    assert_eq!(gateway.models[0].fallbacks, [1]);
}

#[test]
fn the_demo_vendor_joins_a_file_when_asked_and_fills_what_it_does_not_declare() {
    let dir = Dir::new(
        "gateway:\n  providers: [ { name: a, format: openai_chat, base_url: https://a.example.com } ]\n  models: [ { name: haiku, endpoints: [ { provider: a, model: x } ] } ]\n",
    );
    let asked = Overrides {
        demo: true,
        ..Overrides::default()
    };
    assert!(
        needs_demo(&dir.source(), &no_env(), &asked)
            && !needs_demo(&dir.source(), &no_env(), &Overrides::default())
    );
    let gateway = load(&dir.source(), &no_env(), &asked, demo())
        .unwrap()
        .gateway;
    let names: Vec<&str> = gateway
        .models
        .iter()
        .map(|model| model.name.as_str())
        .collect();
    assert_eq!(
        (gateway.providers.len(), names),
        (2, vec!["haiku", "sonnet", "opus"])
    );
    assert_eq!(gateway.models[1].endpoints[0].model, "demo-sonnet");
    let env = Env::new([("OPENAI_API_KEY", "o")]);
    let gateway = nothing(&env, &asked).gateway;
    assert!(gateway.models.iter().all(|model| {
        model
            .endpoints
            .iter()
            .all(|endpoint| endpoint.model.starts_with("demo-"))
    }));
}

#[test]
fn the_command_line_beats_the_environment_beats_dotenv_beats_the_file() {
    let dir = Dir::new(
        "gateway: { listen: [ \"127.0.0.1:1000\", \"127.0.0.1:1001\" ], retry: { retries: 1 } }",
    );
    let port = |env: &Env, overrides: &Overrides| {
        load(&dir.source(), env, overrides, demo())
            .unwrap()
            .gateway
            .listen[0]
            .addr
            .to_string()
    };
    let flags = Overrides {
        port: Some(4000),
        ..Overrides::default()
    };
    assert_eq!(port(&no_env(), &Overrides::default()), "127.0.0.1:1000");
    dir.put(".env", "PORT=2000\nRETRY_MAX_ATTEMPTS=5\n");
    assert_eq!(port(&no_env(), &Overrides::default()), "127.0.0.1:2000");
    let env = Env::new([("PORT", "3000"), ("HOST", "0.0.0.0")]);
    assert_eq!(port(&env, &Overrides::default()), "0.0.0.0:3000");
    assert_eq!(port(&env, &flags), "0.0.0.0:4000");
    assert_eq!(
        port(
            &Env::new([("PORT", "3000"), ("API_PORT", "3500")]),
            &Overrides::default()
        ),
        "127.0.0.1:3500"
    );
    assert_eq!(
        dir.load(&no_env()).unwrap().gateway.providers[0]
            .policy
            .retry
            .retries,
        5
    );
    let only = Overrides {
        listen: vec!["127.0.0.1:9".parse().unwrap()],
        ..Overrides::default()
    };
    assert_eq!(
        load(&dir.source(), &env, &only, demo())
            .unwrap()
            .gateway
            .listen
            .len(),
        1
    );
    let clash = Overrides {
        port: Some(1001),
        ..Overrides::default()
    };
    assert!(
        load(&dir.source(), &no_env(), &clash, demo())
            .unwrap_err()
            .to_string()
            .contains("option --port")
    );
}

#[test]
fn every_setting_of_the_environment_has_its_effect() {
    let env = Env::new([
        ("DEFAULT_COOLDOWN_SECONDS", "3"),
        ("RETRY_MAX_ATTEMPTS", "4"),
        ("RETRY_DELAY_MS", "10000"),
        ("HTTP_TIMEOUT", "90"),
        ("VIRTUAL_MODEL_TOOL", "tool"),
        ("VIRTUAL_MODEL_NORMAL", "normal"),
        ("VIRTUAL_MODEL_ADVANCED", "advanced"),
        ("ADMIN_KEY", "admin"),
        ("LOG_LEVEL", "WARNING"),
    ]);
    let loaded = nothing(&env, &Overrides::default());
    let policy = loaded.gateway.models[0].policy;
    assert_eq!(
        (
            policy.cooldown.max.as_secs(),
            policy.cooldown.base.as_secs()
        ),
        (3, 3)
    );
    assert_eq!(
        (
            policy.retry.retries,
            policy.retry.base.as_secs(),
            policy.retry.max.as_secs()
        ),
        (4, 10, 10)
    );
    assert_eq!(policy.timeouts.response.as_secs(), 90);
    let names: Vec<&str> = loaded
        .gateway
        .models
        .iter()
        .map(|model| model.name.as_str())
        .collect();
    assert_eq!(
        (names, loaded.gateway.models[0].aliases[0].pattern()),
        (vec!["tool", "normal", "advanced"], "claude-*haiku*")
    );
    assert_eq!(loaded.gateway.admin_key.unwrap().reveal(), "admin");
    assert_eq!(loaded.log_level.as_str(), "WARN");
    assert_eq!(
        nothing(&Env::new([("DEBUG", "1")]), &Overrides::default())
            .log_level
            .as_str(),
        "DEBUG"
    );
}

#[test]
fn the_database_is_told_by_the_environment_over_the_file() {
    let told = |variables: &[(&str, &str)]| {
        let env = Env::new(variables.iter().copied());
        nothing(&env, &Overrides::default()).gateway
    };
    let file = |gateway: &Gateway| match &gateway.database {
        Database::Sqlite(path) => path.display().to_string(),
        Database::Postgres(url) => url.reveal().to_owned(),
    };
    let usual = told(&[]);
    assert!(file(&usual).ends_with("/data/tidegate.db") && !usual.database_told);
    for (url, place) in [
        ("sqlite:///var/x.db", "/var/x.db"),
        ("sqlite+aiosqlite:////var/x.db", "/var/x.db"),
        ("postgresql+asyncpg://u:p@h:1/d", "postgres://u:p@h:1/d"),
        ("postgres://h/d", "postgres://h/d"),
    ] {
        let gateway = told(&[("DATABASE_URL", url)]);
        assert_eq!((&*file(&gateway), gateway.database_told), (place, true));
    }
    let relative = told(&[
        ("DATABASE_URL", "sqlite+aiosqlite:///./x.db"),
        ("DATABASE_TYPE", "sqlite"),
    ]);
    assert!(file(&relative).ends_with("x.db") && file(&relative) != "/x.db");
}

#[test]
fn what_other_programs_set_is_warned_about_and_ignored() {
    let env = Env::new([
        ("PORT", "tcp://10.0.0.1:80"),
        ("HOST", "build-7"),
        ("DEBUG", "app:*"),
        ("MODE", "production"),
        ("ADMIN_PASSWORD", "p"),
    ]);
    let loaded = nothing(&env, &Overrides::default());
    assert_eq!(loaded.warnings.count(Severity::Warning), 5);
    assert_eq!(loaded.gateway.listen[0].addr.to_string(), "0.0.0.0:8899");
    assert!(
        loaded
            .warnings
            .lines()
            .iter()
            .any(|line| line.starts_with("environment variable MODE: "))
    );
}
