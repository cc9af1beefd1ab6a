//! The model's name in answers that are told anew: never empty, and the virtual one where that is wanted.

use bytes::Bytes;
use serde_json::{Value, json};
use tidegate::demo::{Match, Step};

use crate::formats::{FORMATS, each, is_stream, question};
use crate::harness::{Answer, Gateway, TestVendor};
use crate::manners::{asked_directly, says};

const REQUESTED: &str = "  reply_model: requested\n";

/// The names that an answer says, wherever its format does.
fn names(answer: &Answer) -> Vec<String> {
    let of = |value: &Value| {
        [
            "/model",
            "/modelVersion",
            "/message/model",
            "/response/model",
        ]
        .iter()
        .find_map(|place| Some(value.pointer(place)?.as_str()?.to_owned()))
    };
    match is_stream(answer) {
        true => answer.events().iter().filter_map(of).collect(),
        false => of(&answer.json()).into_iter().collect(),
    }
}

/// What the vendor answers, without a name or with an empty one.
fn nameless(answer: &Answer, empty: &str) -> Bytes {
    let mut without = answer.text();
    for key in ["model", "modelVersion"] {
        for space in ["", " "] {
            let named = format!("\"{key}\":{space}\"demo-sonnet\"");
            without = without.replace(&named, &format!("\"{key}\":{empty}"));
        }
    }
    assert!(!without.contains("demo-sonnet"), "{without}");
    without.into()
}

async fn rests_nameless(vendor: &TestVendor, format: &str, stream: bool, empty: &str) {
    vendor.vendor.always(Match::default(), None);
    let own = asked_directly(vendor, format, question(format, "demo-sonnet", stream)).await;
    says(vendor, &own, nameless(&own, empty));
}

async fn check(gateway: &Gateway, (from, to): (&str, &str), stream: bool, expected: &str) {
    let (path, body) = question(from, &format!("m-{to}"), stream);
    let answer = gateway.post(&path, &body).await;
    let what = format!("{from} -> {to}, stream {stream}: {}", answer.text());
    assert_eq!(answer.status, 200, "{what}");
    let names = names(&answer);
    assert!(!names.is_empty(), "{what}");
    assert!(names.iter().all(|name| name == expected), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vendor_that_names_no_model_is_named_by_what_it_was_asked_for() {
    for more in ["", REQUESTED] {
        let (vendors, gateway) = each("", more).await;
        for (vendor, (to, _)) in vendors.iter().zip(FORMATS) {
            for stream in [false, true] {
                for empty in ["null", "\"\""] {
                    rests_nameless(vendor, to, stream, empty).await;
                    for (from, _) in FORMATS {
                        let asked = format!("m-{to}");
                        let expected = if more.is_empty() {
                            "demo-sonnet"
                        } else {
                            &*asked
                        };
                        if from != to {
                            check(&gateway, (from, to), stream, expected).await;
                        }
                    }
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_completion_on_a_chat_vendor_says_the_same_names() {
    for more in ["", REQUESTED] {
        let (vendors, gateway) = each("", more).await;
        for (vendor, (to, _)) in vendors.iter().zip(FORMATS) {
            for stream in [false, true] {
                for nameless in [false, true] {
                    match nameless {
                        true => rests_nameless(vendor, to, stream, "null").await,
                        false => vendor.vendor.always(Match::default(), None),
                    }
                    let nowhere = Match::path("/v1/completions");
                    vendor
                        .vendor
                        .always(nowhere.clone(), Some(Step::status(404)));
                    let asked = format!("m-{to}");
                    let body = json!({ "model": asked, "prompt": "say: tide", "stream": stream });
                    let answer = gateway.post("/v1/completions", &body).await;
                    let what = format!("{to}, stream {stream}, {nameless}: {}", answer.text());
                    assert_eq!(answer.status, 200, "{what}");
                    let expected = if more.is_empty() {
                        "demo-sonnet"
                    } else {
                        &*asked
                    };
                    let names = names(&answer);
                    assert!(!names.is_empty(), "{what}");
                    assert!(names.iter().all(|name| name == expected), "{what}");
                }
            }
        }
    }
}
