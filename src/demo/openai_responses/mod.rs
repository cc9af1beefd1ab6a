//! The demo vendor's OpenAI Responses: text, reasoning and function calls, whole and as a stream.
//!
//! `read` turns a request into a conversation (and refuses encrypted reasoning that is not this vendor's), `write`
//! spells the answer. Nothing is stored: `previous_response_id` is never found. Built-in tools are taken and never
//! used. Errors are the same vendor's as Chat's, but inside a stream.

mod read;
mod write;

use serde_json::Value;

use super::answer::Answer;
use super::complaint::Complaint;
use super::dialect::{Dialect, Ids, Said, Vendorship};
use super::mind::Ask;
use super::openai_chat;

/// OpenAI Responses.
pub(super) struct OpenaiResponses;

impl Dialect for OpenaiResponses {
    fn read(&self, body: &Value, vendor: &Vendorship<'_>) -> Result<Ask, Complaint> {
        read::read(body, vendor)
    }

    fn write(&self, said: &Said<'_>) -> Answer {
        write::write(said)
    }

    fn error(&self, complaint: &Complaint, _: &Ids) -> (u16, String) {
        openai_chat::spell_error(complaint)
    }

    fn error_event(&self, complaint: &Complaint, _: &Ids) -> String {
        let error = openai_chat::error_object(complaint);
        format!(
            "event: error\ndata: {{\"type\":\"error\",\"error\":{error},\"sequence_number\":2}}\n\n"
        )
    }

    fn headers(&self, ids: &Ids) -> Vec<(String, String)> {
        openai_chat::headers(ids)
    }

    fn count_tokens(&self, body: &Value, vendor: &Vendorship<'_>) -> Result<Answer, Complaint> {
        let tokens = read::read_count(body, vendor)?.prompt_tokens();
        Ok(Answer::json(format!(
            r#"{{"object":"response.input_tokens","input_tokens":{tokens}}}"#
        )))
    }

    fn models(&self, names: &[String], one: Option<&str>, _: &str) -> Result<Answer, Complaint> {
        openai_chat::models(names, one)
    }
}
