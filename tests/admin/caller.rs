//! An operator and a client of one gateway, and everything that it has ever told them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http::header::{AUTHORIZATION, HeaderValue};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::net::TcpStream;

use crate::harness::{Answer, Gateway, PATIENCE, post};
use crate::house::{API, Visitor, asked};

/// What was told, head and body.
#[derive(Debug, Clone, Default)]
pub struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    pub fn note(&self, what: &str, answer: &Answer) {
        let text = format!("{what}: {:?}\n{}", answer.headers, answer.text());
        self.0.lock().push(text);
    }

    pub fn note_text(&self, text: &str) {
        self.0.lock().push(text.to_owned());
    }

    pub fn all(&self) -> Vec<String> {
        self.0.lock().clone()
    }
}

/// Somebody who may change things, and says what they expect.
pub struct Operator<'g> {
    pub gateway: &'g Gateway,
    pub visitor: Visitor,
    pub heard: Heard,
}

impl Operator<'_> {
    pub async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let answer = self.visitor.ask(self.gateway, method, path, body).await;
        self.heard.note(&format!("{method} {path}"), &answer);
        answer
    }

    /// The answer's JSON, of the status that it must have.
    pub async fn told(
        &self,
        (method, path): (&str, &str),
        body: Option<&Value>,
        status: u16,
    ) -> Value {
        let answer = self.ask(method, path, body).await;
        let text = answer.text();
        assert_eq!(answer.status.as_u16(), status, "{method} {path}: {text}");
        match text.as_str() {
            "" => Value::Null,
            _ => answer.json(),
        }
    }

    pub async fn get(&self, path: &str) -> Value {
        self.told(("GET", path), None, 200).await
    }

    pub async fn post(&self, path: &str, body: &Value, status: u16) -> Value {
        self.told(("POST", path), Some(body), status).await
    }

    pub async fn delete(&self, path: &str) {
        self.told(("DELETE", path), None, 204).await;
    }

    /// What the account uses of its term; of a client key.
    pub async fn used(&self, key: &str, limit: &str) -> Value {
        let limits = self.get("/limits").await;
        let account = found(&limits["client_keys"], "name", key);
        found(&account["terms"], "limit", limit)
    }
}

/// The row of a list whose member is so; null where there is none.
pub fn found(list: &Value, member: &str, is: &str) -> Value {
    let mut rows = list.as_array().into_iter().flatten();
    rows.find(|row| row[member] == is)
        .cloned()
        .unwrap_or_default()
}

/// A call of the model in a format, by a client key.
pub fn call(format: &str, key: &str, model: &str) -> Request<Full<Bytes>> {
    let user = json!([ { "role": "user", "content": "hello" } ]);
    let mut request = match format {
        "openai_chat" => post(
            "/v1/chat/completions",
            &json!({ "model": model, "max_tokens": 40, "messages": user }),
        ),
        "anthropic" => post(
            "/v1/messages",
            &json!({ "model": model, "max_tokens": 40, "messages": user }),
        ),
        // The key in the address: where it is written down most easily.
        _ => {
            let parts = json!([ { "role": "user", "parts": [ { "text": "hello" } ] } ]);
            let path = format!("/v1beta/models/{model}:generateContent?key={key}");
            return post(&path, &json!({ "contents": parts }));
        }
    };
    let value = HeaderValue::try_from(format!("Bearer {key}")).unwrap();
    request.headers_mut().insert(AUTHORIZATION, value);
    request
}

/// The stream of events, open.
pub struct Events {
    body: hyper::body::Incoming,
    driver: tokio::task::JoinHandle<hyper::Result<()>>,
    pub text: String,
}

impl Events {
    pub async fn open(operator: &Operator<'_>) -> Events {
        let stream = TcpStream::connect(operator.gateway.addr).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let driver = tokio::spawn(connection);
        let cookie = operator.visitor.cookie.clone().unwrap_or_default();
        let bearer = operator.visitor.bearer.clone().unwrap_or_default();
        let headers = [("cookie", &*cookie), ("authorization", &*bearer)];
        let held: Vec<_> = headers
            .into_iter()
            .filter(|(_, of)| !of.is_empty())
            .collect();
        let request = asked("GET", &[API, "/events"].concat(), &held, None);
        let answer = sender.send_request(request).await.unwrap();
        assert_eq!(answer.status(), 200);
        Events {
            body: answer.into_body(),
            driver,
            text: String::new(),
        }
    }

    /// Reads on until all of these were said.
    pub async fn until(&mut self, said: &[&str]) {
        let reading = async {
            while !said.iter().all(|one| self.text.contains(one)) {
                let frame = self.body.frame().await.expect("no end").unwrap();
                let data = frame.into_data().unwrap_or_default();
                self.text.push_str(&String::from_utf8_lossy(&data));
            }
        };
        let came = tokio::time::timeout(PATIENCE.min(Duration::from_secs(30)), reading).await;
        assert!(came.is_ok(), "{said:?} in {}", self.text);
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.driver.abort();
    }
}
