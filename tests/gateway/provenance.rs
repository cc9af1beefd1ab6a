//! Opaque state prefers who issued it: also where nothing else keeps a conversation at its endpoint.

use serde_json::{Value, json};
use tidegate::demo::{Match, Setup, Step, Vendor};

use crate::harness::{Gateway, TestVendor};

/// Vendors `a` and `b` of these formats side by side behind the model `m`, which is sticky to nobody and chooses by the dice.
async fn side_by_side(format_a: &str, format_b: &str) -> ([TestVendor; 2], Gateway) {
    let vendor = async |name: &str| {
        let setup = Setup {
            name: name.to_owned(),
            ..Setup::default()
        };
        TestVendor::serve(Vendor::new(setup)).await
    };
    let vendors = [vendor("a").await, vendor("b").await];
    let section = format!(
        "  providers:
    - {{ name: a, format: {format_a}, base_url: \"http://{}\", keys: [ k-a ] }}
    - {{ name: b, format: {format_b}, base_url: \"http://{}\", keys: [ k-b ] }}
  models:
    - name: m
      sticky: off
      balance: least_busy
      endpoints:
        - {{ provider: a, model: demo-sonnet, retries: 0 }}
        - {{ provider: b, model: demo-sonnet, retries: 0 }}
",
        vendors[0].addr, vendors[1].addr
    );
    let gateway = Gateway::start(&section).await;
    (vendors, gateway)
}

/// The first turn of a conversation, of which the answer calls the tool.
fn first(format: &str, number: usize) -> (String, Value) {
    let text = format!("conversation {number}: use the tool look");
    let schema = json!({ "type": "object", "properties": {} });
    match format {
        "anthropic" => (
            "/v1/messages".into(),
            json!({
                "model": "m", "max_tokens": 4000,
                "thinking": { "type": "enabled", "budget_tokens": 2000 },
                "tools": [{ "name": "look", "input_schema": schema }],
                "messages": [{ "role": "user", "content": text }],
            }),
        ),
        "openai_chat" => (
            "/v1/chat/completions".into(),
            json!({
                "model": "m", "reasoning_effort": "medium",
                "tools": [{ "type": "function", "function": { "name": "look", "parameters": schema } }],
                "messages": [{ "role": "user", "content": text }],
            }),
        ),
        "openai_responses" => (
            "/v1/responses".into(),
            json!({
                "model": "m", "store": false, "include": ["reasoning.encrypted_content"],
                "reasoning": { "effort": "medium" },
                "tools": [{ "type": "function", "name": "look", "parameters": schema }],
                "input": [{ "role": "user", "content": text }],
            }),
        ),
        _ => (
            "/v1beta/models/m:generateContent".into(),
            json!({
                "generationConfig": { "thinkingConfig": { "thinkingBudget": 2000, "includeThoughts": true } },
                "tools": [{ "functionDeclarations": [{ "name": "look", "parameters": schema }] }],
                "contents": [{ "role": "user", "parts": [{ "text": text }] }],
            }),
        ),
    }
}

/// The second turn: the answer as it came, and what the tool has found.
fn second(format: &str, first: &Value, answer: &Value) -> Value {
    let mut body = first.clone();
    match format {
        "anthropic" => {
            let content = &answer["content"];
            let call = content.as_array().unwrap().last().unwrap();
            let result =
                json!({ "type": "tool_result", "tool_use_id": call["id"], "content": "seen" });
            let turns = body["messages"].as_array_mut().unwrap();
            turns.push(json!({ "role": "assistant", "content": content }));
            turns.push(json!({ "role": "user", "content": [result] }));
        }
        "openai_chat" => {
            let message = &answer["choices"][0]["message"];
            let call = &message["tool_calls"][0];
            let turns = body["messages"].as_array_mut().unwrap();
            turns.push(
                json!({ "role": "assistant", "content": null, "tool_calls": [
                { "id": call["id"], "type": "function", "function": call["function"] },
            ] }),
            );
            turns.push(json!({ "role": "tool", "tool_call_id": call["id"], "content": "seen" }));
        }
        "openai_responses" => {
            let turns = body["input"].as_array_mut().unwrap();
            let output = answer["output"].as_array().unwrap();
            turns.extend(output.iter().cloned());
            let call = output.last().unwrap();
            turns.push(json!({ "type": "function_call_output", "call_id": call["call_id"], "output": "seen" }));
        }
        _ => {
            let content = &answer["candidates"][0]["content"];
            let call = &content["parts"].as_array().unwrap().last().unwrap()["functionCall"];
            let turns = body["contents"].as_array_mut().unwrap();
            turns.push(content.clone());
            let mut outcome = json!({ "name": "look", "response": { "output": "seen" } });
            if call["id"].is_string() {
                outcome["id"] = call["id"].clone();
            }
            turns.push(json!({ "role": "user", "parts": [{ "functionResponse": outcome }] }));
        }
    }
    body
}

/// Two turns; who answered each.
async fn converse(gateway: &Gateway, format: &str, number: usize) -> (String, String) {
    let (path, body) = first(format, number);
    let answer = gateway.post(&path, &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let later = second(format, &body, &answer.json());
    let again = gateway.post(&path, &later).await;
    assert_eq!(again.status, 200, "{later}: {}", again.text());
    (answer.route().to_owned(), again.route().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_later_turn_goes_to_the_issuer_of_its_state_while_it_is_well() {
    for (client, a, b) in [
        ("anthropic", "anthropic", "anthropic"),
        ("openai_chat", "anthropic", "gemini"),
        ("openai_responses", "openai_responses", "anthropic"),
        ("gemini", "gemini", "openai_responses"),
        ("anthropic", "openai_responses", "gemini"),
    ] {
        let (_vendors, gateway) = side_by_side(a, b).await;
        let mut asked = [0, 0];
        for number in 0..200 {
            let (one, two) = converse(&gateway, client, number).await;
            assert_eq!(one, two, "{client} on {a}, {b}: conversation {number}");
            asked[usize::from(one.starts_with('b'))] += 1;
        }
        assert!(
            asked[0] > 40 && asked[1] > 40,
            "{client}: first turns are balanced: {asked:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_cools_is_done_without_and_its_state_goes_nowhere_else() {
    for (client, a, b) in [
        ("anthropic", "anthropic", "anthropic"),
        ("openai_chat", "anthropic", "anthropic"),
        ("openai_responses", "openai_responses", "openai_responses"),
    ] {
        let (vendors, gateway) = side_by_side(a, b).await;
        let (path, body) = first(client, 1);
        let answer = gateway.post(&path, &body).await;
        let issuer = usize::from(answer.route().starts_with('b'));
        let [one, other] = [&vendors[issuer], &vendors[1 - issuer]];
        one.vendor.always(Match::default(), Some(Step::status(500)));
        let later = second(client, &body, &answer.json());
        let again = gateway.post(&path, &later).await;
        assert_eq!(again.status, 200, "{client}: {}", again.text());
        assert_ne!(answer.route(), again.route(), "{client}");
        let asked = one.vendor.requests().last().unwrap().json();
        let holds = |body: &Value| {
            let body = body.to_string();
            body.contains("\"signature\"") || body.contains("encrypted_content\":")
        };
        assert!(holds(&asked), "{client}: {asked}");
        let told = other.vendor.requests().last().unwrap().json();
        assert!(!holds(&told), "{client}: {told}");
        // It cools: the next one asks the other at once, and the one after its rest the issuer again.
        let count = one.vendor.requests().len();
        let cooled = gateway.post(&path, &later).await;
        assert_eq!(cooled.route(), again.route(), "{client}");
        assert_eq!(one.vendor.requests().len(), count, "{client}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_on_from_a_stored_response_goes_to_the_vendor_that_stores_it() {
    let (vendors, gateway) = side_by_side("openai_responses", "openai_responses").await;
    for number in 0..40 {
        let stream = number % 2 == 0;
        let body =
            json!({ "model": "m", "stream": stream, "input": format!("{number}: say: tide") });
        let answer = gateway.post("/v1/responses", &body).await;
        let id = match stream {
            true => answer.events()[0]["response"]["id"].clone(),
            false => answer.json()["id"].clone(),
        };
        let later = json!({ "model": "m", "previous_response_id": id, "input": "go on" });
        let before: Vec<usize> = vendors.iter().map(|v| v.vendor.requests().len()).collect();
        // The demo vendor stores nothing, and says so.
        let refused = gateway.post("/v1/responses", &later).await;
        assert_eq!(refused.status, 400, "{}", refused.text());
        let issuer = usize::from(answer.route().starts_with('b'));
        assert_eq!(
            vendors[issuer].vendor.requests().len(),
            before[issuer] + 1,
            "conversation {number}"
        );
    }
}
