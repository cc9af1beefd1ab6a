//! What requests bring: bodies and queries, read strictly. Of what is wrong, the place is told.

use std::fmt;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri};
use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::problem::{Flaw, Problem, Why};

/// A JSON body may have so many bytes: a configuration of 4 MiB, escaped.
pub(super) const LONGEST_BODY: usize = 8 << 20;

/// A JSON object. Its type should have `deny_unknown_fields`.
pub(crate) struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Body<T>, Problem> {
        let bytes = json(request, state).await?;
        is_object(&bytes)?;
        holds_no_nul(&bytes)?;
        read(&bytes).map(Body)
    }
}

/// Any JSON: what an object of the configuration may be.
pub(crate) struct AnyBody(pub Value);

impl<S: Send + Sync> FromRequest<S> for AnyBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<AnyBody, Problem> {
        let bytes = json(request, state).await?;
        holds_no_nul(&bytes)?;
        read::<Unique>(&bytes).map(|Unique(value)| AnyBody(value))
    }
}

/// A value none of whose objects has a member twice: which of them would be meant?
struct Unique(Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Unique, D::Error> {
        from.deserialize_any(UniqueVisitor).map(Unique)
    }
}

struct UniqueVisitor;

impl<'de> de::Visitor<'de> for UniqueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Unique(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut map = serde_json::Map::new();
        while let Some((name, Unique(value))) = members.next_entry::<String, Unique>()? {
            if map.contains_key(&name) {
                let text = format!("the member `{name}` stands there twice");
                return Err(de::Error::custom(text));
            }
            map.insert(name, value);
        }
        Ok(Value::Object(map))
    }
}

async fn json<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, Problem> {
    is_json(request.headers())?;
    let bytes = Bytes::from_request(request, state).await;
    bytes.map_err(|e| unread(&e))
}

/// Members are told by their names: serde would take a list of values in their order, too.
fn is_object(bytes: &[u8]) -> Result<(), Problem> {
    match bytes.trim_ascii_start().first() {
        Some(b'[') => Err(wrong_body(None, "a list, where an object is expected")),
        _ => Ok(()),
    }
}

/// No text of a database holds a NUL. What else is wrong with the body is told by who reads it.
fn holds_no_nul(bytes: &[u8]) -> Result<(), Problem> {
    if memchr::memmem::find(bytes, b"\\u0000").is_none() {
        return Ok(());
    }
    let value: Value = serde_json::from_slice(bytes).unwrap_or_default();
    match place_of_nul(&value) {
        Some(place) => Err(wrong_body(
            Some(place.trim_start_matches('.')).filter(|place| !place.is_empty()),
            "a text holds no NUL",
        )),
        None => Ok(()),
    }
}

/// `endpoints[0].model`
fn place_of_nul(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => {
            let mut items = items.iter().enumerate();
            items.find_map(|(at, item)| Some(format!("[{at}]{}", place_of_nul(item)?)))
        }
        Value::Object(members) => members.iter().find_map(|(name, value)| {
            let place = match name.contains('\0') {
                true => String::new(),
                false => place_of_nul(value)?,
            };
            Some(format!(".{}{place}", name.replace('\0', "\u{fffd}")))
        }),
        _ => None,
    }
}

/// A member of the body that is not what its call takes: of its place, where it has one.
pub(super) fn wrong_body(field: Option<&str>, message: impl Into<String>) -> Problem {
    let detail = "The body is not what this call takes.";
    Problem::new(Why::Invalid, detail).flaw(Flaw {
        field: field.map(str::to_owned),
        message: message.into(),
        ..Flaw::default()
    })
}

/// The same of a parameter of the query.
pub(super) fn wrong_query(field: Option<&str>, message: impl Into<String>) -> Problem {
    let detail = "The query is not what this call takes.";
    Problem::new(Why::BadRequest, detail).flaw(Flaw {
        field: field.map(str::to_owned),
        message: message.into(),
        ..Flaw::default()
    })
}

fn is_json(headers: &HeaderMap) -> Result<(), Problem> {
    let of = headers.get(CONTENT_TYPE);
    let of = of.map_or("", |of| of.to_str().unwrap_or("?"));
    let bare = of.split(';').next().unwrap_or("").trim();
    let bare = bare.to_ascii_lowercase();
    if bare == "application/json" || (bare.starts_with("application/") && bare.ends_with("+json")) {
        return Ok(());
    }
    let got = match of {
        "" => "The request has no Content-Type".to_owned(),
        of => format!("Content-Type {of:?} is not served here"),
    };
    let detail = format!("{got}: send application/json.");
    Err(Problem::new(Why::MediaType, detail))
}

fn unread(e: &BytesRejection) -> Problem {
    if e.status().as_u16() == 413 {
        let most = LONGEST_BODY >> 20;
        return Problem::new(
            Why::TooLarge,
            format!("The body has more than {most} MiB, which is all that is taken."),
        );
    }
    Problem::new(Why::BadRequest, "The body has not come to its end.")
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.trim_ascii().is_empty() {
        let detail = "The request has no body; it takes a JSON object.";
        return Err(Problem::new(Why::BadRequest, detail));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|e| {
        let field = e.path().to_string();
        wrong(
            e.inner(),
            Some(field.as_str()).filter(|field| *field != "."),
        )
    })?;
    json.end().map_err(|e| wrong(&e, None))?;
    Ok(value)
}

fn wrong(e: &serde_json::Error, field: Option<&str>) -> Problem {
    let said = e.to_string();
    // It ends in the place of the text; where a member is wrong, its name says more.
    let message = said.split(" at line ").next().unwrap_or(&said).to_owned();
    if e.is_data() {
        return wrong_body(field, message);
    }
    Problem::new(Why::BadRequest, format!("The body is not JSON: {said}."))
}

/// The query of a request, as the type says it.
pub(crate) struct Asked<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Asked<T>, Problem> {
        query(&parts.uri).map(Asked)
    }
}

/// The query of an address, as the type says it.
pub(super) fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T, Problem> {
    match Query::try_from_uri(uri) {
        Ok(Query(asked)) => Ok(asked),
        Err(e) => {
            let mut said: &dyn std::error::Error = &e;
            while let Some(source) = said.source() {
                said = source;
            }
            let said = said.to_string();
            // `limit: invalid digit`
            let is_name = |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            let (field, said) = match said.split_once(": ") {
                Some((field, said)) if is_name(field) => (Some(field), said),
                _ => (None, &*said),
            };
            Err(wrong_query(field, expected(said)))
        }
    }
}

/// What was expected, where the language says only what it has found.
fn expected(said: &str) -> &str {
    match said {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            "expected a whole number, not below 0"
        }
        "number too large to fit in target type" => "is too large",
        "provided string was not `true` or `false`" => "expected true or false",
        other => other,
    }
}

/// A query of two types; the names of the second are told, all others are the first's.
pub(super) fn queries<A: DeserializeOwned, B: DeserializeOwned>(
    asked: Option<&str>,
    of_second: &[&str],
) -> Result<(A, B), Problem> {
    let uri = |pairs: &[&str]| format!("/?{}", pairs.join("&")).parse().unwrap_or_default();
    let is_second = |pair: &&str| of_second.contains(&pair.split('=').next().unwrap_or(pair));
    let pairs = asked.unwrap_or("").split('&');
    let (second, first): (Vec<&str>, Vec<&str>) =
        pairs.filter(|pair| !pair.is_empty()).partition(is_second);
    Ok((query(&uri(&first))?, query(&uri(&second))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Pool {
        #[allow(dead_code, reason = "only read")]
        endpoints: Vec<Endpoint>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Endpoint {
        #[allow(dead_code, reason = "only read")]
        weight: u32,
    }

    fn told(body: &str) -> serde_json::Value {
        serde_json::to_value(read::<Pool>(body.as_bytes()).unwrap_err()).unwrap()
    }

    #[test]
    fn what_is_wrong_in_a_body_is_told_with_its_place() {
        let problem = told(r#"{"endpoints": [{"weight": 1}, {"weight": "x"}]}"#);
        assert_eq!(problem["status"], 422);
        assert_eq!(problem["problems"][0]["field"], "endpoints[1].weight");
        let message = problem["problems"][0]["message"].as_str().unwrap();
        assert!(
            message.contains("expected u32") && !message.contains("line"),
            "{message}"
        );
        let problem = told(r#"{"endpoints": [{"weight": 1, "wieght": 2}]}"#);
        assert!(
            problem["problems"][0]["message"]
                .as_str()
                .unwrap()
                .contains("wieght")
        );
    }

    #[test]
    fn a_nul_is_refused_wherever_it_stands() {
        for (body, field) in [
            (r#"{"a": [1, {"b": "x\u0000"}]}"#, "a[1].b"),
            (r#"{"a\u0000": 1}"#, "a\u{fffd}"),
            (r#"["\u0000"]"#, "[0]"),
        ] {
            let told = serde_json::to_value(holds_no_nul(body.as_bytes()).unwrap_err()).unwrap();
            assert_eq!(told["status"], 422);
            assert_eq!(told["problems"][0]["field"], field);
        }
        for fine in [r#"{"a": "\\u0000"}"#, r#"{"a": "\n\u0001"}"#] {
            assert!(holds_no_nul(fine.as_bytes()).is_ok(), "{fine}");
        }
    }

    #[test]
    fn what_is_wrong_in_a_query_is_told_with_its_place() {
        #[derive(Debug, Deserialize)]
        struct Page {
            #[allow(dead_code, reason = "only read")]
            limit: Option<u32>,
            #[allow(dead_code, reason = "only read")]
            stream: Option<bool>,
        }
        for (asked, field, message) in [
            (
                "/?limit=-1",
                "limit",
                "expected a whole number, not below 0",
            ),
            ("/?limit=99999999999", "limit", "is too large"),
            ("/?stream=maybe", "stream", "expected true or false"),
        ] {
            let told = query::<Page>(&asked.parse().unwrap()).unwrap_err();
            let told = serde_json::to_value(told).unwrap();
            assert_eq!(told["problems"][0]["field"], field, "{told}");
            assert_eq!(told["problems"][0]["message"], message);
        }
    }

    #[test]
    fn what_is_no_json_is_a_bad_request() {
        for body in ["{", "{\"endpoints\": []} x", "[[["] {
            assert!(
                [400, 422].contains(&told(body)["status"].as_u64().unwrap()),
                "{body}"
            );
        }
        assert!(is_object(b" [{}]").is_err() && is_object(b" {}").is_ok());
        assert_eq!(told("")["status"], 400);
        assert_eq!(told("{\"endpoints\": []} x")["status"], 400);
    }

    #[test]
    fn only_json_is_taken() {
        let with = |of: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, of.parse().unwrap());
            is_json(&headers).is_ok()
        };
        assert!(with("application/json") && with("application/JSON; charset=utf-8"));
        assert!(with("application/merge-patch+json"));
        assert!(!with("text/plain") && !with("text/json+json") && !with("multipart/form-data"));
        assert!(is_json(&HeaderMap::new()).is_err());
    }
}
