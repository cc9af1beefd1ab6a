//! The files of conf/ load, and say the truth about defaults.

use std::collections::BTreeSet;
use std::path::Path;

use tidegate::config::{Env, KeyHash, Keys, Loaded, Overrides, Source, load};

use crate::{demo, loaded, root};

fn example(name: &str, env: &Env) -> Loaded {
    let source = Source {
        file: Some(Path::new("conf").join(name)),
        dotenv: None,
        base: root(),
        ..Source::default()
    };
    load(&source, env, &Overrides::default(), demo()).unwrap()
}

/// The files that the edge example mounts.
fn mounts() -> (tempfile::TempDir, Env) {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, body: &str| std::fs::write(dir.path().join(name), body).unwrap();
    for (n, name) in ["primary-1", "primary-2", "secondary", "search-team", "ci"]
        .iter()
        .enumerate()
    {
        put(name, &format!("  secret-{n}\n"));
    }
    put("cert.pem", "-----BEGIN CERTIFICATE-----\n");
    put("ca.pem", "-----BEGIN CERTIFICATE-----\n");
    put("key.pem", "-----BEGIN PRIVATE KEY-----\n");
    let path = dir.path().display().to_string();
    let env = Env::new([("TLS_DIR", &path), ("SECRETS", &path)]);
    (dir, env)
}

#[test]
fn every_example_loads_without_a_warning() {
    let (_dir, mounted) = mounts();
    let env = Env::new([
        ("OPENAI_API_KEY", "k"),
        ("RELAY_A_KEY", "a"),
        ("RELAY_A_SECOND_KEY", "b"),
        ("RELAY_A_SEARCH_KEY", "c"),
        ("CI_KEY", "c"),
    ]);
    let mut seen = BTreeSet::new();
    for entry in std::fs::read_dir(root().join("conf")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let loaded = example(&name, if name == "edge.yaml" { &mounted } else { &env });
        assert!(loaded.warnings.is_empty(), "{name}: {}", loaded.warnings);
        seen.insert(name);
    }
    assert_eq!(
        seen.iter().map(String::as_str).collect::<Vec<_>>(),
        ["edge.yaml", "full.yaml", "minimal.yaml"]
    );
}

#[test]
fn what_the_full_example_calls_a_default_is_one() {
    let env = Env::new([
        ("RELAY_A_KEY", "a"),
        ("RELAY_A_SECOND_KEY", "b"),
        ("RELAY_A_SEARCH_KEY", "c"),
        ("CI_KEY", "c"),
    ]);
    let full = example("full.yaml", &env).gateway;
    let plain = loaded("gateway: {}").gateway;
    assert_eq!(full.limits, plain.limits);
    assert_eq!(
        (full.auth, full.debug_headers, full.ping),
        (plain.auth, plain.debug_headers, plain.ping)
    );
    assert_eq!(full.log, plain.log);
    // The second provider says nothing of its own: it has the gateway's policy, which is the default.
    assert_eq!(full.providers[1].policy, plain.providers[0].policy);
}

#[test]
fn the_edge_example_reads_its_secrets_and_watches_them() {
    let (dir, env) = mounts();
    let loaded = example("edge.yaml", &env);
    let Keys::Own(keys) = &loaded.gateway.providers[0].keys else {
        panic!("no keys")
    };
    assert_eq!(keys[1].value.as_ref().unwrap().reveal(), "secret-1");
    assert_eq!(keys[1].weight, 3);
    assert_eq!(loaded.gateway.client_keys[1].hash, KeyHash::of("secret-4"));
    assert!(loaded.files.contains(&dir.path().join("search-team")));
    assert!(loaded.gateway.listen[0].tls.is_some() && loaded.gateway.listen[1].tls.is_none());
    assert!(!format!("{loaded:?}").contains("secret-4"));
}

#[test]
fn pingora_understands_its_part_of_every_example() {
    let (_dir, mounted) = mounts();
    let env = Env::new([
        ("OPENAI_API_KEY", "k"),
        ("RELAY_A_KEY", "a"),
        ("RELAY_A_SECOND_KEY", "b"),
        ("RELAY_A_SEARCH_KEY", "c"),
        ("CI_KEY", "c"),
    ]);
    for name in ["minimal.yaml", "full.yaml", "edge.yaml"] {
        let yaml = example(name, if name == "edge.yaml" { &mounted } else { &env }).pingora_yaml;
        pingora::server::configuration::ServerConf::from_yaml(&yaml)
            .unwrap_or_else(|fault| panic!("{name}: {fault}"));
    }
    let conf = pingora::server::configuration::ServerConf::from_yaml(
        &example("full.yaml", &env).pingora_yaml,
    )
    .unwrap();
    assert_eq!(
        (
            conf.threads,
            conf.upstream_keepalive_pool_size,
            conf.grace_period_seconds
        ),
        (2, 128, Some(300))
    );
}

#[test]
fn pingora_knows_every_key_that_is_handed_to_it() {
    let defaults = pingora::server::configuration::ServerConf::default().to_yaml();
    let known: BTreeSet<&str> = defaults
        .lines()
        .filter_map(|line| line.split_once(':').map(|(key, _)| key))
        .collect();
    let example = std::fs::read_to_string(root().join("conf/full.yaml")).unwrap();
    let ours: BTreeSet<&str> = example
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
        .filter_map(|line| line.split_once(':').map(|(key, _)| key))
        .collect();
    assert_eq!(
        ours.iter()
            .copied()
            .filter(|key| *key != "gateway")
            .collect::<BTreeSet<_>>(),
        known
    );
}
