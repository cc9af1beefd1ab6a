//! The configuration from outside: every example loads, every bad file is reported as its snapshot says, and no bytes make it panic.
//!
//! A bad file is `tests/config/bad/NAME.yaml`, with a `.env` file beside it as `NAME.env` where it needs one; its report is
//! `tests/config/reports/NAME.snap`. A new case is a new file; `INSTA_UPDATE=always cargo test --test config` writes its report.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod bad_files;
mod bytes;
mod diffs;
mod examples;
mod exports;
mod imports;
mod meaning;
mod objects;
mod outside;

use std::net::SocketAddr;
use std::path::PathBuf;

use tidegate::config::{Env, Loaded, Overrides, Report, Source, load};

/// Two providers, two models, and a setting at every level.
const TWO: &str = r#"
gateway:
  timeouts: { connect: 1s, idle: 7s }
  retry: { retries: 9 }
  providers:
    - { name: a, format: openai_chat, base_url: https://a.example.com, timeouts: { connect: 2s }, expose: [ real ] }
    - name: b
      format: [ anthropic, gemini, openai_chat ]
      base_url: { anthropic: https://b.example.com/x, gemini: https://g.example.com, openai_chat: http://b.example.com:81/api/paas/v4 }
      auth: { anthropic: { header: Authorization }, gemini: { header: X-Key, format: "k={key};" } }
      keys: [ one, { value: two, weight: 3, enabled: false } ]
      http: http2
  models:
    - name: m
      aliases: [ "m-*" ]
      balance: weighted
      sticky: off
      timeouts: { connect: 3s }
      provider_weights: { b: 5 }
      fallbacks: [ n ]
      endpoints:
        - { provider: a, model: x }
        - { provider: b, model: y, priority: 2, weight: 4, retries: 1, timeouts: { connect: 4s }, max_context: 1000, streaming: false }
    - { name: n, endpoints: [ { provider: a, model: z } ] }
  default_model: n
  preferred_provider: b
  client_keys: [ { name: ci, value: key-of-ci, models: [ m, "g*", real, a/anything, m-1 ], expires: 1970-01-02T00:00:00Z } ]
"#;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn demo() -> Option<SocketAddr> {
    Some(SocketAddr::from(([127, 0, 0, 1], 4321)))
}

/// A directory with a configuration in it.
struct Dir(tempfile::TempDir);

impl Dir {
    fn new(body: impl AsRef<[u8]>) -> Dir {
        let dir = Dir(tempfile::tempdir().unwrap());
        dir.put("t.yaml", body);
        dir
    }

    fn put(&self, name: &str, body: impl AsRef<[u8]>) {
        std::fs::write(self.0.path().join(name), body).unwrap();
    }

    fn source(&self) -> Source {
        Source {
            file: Some("t.yaml".into()),
            dotenv: Some(".env".into()),
            base: self.0.path().into(),
            ..Source::default()
        }
    }

    fn load(&self, env: &Env) -> Result<Loaded, Report> {
        load(&self.source(), env, &Overrides::default(), demo())
    }
}

fn loaded(body: &str) -> Loaded {
    Dir::new(body).load(&Env::default()).unwrap()
}

/// Without a configuration file.
fn nothing(env: &Env, overrides: &Overrides) -> Loaded {
    let source = Source {
        file: None,
        dotenv: None,
        base: "/".into(),
        ..Source::default()
    };
    load(&source, env, overrides, demo()).unwrap()
}

fn no_env() -> Env {
    Env::default()
}
