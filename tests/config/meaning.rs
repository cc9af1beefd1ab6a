//! What a good file means.

use std::path::PathBuf;

use tidegate::config::{AuthMode, Balance, Env, HttpVersions, KeyHash, Keys, needs_restart};

use crate::{Dir, TWO, loaded, no_env};

#[test]
fn names_become_indexes_and_settings_are_inherited() {
    let gateway = loaded(TWO).gateway;
    let [m, n] = &gateway.models[..] else {
        panic!("{:?}", gateway.models)
    };
    let connect: Vec<u64> = m
        .endpoints
        .iter()
        .map(|endpoint| endpoint.policy.timeouts.connect.as_secs())
        .collect();
    assert_eq!(
        (connect, m.policy.timeouts.connect.as_secs()),
        (vec![3, 4], 3)
    );
    assert_eq!(n.endpoints[0].policy.timeouts.connect.as_secs(), 2);
    assert_eq!(gateway.providers[1].policy.timeouts.connect.as_secs(), 1);
    assert_eq!(
        (
            m.endpoints[0].policy.retry.retries,
            m.endpoints[1].policy.retry.retries
        ),
        (9, 1)
    );
    assert_eq!(m.endpoints[1].policy.timeouts.idle.as_secs(), 7);
    assert_eq!(
        (
            m.endpoints[0].priority,
            m.endpoints[0].weight,
            m.endpoints[1].priority,
            m.endpoints[1].weight
        ),
        (1, 10, 2, 4)
    );
    assert_eq!(
        (
            &m.fallbacks[..],
            &m.provider_weights[..],
            m.balance,
            m.sticky
        ),
        (&[1][..], &[(1, 5)][..], Balance::Weighted, false)
    );
    assert_eq!(
        (gateway.default_model, gateway.preferred_provider),
        (Some(1), Some(1))
    );
    assert_eq!(gateway.client_keys[0].expires, Some(86_400));
}

#[test]
fn each_format_has_its_url_and_its_credential() {
    let gateway = loaded(TWO).gateway;
    let offers = &gateway.providers[1].offers;
    let shown: Vec<String> = offers
        .iter()
        .map(|o| {
            format!(
                "{} {}{} {}: {}*{}",
                o.format,
                o.base.authority(),
                o.base.path,
                o.auth.header,
                o.auth.prefix,
                o.auth.suffix
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "anthropic b.example.com/x/v1 Authorization: Bearer *",
            "gemini g.example.com/v1beta X-Key: k=*;",
            "openai_chat b.example.com:81/api/paas/v4 Authorization: Bearer *",
        ]
    );
    assert_eq!(gateway.providers[1].tls.http, HttpVersions::Http2);
    let Keys::Own(keys) = &gateway.providers[1].keys else {
        panic!("no keys")
    };
    assert!(keys[0].enabled && !keys[1].enabled);
    let Keys::Own(keys) = &gateway.providers[0].keys else {
        panic!("no keys")
    };
    assert!(matches!(&keys[..], [key] if key.value.is_none()));
}

#[test]
fn names_tell_upper_from_lower_case() {
    let body = "gateway:\n  providers:\n    - { name: a, format: openai_chat, base_url: https://a.example.com }\n    - { name: A, format: openai_chat, base_url: https://b.example.com }\n  models:\n    - { name: m, endpoints: [ { provider: A, model: x } ] }\n    - { name: M, endpoints: [ { provider: a, model: x } ] }\n";
    let gateway = loaded(body).gateway;
    assert_eq!(
        (
            gateway.models[0].endpoints[0].provider,
            gateway.models[1].endpoints[0].provider
        ),
        (1, 0)
    );
}

#[test]
fn a_variable_cannot_add_to_the_configuration() {
    let env = Env::new([
        ("X", "a, keys: [ stolen ] }\nauth: open"),
        ("N", "3"),
        ("ON", "true"),
    ]);
    let dir = Dir::new(
        "gateway:\n  log: { file: \"${X}\", requests: \"${ON}\" }\n  retry: { retries: \"${N}\" }\n",
    );
    let gateway = dir.load(&env).unwrap().gateway;
    assert_eq!(gateway.auth, AuthMode::Auto);
    assert!(
        gateway
            .log
            .file
            .unwrap()
            .ends_with("a, keys: [ stolen ] }\nauth: open")
    );
    assert_eq!(gateway.providers[0].policy.retry.retries, 3);
}

#[test]
fn null_is_as_if_the_key_were_absent_but_for_ping() {
    let gateway = loaded("gateway: { auth: null, limits: , routes: null, ping: null }").gateway;
    assert_eq!((gateway.auth, gateway.ping), (AuthMode::Auto, None));
    assert_eq!(loaded("gateway: { ping: 0 }").gateway.ping, None);
    assert!(loaded("gateway: {}").gateway.ping.is_some());
}

#[test]
fn what_needs_a_restart_is_named() {
    let before = loaded("threads: 2\ngateway: { data: /d, auth: open }");
    assert!(
        needs_restart(
            &before,
            &loaded("threads: 2\ngateway: { data: /d, auth: keys, retry: { retries: 9 } }")
        )
        .is_empty()
    );
    let after =
        loaded("threads: 3\ngrace_period_seconds: 9\ngateway: { listen: [ \"127.0.0.1:9000\" ] }");
    assert_eq!(
        needs_restart(&before, &after),
        [
            "threads",
            "grace_period_seconds",
            "gateway.listen",
            "gateway.data"
        ]
    );
}

#[test]
fn relative_paths_start_from_the_base() {
    let dir = Dir::new(
        "error_log: logs/e.log\ngateway:\n  log: { file: logs/a.log }\n  client_keys: [ { name: ci, value: \"file:s/ci\" } ]\n",
    );
    std::fs::create_dir(dir.0.path().join("s")).unwrap();
    dir.put("s/ci", "\n the-key \r\n");
    let loaded = dir.load(&no_env()).unwrap();
    assert_eq!(
        loaded.gateway.log.file.unwrap(),
        dir.0.path().join("logs/a.log")
    );
    assert!(loaded.pingora_yaml.contains(&format!(
        "error_log: \"{}\"",
        dir.0.path().join("logs/e.log").display()
    )));
    assert_eq!(loaded.gateway.client_keys[0].hash, KeyHash::of("the-key"));
    let watched: Vec<PathBuf> = [".env", "t.yaml", "s/ci"]
        .iter()
        .map(|name| dir.0.path().join(name))
        .collect();
    assert_eq!(loaded.files, watched);
}

#[test]
fn a_quota_has_a_calendar_and_the_environments_time_zone() {
    let body = r#"
gateway:
  data: kept
  providers: [ { name: a, format: openai_chat, base_url: https://a.example.com } ]
  models:
    - name: m
      endpoints:
        - { provider: a, model: all, quota: { requests: 100, tokens: 500000, reset: "0 6 1 * *", time_zone: Asia/Tokyo } }
        - { provider: a, model: some, quota: { tokens: 5 } }
        - { provider: a, model: none }
"#;
    let dir = Dir::new(body);
    let quotas = |env: &Env| {
        let loaded = dir.load(env).unwrap();
        assert_eq!(loaded.gateway.data, dir.0.path().join("kept"));
        let endpoints = loaded.gateway.models[0].endpoints.clone();
        let quotas: Vec<_> = endpoints
            .into_iter()
            .map(|endpoint| endpoint.quota)
            .collect();
        (quotas, loaded.warnings.to_string())
    };
    let (of, warnings) = quotas(&Env::new([("TZ", ":Europe/Berlin")]));
    assert_eq!(warnings, "");
    let all = of[0].as_ref().unwrap();
    assert_eq!((all.requests, all.tokens), (Some(100), Some(500_000)));
    assert_eq!(all.calendar.cron.text(), "0 6 1 * *");
    assert_eq!(all.calendar.zone.iana_name(), Some("Asia/Tokyo"));
    let some = of[1].as_ref().unwrap();
    assert_eq!((some.requests, some.tokens), (None, Some(5)));
    assert_eq!(some.calendar.cron.text(), "0 0 * * *");
    assert_eq!(some.calendar.zone.iana_name(), Some("Europe/Berlin"));
    assert!(of[2].is_none());
    let (of, warnings) = quotas(&Env::new([("TZ", "nowhere at all")]));
    assert!(warnings.contains("no time zone"), "{warnings}");
    let zone = &of[1].as_ref().unwrap().calendar.zone;
    assert_eq!(zone.iana_name(), Some("UTC"));
}

#[test]
fn bodies_are_kept_where_that_is_said_and_as_much_as_is_said() {
    for (said, most) in [
        ("", None),
        (", bodies: false", None),
        (", bodies: null", None),
        (", bodies: true", Some(64 << 10)),
        (", bodies: {}", Some(64 << 10)),
        (", bodies: { max: 1MiB }", Some(1 << 20)),
        (", bodies: { enabled: false, max: 1MiB }", None),
    ] {
        let text = format!("gateway:\n  log: {{ requests: true{said} }}\n");
        let gateway = loaded(&text).gateway;
        assert_eq!(gateway.log.bodies, most, "{said}");
    }
}
