use serde_json::{Value, json};
use tidegate::demo::{Break, Early, ErrorKind, Fault, Hollow, Place, Step, Unread};

use crate::client::{Client, Reply, Stand, joined, stand};

const WHOLE: &str = "/v1beta/models/demo:generateContent";
const EVENTS: &str = "/v1beta/models/demo:streamGenerateContent?alt=sse";
const LIST: &str = "/v1beta/models/demo:streamGenerateContent";
const TEXTS: &str = "/candidates/0/content/parts/0/text";

fn words() -> Value {
    json!({"contents": [{"role": "user", "parts": [{"text": "words: 9"}]}]})
}

async fn stepped(stand: &Stand, path: &str, step: impl Into<Step>) -> Reply {
    stand.vendor.script("demo", [step.into()]);
    stand.post(path, words()).await
}

#[tokio::test]
async fn errors_are_statuses_of_google_with_their_words() {
    let stand = stand().await;
    for (kind, code, status, detail) in [
        (ErrorKind::ContextLength, 400, "INVALID_ARGUMENT", ""),
        (ErrorKind::InvalidKey, 400, "INVALID_ARGUMENT", "ErrorInfo"),
        (ErrorKind::Permission, 403, "PERMISSION_DENIED", ""),
        (ErrorKind::ModelNotFound, 404, "NOT_FOUND", ""),
        (
            ErrorKind::RateLimit,
            429,
            "RESOURCE_EXHAUSTED",
            "QuotaFailure",
        ),
        (
            ErrorKind::InsufficientQuota,
            429,
            "RESOURCE_EXHAUSTED",
            "QuotaFailure",
        ),
        (ErrorKind::Internal, 500, "INTERNAL", ""),
        (ErrorKind::Overloaded, 503, "UNAVAILABLE", ""),
        (ErrorKind::Timeout, 504, "DEADLINE_EXCEEDED", ""),
    ] {
        for path in [WHOLE, EVENTS, LIST] {
            let reply = stepped(&stand, path, Step::error(kind)).await;
            assert_eq!(reply.status, code);
            let json = reply.json();
            let error = if path == LIST {
                &json[0]["error"]
            } else {
                &json["error"]
            };
            assert_eq!(
                (&error["code"], &error["status"]),
                (&json!(code), &json!(status))
            );
            assert!(error["message"].is_string());
            let details = error["details"].to_string();
            assert!(details.contains(detail), "{details}");
        }
    }
    let bare = stepped(&stand, WHOLE, Step::status(401)).await;
    assert_eq!(bare.json()["error"]["status"], "UNAUTHENTICATED");
    let hollow = Fault::Hollow(Hollow::Error(ErrorKind::RateLimit));
    let hollow = stepped(&stand, EVENTS, hollow).await;
    assert_eq!(
        (hollow.status.as_u16(), &hollow.json()["error"]["code"]),
        (200, &json!(429))
    );
}

#[tokio::test]
async fn a_forbidden_prompt_is_an_answer_without_candidates() {
    let stand = stand().await;
    let forbidden = Step::error(ErrorKind::ContentPolicy);
    for path in [WHOLE, EVENTS, LIST] {
        let reply = stepped(&stand, path, forbidden.clone()).await;
        assert_eq!(reply.status, 200);
        let answer = match path {
            WHOLE => reply.json(),
            EVENTS => reply.events()[0].clone(),
            _ => reply.json()[0].clone(),
        };
        assert_eq!(
            answer["promptFeedback"]["blockReason"],
            "PROHIBITED_CONTENT"
        );
        assert_eq!(answer.get("candidates"), None);
        assert_eq!(answer["modelVersion"], "demo");
    }
}

#[tokio::test]
async fn streams_fail_at_their_place_in_the_way_that_the_step_says() {
    let stand = stand().await;
    let error = Break::Error(ErrorKind::Overloaded);
    for path in [EVENTS, LIST] {
        let read = |reply: &Reply| match path {
            EVENTS => reply.events(),
            _ => reply.json().as_array().unwrap().clone(),
        };
        let first = stepped(&stand, path, Step::broken(Place::Start, error)).await;
        assert_eq!(read(&first).len(), 1);
        assert_eq!(read(&first)[0]["error"]["status"], "UNAVAILABLE");
        let later = stepped(&stand, path, Step::broken(Place::Events(3), error)).await;
        assert_eq!(joined(&read(&later), TEXTS), "1 2 3");
        assert_eq!(read(&later)[3]["error"]["code"], 503);
        let unfinished = stepped(&stand, path, Step::broken(Place::Content, Break::End)).await;
        assert!(unfinished.end.is_ok() && !unfinished.text().contains("finishReason"));
        assert_eq!(joined(&read(&unfinished), TEXTS), "1 2 3 4 5 6 7 8 9");
        let cut = stepped(&stand, path, Step::broken(Place::Events(3), Break::Close)).await;
        assert!(cut.end.is_err());
        assert!(cut.text().contains("\" 3\"") && !cut.text().contains("\" 4\""));
        let empty = stepped(&stand, path, Fault::EmptyAnswer).await;
        let content = &read(&empty)[0]["candidates"][0]["content"];
        assert_eq!(
            (read(&empty).len(), content),
            (1, &json!({"role": "model"}))
        );
        let free = stepped(&stand, path, Fault::NoUsage).await;
        assert!(!free.text().contains("usageMetadata"));
    }
    let malformed = stepped(&stand, EVENTS, Fault::MalformedEventAt(3)).await;
    let malformed = malformed.events();
    assert_eq!(malformed.iter().filter(|e| e.is_string()).count(), 1);
    assert_eq!(joined(&malformed, TEXTS), "1 2 3 4 5 6 7 8 9");
}

#[tokio::test]
async fn odd_framing_changes_the_bytes_on_the_way_but_not_the_answer() {
    let stand = stand().await;
    for path in [EVENTS, LIST] {
        let plain = stand.post(path, words()).await;
        let crlf = stepped(&stand, path, Fault::CrLf).await.text();
        assert_eq!(
            crlf.replace("\r\n", "\n"),
            plain.text().replace("\r\n", "\n")
        );
        assert!(!crlf.contains("\r\r"));
        let bytes = stepped(&stand, path, Fault::OneByteChunks).await;
        assert_eq!(bytes.bytes(), plain.bytes());
        assert!(bytes.frames.len() > plain.bytes().len() / 2);
        let comments = stepped(&stand, path, Fault::Comments).await.text();
        assert_eq!(comments.replace(": still here\n\n", ""), plain.text());
        assert_eq!(comments.contains(": still"), path == EVENTS);
    }
    let truncated = stepped(&stand, EVENTS, Fault::Hollow(Hollow::Truncated)).await;
    assert!(truncated.text().starts_with("{\n  \"candidates\""));
    assert!(serde_json::from_slice::<Value>(&truncated.bytes()).is_err());
}

#[tokio::test]
async fn faults_in_the_names_of_models_work_where_the_path_has_the_name() {
    let stand = stand().await;
    let limited = stand
        .post("/v1beta/models/demo-429:generateContent", words())
        .await;
    assert_eq!(
        (limited.status.as_u16(), limited.header("retry-after")),
        (429, "1")
    );
    let early = stand
        .post("/v1beta/models/demo-early:generateContent", words())
        .await;
    assert_eq!(
        (early.status.as_u16(), &early.json()["error"]["code"]),
        (429, &json!(429))
    );
    let early = Fault::EarlyAnswer(Early {
        status: 503,
        then: Unread::Drain,
    });
    let early = stepped(&stand, EVENTS, early).await;
    assert_eq!(early.json()["error"]["status"], "UNAVAILABLE");
    let mut h2 = Client::h2(stand.addr).await;
    assert_eq!(h2.post(EVENTS, words()).await.unwrap().events().len(), 10);
}
