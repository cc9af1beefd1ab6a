//! A gateway with its admin side, and somebody who talks to it.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::Value;

use crate::harness::{Answer, Gateway, until};

pub const API: &str = "/admin/api/v1";
pub const PASSWORD: &str = "correct horse battery";
pub const KEY: &str = "tg-admin-key-of-the-test";
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A gateway whose admin side answers. Its account `admin` has [`PASSWORD`], its admin key is [`KEY`].
pub async fn house(section: &str) -> Gateway {
    with(section, &[("ADMIN_PASSWORD", PASSWORD), ("ADMIN_KEY", KEY)]).await
}

/// The same, of whose admin side nothing was asked yet: the data plane has no connection to it.
pub async fn untouched(section: &str) -> Gateway {
    let gateway = begun(section, &[("ADMIN_PASSWORD", PASSWORD)]).await;
    until("an account", PATIENCE, async || has_account(&gateway)).await;
    gateway
}

fn has_account(gateway: &Gateway) -> bool {
    gateway.stderr().contains("the account `admin`")
}

/// The same with these variables; its sockets are in its own folder.
pub async fn with(section: &str, env: &[(&str, &str)]) -> Gateway {
    let gateway = begun(section, env).await;
    until_there(&gateway).await;
    gateway
}

async fn begun(section: &str, env: &[(&str, &str)]) -> Gateway {
    let dir = tempfile::tempdir().unwrap();
    let temp = dir.path().display().to_string();
    let mut all = vec![("TMPDIR", &*temp)];
    all.extend(env);
    Gateway::start_in(dir, section, &all).await
}

/// Waits until the admin side answers, and has its first account.
pub async fn until_there(gateway: &Gateway) {
    until("an account", PATIENCE, async || {
        has_account(gateway)
            && matches!(gateway.get("/docs").await, Some(answer) if answer.status != 503)
    })
    .await;
}

/// The password that a first start has shown.
pub fn shown(said: &str) -> Option<String> {
    let of = |word: &&str| {
        word.len() == 23
            && word
                .split('-')
                .all(|part| part.len() == 5 && part.is_ascii())
    };
    said.split_whitespace().find(of).map(str::to_owned)
}

/// The socket of the admin side.
pub fn socket(gateway: &Gateway) -> PathBuf {
    let mut entries = std::fs::read_dir(gateway.dir()).unwrap().flatten();
    let folder = entries.find(|entry| {
        let name = entry.file_name();
        name.to_string_lossy().starts_with("tidegate-admin-")
    });
    folder.expect("the socket's folder").path().join("socket")
}

/// A request with headers, and JSON where there is some.
pub fn asked(
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&Value>,
) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(path);
    if !headers.iter().any(|(name, _)| *name == "host") {
        request = request.header("host", "localhost");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    match body {
        Some(body) => request
            .header("content-type", "application/json")
            .body(Full::from(body.to_string())),
        None => request.body(Full::default()),
    }
    .unwrap()
}

/// Somebody who talks to the API, with what they hold.
#[derive(Debug, Clone, Default)]
pub struct Visitor {
    pub cookie: Option<String>,
    pub csrf: Option<String>,
    pub bearer: Option<String>,
    /// More headers.
    pub more: Vec<(&'static str, String)>,
}

impl Visitor {
    pub fn bearer(key: &str) -> Visitor {
        Visitor {
            bearer: Some(["Bearer ", key].concat()),
            ..Visitor::default()
        }
    }

    /// Logged in.
    pub async fn logged_in(gateway: &Gateway, account: &str, password: &str) -> Visitor {
        let answer = log_in(gateway, account, password).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let cookie = answer.header("set-cookie");
        let pair = cookie.split(';').next().unwrap().to_owned();
        Visitor {
            cookie: Some(pair),
            csrf: answer.json()["csrf"].as_str().map(str::to_owned),
            ..Visitor::default()
        }
    }

    /// Below the API's root.
    pub async fn ask(
        &self,
        gateway: &Gateway,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Answer {
        let mut headers: Vec<(&str, &str)> = Vec::new();
        let held = [
            ("cookie", &self.cookie),
            ("x-csrf-token", &self.csrf),
            ("authorization", &self.bearer),
        ];
        for (name, value) in held {
            headers.extend(value.as_deref().map(|value| (name, value)));
        }
        headers.extend(
            self.more
                .iter()
                .map(|(name, value)| (*name, value.as_str())),
        );
        let path = [API, path].concat();
        gateway.send(asked(method, &path, &headers, body)).await
    }

    pub async fn get(&self, gateway: &Gateway, path: &str) -> Answer {
        self.ask(gateway, "GET", path, None).await
    }
}

pub async fn log_in(gateway: &Gateway, account: &str, password: &str) -> Answer {
    let body = serde_json::json!({ "account": account, "password": password });
    Visitor::default()
        .ask(gateway, "POST", "/login", Some(&body))
        .await
}

/// What the problem is called.
pub fn problem(answer: &Answer) -> String {
    assert_eq!(
        answer.header("content-type"),
        "application/problem+json",
        "{} {}",
        answer.status,
        answer.text()
    );
    let problem = answer.json();
    assert_eq!(problem["status"], answer.status.as_u16());
    for text in ["title", "detail", "instance"] {
        assert!(problem[text].is_string(), "{text}: {problem}");
    }
    let name = problem["type"].as_str().unwrap();
    name.strip_prefix("urn:tidegate:problem:")
        .unwrap()
        .to_owned()
}
