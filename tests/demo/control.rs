use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tidegate::demo::{Ending, Match, Step};

use crate::client::{Client, PATIENCE, stand};

const CHAT: &str = "/v1/chat/completions";

fn chat(model: &str) -> Value {
    json!({"model": model, "messages": [{"role": "user", "content": "Hi"}]})
}

#[tokio::test]
async fn the_ledger_tells_what_came_and_over_which_connection() {
    let stand = stand().await;
    let mut client = stand.connect().await;
    let body = chat("demo").to_string();
    let request = Request::post("/team/v1/chat/completions?beta=true").header("x-team", "search");
    client
        .send(request.body(Full::new(Bytes::from(body.clone()))).unwrap())
        .await
        .unwrap();
    client.post(CHAT, chat("demo-b")).await.unwrap();
    stand.post(CHAT, chat("demo")).await;

    let seen = stand.vendor.requests();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[0].path, "/team/v1/chat/completions");
    assert_eq!(seen[0].query.as_deref(), Some("beta=true"));
    assert_eq!(seen[0].header("x-team"), Some("search"));
    assert_eq!(seen[0].body_bytes, body.len() as u64);
    let sum: String = Sha256::digest(&body)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    assert_eq!(seen[0].body_sha256.as_deref(), Some(sum.as_str()));
    assert_eq!(seen[0].json(), chat("demo"));
    assert_eq!(seen[0].ending(), Some(Ending::Whole));
    assert!(seen[0].arrived <= seen[0].received.unwrap() && seen[0].received <= seen[0].answered);
    assert_eq!(seen[0].connection, seen[1].connection);
    assert_eq!((seen[0].on_connection, seen[1].on_connection), (1, 2));
    assert_ne!(seen[0].connection, seen[2].connection);
    assert_eq!(seen[1].model.as_deref(), Some("demo-b"));
    assert_eq!(stand.vendor.connections().0, 2);
}

#[tokio::test]
async fn both_versions_of_http_are_spoken_on_one_port() {
    let stand = stand().await;
    stand.post(CHAT, chat("demo")).await;
    let mut client = Client::h2(stand.addr).await;
    let reply = client.post(CHAT, chat("demo")).await.unwrap();
    assert_eq!(reply.status, 200);
    client.post(CHAT, chat("demo")).await.unwrap();
    let versions: Vec<_> = stand
        .vendor
        .requests()
        .into_iter()
        .map(|s| s.version)
        .collect();
    assert_eq!(versions, ["HTTP/1.1", "HTTP/2.0", "HTTP/2.0"]);
    assert_eq!(stand.vendor.requests()[2].on_connection, 2);
}

#[tokio::test]
async fn scripts_are_used_up_in_order_and_hold_for_models_keys_and_paths() {
    let stand = stand().await;
    stand.vendor.script(
        "own-name",
        [Step::status(500), Step::status(429).retry_after(7)],
    );
    let mut client = stand.connect().await;
    assert_eq!(
        client.post(CHAT, chat("own-name")).await.unwrap().status,
        500
    );
    assert_eq!(client.post(CHAT, chat("demo")).await.unwrap().status, 200);
    let limited = client.post(CHAT, chat("own-name")).await.unwrap();
    assert_eq!(
        (limited.status.as_u16(), limited.header("retry-after")),
        (429, "7")
    );
    assert_eq!(
        client.post(CHAT, chat("own-name")).await.unwrap().status,
        200
    );
    stand
        .vendor
        .always(Match::path("/models"), Some(Step::status(503)));
    assert_eq!(client.get("/v1/models").await.unwrap().status, 503);
    stand.vendor.clear_script();
    assert_eq!(client.get("/v1/models").await.unwrap().status, 200);
}

#[tokio::test]
async fn the_control_api_takes_scripts_and_gives_the_ledger() {
    let stand = stand().await;
    let mut client = stand.connect().await;
    let order = json!({"model": "demo", "steps": [{"error": "context_length"}, []]});
    assert_eq!(
        client.post("/demo/script", order).await.unwrap().json(),
        json!({"waiting": 2})
    );
    let refused = client.post(CHAT, chat("demo")).await.unwrap();
    assert_eq!(refused.json()["error"]["code"], "context_length_exceeded");
    assert_eq!(client.post(CHAT, chat("demo")).await.unwrap().status, 200);

    let ledger = client.get("/demo/requests?since=1").await.unwrap().json();
    let requests = ledger["requests"].as_array().unwrap();
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0]["status"], 200);
    assert_eq!(requests[0]["body"], chat("demo").to_string());
    let wrong = client
        .post("/demo/script", json!({"steps": ["rset"]}))
        .await
        .unwrap();
    assert_eq!(wrong.status, 400);
    assert_eq!(client.get("/demo/else").await.unwrap().status, 404);
    let forget = Request::delete("/demo/requests")
        .body(Full::default())
        .unwrap();
    assert_eq!(client.send(forget).await.unwrap().status, 200);
    assert!(stand.vendor.requests().is_empty());
}

#[tokio::test]
async fn names_of_models_carry_faults_and_a_stopped_vendor_ends_its_connections() {
    let stand = stand().await;
    let mut client = stand.connect().await;
    let limited = client.post(CHAT, chat("demo-429")).await.unwrap();
    assert_eq!(
        (limited.status.as_u16(), limited.header("retry-after")),
        (429, "1")
    );
    assert_eq!(
        client.post(CHAT, chat("demo-500")).await.unwrap().status,
        500
    );
    let mut stream = chat("demo-no-done");
    stream["stream"] = json!(true);
    let open = client.post(CHAT, stream).await.unwrap();
    assert!(
        open.end.is_ok() && !open.text().contains("[DONE]") && open.text().contains(r#""stop""#)
    );

    let mut stalled = chat("demo-stall");
    stalled["stream"] = json!(true);
    let waiting = tokio::spawn(async move { client.post(CHAT, stalled).await });
    let asked = |seen: &[tidegate::demo::Seen]| seen.len() == 4 && seen[3].answered.is_some();
    stand.vendor.until(PATIENCE, asked).await.unwrap();
    stand.stop();
    let reply = waiting.await.unwrap();
    assert!(reply.is_err() || reply.is_ok_and(|r| r.end.is_err()));
}
