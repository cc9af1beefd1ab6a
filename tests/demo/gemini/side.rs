use serde_json::json;

use super::{WHOLE, ask, message, tools, with};
use crate::client::stand;

#[tokio::test]
async fn tokens_are_counted_as_they_are_charged() {
    let stand = stand().await;
    let body = with(
        with(ask("Hi"), tools()),
        json!({"systemInstruction": {"parts": [{"text": "s"}]}}),
    );
    let charged = stand.post(WHOLE, body.clone()).await.json();
    let path = "/v1beta/models/demo-large:countTokens";
    let request = with(body, json!({"model": "models/demo-large"}));
    let counted = stand
        .post(path, json!({"generateContentRequest": request}))
        .await
        .json();
    assert_eq!(
        counted["totalTokens"],
        charged["usageMetadata"]["promptTokenCount"]
    );
    let plain = stand.post(path, ask("Hi")).await.json();
    assert_eq!(plain["totalTokens"], 5);
    assert_eq!(stand.post(path, json!({"messages": []})).await.status, 400);
}

#[tokio::test]
async fn vectors_depend_on_the_text_and_are_those_of_the_other_format() {
    let stand = stand().await;
    let one = "/v1beta/models/demo-embedding:embedContent";
    let batch = "/v1beta/models/demo-embedding:batchEmbedContents";
    let request = |text: &str| json!({"model": "models/demo-embedding", "content": {"parts": [{"text": text}]}, "outputDimensionality": 4});
    let single = stand.post(one, request("a")).await.json();
    let both = stand
        .post(batch, json!({"requests": [request("b"), request("a")]}))
        .await
        .json();
    assert_eq!(single["embedding"], both["embeddings"][1]);
    assert_ne!(both["embeddings"][0], both["embeddings"][1]);
    let chat = json!({"model": "demo-embedding", "input": "a", "dimensions": 4});
    let chat = stand.post("/v1/embeddings", chat).await.json();
    assert_eq!(single["embedding"]["values"], chat["data"][0]["embedding"]);

    let mut foreign = request("a");
    foreign["model"] = json!("models/other");
    let foreign = stand.post(batch, json!({"requests": [foreign]})).await;
    assert!(message(&foreign).contains("requests[0].model"));
    assert_eq!(stand.post(batch, json!({"requests": []})).await.status, 400);
    assert_eq!(
        stand
            .post(one, json!({"content": {"parts": []}}))
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn models_are_listed_in_pages_and_found() {
    let stand = stand().await;
    let mut client = stand.connect().await;
    let all = client.get("/v1beta/models").await.unwrap().json();
    assert_eq!(all["models"][0]["name"], "models/demo-large");
    assert_eq!(all.get("nextPageToken"), None);
    let first = client
        .get("/v1beta/models?pageSize=3")
        .await
        .unwrap()
        .json();
    let next = first["nextPageToken"].as_str().unwrap();
    let path = format!("/v1beta/models?pageSize=3&pageToken={next}");
    let second = client.get(&path).await.unwrap().json();
    assert_eq!(second["models"], json!([all["models"][3]]));
    let one = client
        .get("/v1beta/models/demo-small")
        .await
        .unwrap()
        .json();
    assert_eq!(one, all["models"][1]);
    assert_eq!(client.get("/v1beta/models/none").await.unwrap().status, 404);
    let chat = client.get("/v1/models").await.unwrap().json();
    assert_eq!(chat["object"], "list");
}
