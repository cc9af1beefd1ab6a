//! Vendors' errors as each client knows them, over every pair of formats: as the answer, under a good status, before the
//! content of a stream, and inside of it.

use serde_json::Value;
use tidegate::demo::{Break, ErrorKind, Fault, Hollow, Match, Place, Step};

use crate::formats::{FORMATS, each, is_stream, question};
use crate::harness::{Answer, post};
use crate::manners::asked_directly;

const RESTS_SHORTLY: &str = "  cooldown: { base: 1ms, max: 1ms, probe_after: 1ms }
  breaker: { failures: 100000 }
  retry: { retries: 0, patience: 0ms, base: 1ms, max: 1ms }
";

/// A kind as its clients are told: status and code of OpenAI's (empty: any), status and type of Anthropic's, status and name
/// of Google's.
type Told = (
    ErrorKind,
    (u16, &'static str),
    (u16, &'static str),
    (u16, &'static str),
);

const TOLD: [Told; 11] = [
    (
        ErrorKind::InvalidRequest,
        (400, ""),
        (400, "invalid_request_error"),
        (400, "INVALID_ARGUMENT"),
    ),
    (
        ErrorKind::InvalidKey,
        (401, "invalid_api_key"),
        (401, "authentication_error"),
        (401, "UNAUTHENTICATED"),
    ),
    (
        ErrorKind::Permission,
        (403, ""),
        (403, "permission_error"),
        (403, "PERMISSION_DENIED"),
    ),
    (
        ErrorKind::ModelNotFound,
        (404, ""),
        (404, "not_found_error"),
        (404, "NOT_FOUND"),
    ),
    (
        ErrorKind::TooLarge,
        (413, ""),
        (413, "request_too_large"),
        (413, "INVALID_ARGUMENT"),
    ),
    (
        ErrorKind::RateLimit,
        (429, "rate_limit_exceeded"),
        (429, "rate_limit_error"),
        (429, "RESOURCE_EXHAUSTED"),
    ),
    (
        ErrorKind::Overloaded,
        (503, ""),
        (529, "overloaded_error"),
        (503, "UNAVAILABLE"),
    ),
    (
        ErrorKind::ContextLength,
        (400, "context_length_exceeded"),
        (400, "invalid_request_error"),
        (400, "INVALID_ARGUMENT"),
    ),
    (
        ErrorKind::InsufficientQuota,
        (429, "insufficient_quota"),
        (402, "billing_error"),
        (429, "RESOURCE_EXHAUSTED"),
    ),
    (
        ErrorKind::Timeout,
        (504, ""),
        (504, "timeout_error"),
        (504, "DEADLINE_EXCEEDED"),
    ),
    (
        ErrorKind::Internal,
        (500, ""),
        (500, "api_error"),
        (500, "INTERNAL"),
    ),
];

/// How a client of a format is told: code, type or status name, whichever it goes by.
fn word(client: &str, error: &Value) -> String {
    let key = match client {
        "anthropic" => "type",
        "gemini" => "status",
        _ => "code",
    };
    error[key].as_str().unwrap_or_default().to_owned()
}

fn is_family(one: &str, other: &str) -> bool {
    one == other || (one.starts_with("openai") && other.starts_with("openai"))
}

/// Where vendors say less than the kind, or say it in their own way.
fn is_like(kind: ErrorKind, got: u16, expected: u16) -> bool {
    got == expected
        // OpenAI's own timeout, and what we say where a vendor under a good status has no status.
        || (kind == ErrorKind::Timeout && got == 408)
        || (kind == ErrorKind::Internal && got == 502)
}

fn check((from, to): (&str, &str), told: Told, how: &str, answer: &Answer) {
    let (kind, openai, anthropic, gemini) = told;
    let what = format!(
        "{kind:?} {how} {from} -> {to}: {} {}",
        answer.status,
        answer.text()
    );
    let (status, expected) = match from {
        "anthropic" => anthropic,
        "gemini" => gemini,
        _ => openai,
    };
    let error = answer.error();
    assert!(
        error["message"].as_str().is_some_and(|m| !m.is_empty()),
        "{what}"
    );
    if how == "inside" {
        assert!(is_stream(answer) && answer.clean, "{what}");
    } else {
        assert!(is_like(kind, answer.status.as_u16(), status), "{what}");
    }
    if from == "gemini" && how != "inside" {
        assert_eq!(error["code"], answer.status.as_u16(), "{what}");
    }
    let word = word(from, &error);
    assert!(expected.is_empty() || word == expected, "{what}");
    if kind == ErrorKind::RateLimit && how == "head" {
        let after: u64 = answer.header("retry-after").parse().unwrap();
        assert!((50..=60).contains(&after), "{what}: {after}");
    }
}

/// What differs by the vendor: what it cannot say, and what it says of its own.
fn is_special(kind: ErrorKind, to: &str, how: &str) -> bool {
    match (kind, to) {
        // It knows no empty accounts, only quotas.
        (ErrorKind::InsufficientQuota, "gemini") => true,
        // Without a status there is only a wrong request.
        (ErrorKind::TooLarge, _) => how != "head" && to.starts_with("openai"),
        _ => false,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_is_told_in_its_own_words_whoever_answers() {
    let shared = each(", retries: 0", RESTS_SHORTLY).await;
    for told in TOLD {
        let kind = told.0;
        let head = match kind {
            ErrorKind::RateLimit => Step::status(429).retry_after(60),
            kind => Step::error(kind),
        };
        for (how, step) in [
            ("head", head),
            ("200", Fault::Hollow(Hollow::Error(kind)).into()),
            ("start", Step::broken(Place::Preamble, Break::Error(kind))),
            ("inside", Step::broken(Place::Events(1), Break::Error(kind))),
        ] {
            let mut own = None;
            let stream = matches!(how, "start" | "inside");
            for (from, _) in FORMATS {
                if kind == ErrorKind::RateLimit {
                    // Nobody rests from what was before.
                    own = Some(each(", retries: 0", RESTS_SHORTLY).await);
                }
                let (vendors, gateway) = own.as_ref().unwrap_or(&shared);
                for (vendor, (to, _)) in vendors.iter().zip(FORMATS) {
                    vendor.vendor.always(Match::default(), Some(step.clone()));
                    let (path, body) = question(from, &format!("m-{to}"), stream);
                    let answer = gateway.post(&path, &body).await;
                    if is_special(kind, to, how) {
                        assert!(answer.error().is_object(), "{}", answer.text());
                    } else if !is_family(from, to) {
                        check((from, to), told, how, &answer);
                    } else if from == to && how == "head" {
                        let own = asked_directly(vendor, to, question(to, "demo-sonnet", stream));
                        let own = own.await;
                        assert_eq!(answer.status, own.status, "{from}: {}", answer.text());
                        let (told, own) = (word(to, &answer.error()), word(to, &own.error()));
                        assert!(own.is_empty() || told == own, "{kind:?}: {told} {own}");
                    } else if from == to && kind == ErrorKind::Overloaded {
                        check((from, to), told, how, &answer);
                    } else {
                        assert!(answer.error().is_object(), "{}", answer.text());
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(3)).await;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_numbered_stream_that_is_cut_goes_on_counting_to_its_error() {
    let (vendors, gateway) = each("", RESTS_SHORTLY).await;
    for (vendor, (to, _)) in vendors.iter().zip(FORMATS) {
        for how in [Break::Close, Break::Error(ErrorKind::Internal)] {
            let step = Step::broken(Place::Events(3), how);
            vendor.vendor.always(Match::default(), Some(step));
            let (path, mut body) = question("openai_responses", &format!("m-{to}"), true);
            body["input"] = "say: one two three four five six".into();
            let answer = gateway.post(&path, &body).await;
            let numbers: Vec<u64> = answer
                .events()
                .iter()
                .map(|event| event["sequence_number"].as_u64().unwrap())
                .collect();
            assert!(numbers.len() > 4, "{to}: {}", answer.text());
            assert!(
                numbers.windows(2).all(|pair| pair[0] + 1 == pair[1]),
                "{to} {how:?}: {numbers:?}"
            );
            assert!(answer.error().is_object(), "{to}: {}", answer.text());
            tokio::time::sleep(std::time::Duration::from_millis(3)).await;
        }
    }
}

/// What each client is told of something that no vendor has said: OpenAI's `code`, Anthropic's type, Google's name.
fn is_told(answer: &Answer, from: &str, status: u16, words: (&str, &str, &str)) {
    let what = format!("{from}: {} {}", answer.status, answer.text());
    assert_eq!(answer.status.as_u16(), status, "{what}");
    let error = answer.error();
    assert!(
        error["message"].as_str().is_some_and(|m| m.ends_with('.')),
        "{what}"
    );
    let (openai, anthropic, gemini) = words;
    let expected = match from {
        "anthropic" => anthropic,
        "gemini" => gemini,
        _ => openai,
    };
    assert!(
        expected.is_empty() || word(from, &error) == expected,
        "{what}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_is_a_timeout_in_every_format_before_content_and_behind_it() {
    let short = [
        RESTS_SHORTLY,
        "  timeouts: { first_token: 150ms, response: 150ms, idle: 150ms }\n",
    ]
    .concat();
    let (vendors, gateway) = each(", retries: 0", &short).await;
    for (from, _) in FORMATS {
        for (vendor, (to, _)) in vendors.iter().zip(FORMATS) {
            for (step, stream) in [
                (Step::from(Fault::NoAnswer), false),
                (Step::broken(Place::Preamble, Break::Stall), true),
                (Step::broken(Place::Events(1), Break::Stall), true),
            ] {
                vendor.vendor.always(Match::default(), Some(step.clone()));
                let (path, body) = question(from, &format!("m-{to}"), stream);
                let answer = gateway.post(&path, &body).await;
                let inside = step == Step::broken(Place::Events(1), Break::Stall);
                let words = ("", "timeout_error", "DEADLINE_EXCEEDED");
                is_told(&answer, from, if inside { 200 } else { 504 }, words);
                tokio::time::sleep(std::time::Duration::from_millis(3)).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_refusals_are_in_the_callers_format() {
    let more = "  auth: keys
  limits: { max_body: 1KiB }
  client_keys:
    - { name: all, value: tg-all-0123456789 }
    - { name: few, value: tg-few-0123456789, models: [ m-gemini ] }
";
    let (_vendors, gateway) = each("", more).await;
    let ask = async |from: &str, model: &str, key: &str, text: &str| {
        let (path, body) = question(from, model, false);
        let body = serde_json::from_str(&body.to_string().replace("say: tide", text)).unwrap();
        let mut request = post(&path, &body);
        let name = if from == "gemini" {
            "x-goog-api-key"
        } else {
            "x-api-key"
        };
        request.headers_mut().insert(name, key.parse().unwrap());
        gateway.send(request).await
    };
    for (from, _) in FORMATS {
        let answer = ask(from, "m-gemini", "tg-nobody-0123456789", "a").await;
        let words = ("invalid_api_key", "authentication_error", "UNAUTHENTICATED");
        is_told(&answer, from, 401, words);
        let answer = ask(from, "m-anthropic", "tg-few-0123456789", "a").await;
        is_told(
            &answer,
            from,
            403,
            ("", "permission_error", "PERMISSION_DENIED"),
        );
        let answer = ask(from, "nobody", "tg-all-0123456789", "a").await;
        is_told(
            &answer,
            from,
            404,
            ("model_not_found", "not_found_error", "NOT_FOUND"),
        );
        let answer = ask(from, "m-gemini", "tg-all-0123456789", &"a".repeat(2000)).await;
        is_told(
            &answer,
            from,
            413,
            ("", "request_too_large", "INVALID_ARGUMENT"),
        );
        let answer = ask(from, "m-gemini", "tg-few-0123456789", "say: tide").await;
        assert_eq!(answer.status, 200, "{from}: {}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_array_that_breaks_off_is_an_array_whose_last_element_is_the_error() {
    let (vendors, gateway) = each(", retries: 0", RESTS_SHORTLY).await;
    for (vendor, (to, _)) in vendors.iter().zip(FORMATS) {
        for how in [Break::Close, Break::Error(ErrorKind::Overloaded)] {
            let step = Step::broken(Place::Events(2), how);
            vendor.vendor.always(Match::default(), Some(step));
            let path = format!("/v1beta/models/m-{to}:streamGenerateContent");
            let text = "say: one two three four five six";
            let body = serde_json::json!({ "contents": [{ "parts": [{ "text": text }] }] });
            let answer = gateway.post(&path, &body).await;
            let all = answer.json();
            let all = all.as_array().unwrap();
            assert!(all.len() > 1, "{to}: {}", answer.text());
            let error = &all.last().unwrap()["error"];
            assert!(
                error["code"].is_u64() && error["status"].is_string(),
                "{to}: {error}"
            );
            tokio::time::sleep(std::time::Duration::from_millis(3)).await;
        }
    }
}
