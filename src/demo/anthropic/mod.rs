//! The demo vendor's Anthropic Messages.
//!
//! `read` turns a request into a conversation and refuses what Anthropic refuses (also a thinking block whose
//! signature is not this vendor's, and a tool turn without its thinking block), `write` spells the answer whole or as
//! a stream, `error` words the complaints. Bytes have Anthropic's order of keys and its padding.

mod error;
mod read;
mod write;

use serde_json::Value;

use super::answer::Answer;
use super::complaint::{Complaint, ErrorKind};
use super::dialect::{Dialect, Ids, Said, Vendorship, quote};
use super::mind::Ask;

/// Anthropic Messages.
pub(super) struct Anthropic;

impl Dialect for Anthropic {
    fn read(&self, body: &Value, vendor: &Vendorship<'_>) -> Result<Ask, Complaint> {
        read::read(body, vendor, read::Purpose::Answer)
    }

    fn write(&self, said: &Said<'_>) -> Answer {
        write::write(said)
    }

    fn error(&self, complaint: &Complaint, ids: &Ids) -> (u16, String) {
        error::spelled(complaint, ids)
    }

    fn error_event(&self, complaint: &Complaint, ids: &Ids) -> String {
        format!(
            "event: error\ndata: {}\n\n",
            error::spelled(complaint, ids).1
        )
    }

    fn headers(&self, ids: &Ids) -> Vec<(String, String)> {
        let own = [
            ("anthropic-organization-id", "demo-org".to_owned()),
            ("anthropic-ratelimit-requests-limit", "4000".to_owned()),
            ("anthropic-ratelimit-requests-remaining", "3999".to_owned()),
            (
                "anthropic-ratelimit-requests-reset",
                "2025-01-01T00:00:01Z".to_owned(),
            ),
            ("request-id", request_id(ids)),
            ("set-cookie", "__cf_bm=demo; path=/; HttpOnly".to_owned()),
        ];
        own.into_iter().map(|(n, v)| (n.to_owned(), v)).collect()
    }

    fn models(&self, names: &[String], one: Option<&str>, _: &str) -> Result<Answer, Complaint> {
        models(names, one)
    }

    fn count_tokens(&self, body: &Value, vendor: &Vendorship<'_>) -> Result<Answer, Complaint> {
        let ask = read::read(body, vendor, read::Purpose::Count)?;
        let tokens = ask.prompt_tokens();
        Ok(Answer::json(format!(r#"{{"input_tokens":{tokens}}}"#)))
    }
}

fn request_id(ids: &Ids) -> String {
    ids.make("req_01", 0, 22)
}

/// The list of models, or the one that the path names.
fn models(names: &[String], one: Option<&str>) -> Result<Answer, Complaint> {
    let model = |name: &str| {
        format!(
            r#"{{"type":"model","id":{0},"display_name":{0},"created_at":"2025-01-01T00:00:00Z","lifecycle":"active","max_input_tokens":200000,"max_tokens":64000}}"#,
            quote(name)
        )
    };
    if let Some(one) = one {
        let known = names.iter().any(|n| n == one);
        let missing = || Complaint::new(ErrorKind::ModelNotFound).about(one);
        return known.then(|| Answer::json(model(one))).ok_or_else(missing);
    }
    let list: Vec<String> = names.iter().map(|n| model(n)).collect();
    let id = |name: Option<&String>| name.map_or("null".to_owned(), |n| quote(n));
    Ok(Answer::json(format!(
        r#"{{"data":[{}],"has_more":false,"first_id":{},"last_id":{}}}"#,
        list.join(","),
        id(names.first()),
        id(names.last())
    )))
}
