//! The demo vendor's OpenAI Chat Completions, and the JSON paths of that API beside it.
//!
//! `read` turns a request into a conversation and refuses what OpenAI refuses, `write` spells the answer whole or as a
//! stream, `side` answers completions, embeddings and moderations, `error` words the complaints (shared with
//! Responses: it is the same vendor). Bytes have OpenAI's order of keys.

mod error;
mod read;
mod side;
mod write;

use serde_json::Value;

use super::answer::Answer;
use super::complaint::Complaint;
use super::dialect::{Dialect, Ids, Said, Vendorship};
use super::mind::Ask;

pub(super) use error::{object as error_object, spelled as spell_error};
pub(super) use read::{image, tool};
pub(super) use side::{Side, answer as side, models, vector};

/// OpenAI Chat Completions.
pub(super) struct OpenaiChat;

impl Dialect for OpenaiChat {
    fn read(&self, body: &Value, _: &Vendorship<'_>) -> Result<Ask, Complaint> {
        read::read(body)
    }

    fn write(&self, said: &Said<'_>) -> Answer {
        write::write(said)
    }

    fn error(&self, complaint: &Complaint, _: &Ids) -> (u16, String) {
        error::spelled(complaint)
    }

    fn error_event(&self, complaint: &Complaint, _: &Ids) -> String {
        format!("data: {{\"error\":{}}}\n\n", error::object(complaint))
    }

    fn headers(&self, ids: &Ids) -> Vec<(String, String)> {
        headers(ids)
    }

    fn models(&self, names: &[String], one: Option<&str>, _: &str) -> Result<Answer, Complaint> {
        side::models(names, one)
    }
}

/// What OpenAI adds to the head of every reply.
pub(super) fn headers(ids: &Ids) -> Vec<(String, String)> {
    let own = [
        ("openai-organization", "demo-org".to_owned()),
        ("openai-processing-ms", "1".to_owned()),
        ("openai-version", "2020-10-01".to_owned()),
        ("x-ratelimit-limit-requests", "10000".to_owned()),
        ("x-ratelimit-remaining-requests", "9999".to_owned()),
        ("x-ratelimit-reset-requests", "6ms".to_owned()),
        ("x-request-id", ids.make("req_", 0, 32).to_ascii_lowercase()),
        ("set-cookie", "__cf_bm=demo; path=/; HttpOnly".to_owned()),
    ];
    own.into_iter().map(|(n, v)| (n.to_owned(), v)).collect()
}
