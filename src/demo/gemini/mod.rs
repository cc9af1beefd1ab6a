//! The demo vendor's Gemini API.
//!
//! `address` finds the model and the action in a path, `shape` knows every field of a request (in camelCase and in
//! snake_case, as Google's servers take them) and refuses what is none, `tools` reads function declarations and their
//! reduced schemas, `config` what the answer shall be like, `read` turns a request into a conversation and refuses what
//! Gemini refuses (also a signature that is not this vendor's), `write` spells the answer whole, as events or as the elements of an array, `side` counts
//! tokens, makes vectors and lists models, `error` words the complaints, `layout` adds Google's white space.
//!
//! A stream has no preamble and no terminal event: `Place::Preamble` is its start, and behind `Place::Finish` nothing
//! is missing. A list is closed wherever it ends, unless the connection breaks off; a malformed element spoils all of
//! it. A forbidden prompt is no error but an answer without candidates.
//!
//! Signatures stand where Gemini 3 has them: on the first call of an answer, else on its last text. They bind to the
//! call's name. Calls have ids, but for models with `no-ids` in their name: those behave as the older API did.

mod address;
mod config;
mod error;
mod layout;
mod read;
mod shape;
mod side;
mod tools;
mod write;

use serde_json::Value;

use super::answer::{Answer, Event, Part, Payload};
use super::complaint::{Complaint, ErrorKind};
use super::dialect::{Dialect, Ids, Said, Vendorship, quote};
use super::mind::Ask;

pub(super) use address::{Embed, is_its_version, named_model, target};
pub(super) use side::embed;

/// Gemini, for one way of giving the answer: the path of a request says which.
pub(super) struct Gemini {
    delivery: Delivery,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Delivery {
    Whole,
    Events,
    /// A JSON array that comes bit by bit.
    List,
}

pub(super) static WHOLE: Gemini = Gemini {
    delivery: Delivery::Whole,
};
static EVENTS: Gemini = Gemini {
    delivery: Delivery::Events,
};
static LIST: Gemini = Gemini {
    delivery: Delivery::List,
};

const JSON: &str = "application/json; charset=UTF-8";

impl Dialect for Gemini {
    fn read(&self, body: &Value, vendor: &Vendorship<'_>) -> Result<Ask, Complaint> {
        let ask = read::read(body, vendor)?;
        Ok(Ask {
            stream: self.delivery != Delivery::Whole,
            ..ask
        })
    }

    fn write(&self, said: &Said<'_>) -> Answer {
        match said.ask.stream {
            true => self.stream(write::stream(said)),
            false => whole(&write::whole(said)),
        }
    }

    fn error(&self, complaint: &Complaint, _: &Ids) -> (u16, String) {
        let (status, error) = error::spelled(complaint);
        let body = match self.delivery {
            Delivery::List => format!("[{}\n]\n", layout::indented(&error)),
            _ => layout::indented(&error) + "\n",
        };
        (status, body)
    }

    fn error_event(&self, complaint: &Complaint, ids: &Ids) -> String {
        let message = match complaint.kind {
            ErrorKind::ContentPolicy => block(complaint, ids),
            _ => error::spelled(complaint).1,
        };
        self.framed(&message)
    }

    fn headers(&self, _: &Ids) -> Vec<(String, String)> {
        let own = [
            ("vary", "Origin, X-Origin, Referer"),
            ("server", "scaffolding on HTTPServer2"),
            ("server-timing", "gfet4t7; dur=1"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "SAMEORIGIN"),
            ("alt-svc", "h3=\":443\"; ma=2592000"),
        ];
        own.map(|(n, v)| (n.to_owned(), v.to_owned())).into()
    }

    fn models(
        &self,
        names: &[String],
        one: Option<&str>,
        query: &str,
    ) -> Result<Answer, Complaint> {
        side::models(names, one, query)
    }

    fn count_tokens(&self, body: &Value, vendor: &Vendorship<'_>) -> Result<Answer, Complaint> {
        side::count_tokens(body, vendor)
    }

    fn blocked(&self, complaint: &Complaint, ids: &Ids) -> Option<Answer> {
        let message = block(complaint, ids);
        Some(match self.delivery {
            Delivery::Whole => whole(&message),
            _ => self.stream(vec![(Part::Terminal, message)]),
        })
    }
}

impl Gemini {
    /// A message of a stream, given as compact JSON.
    fn framed(&self, message: &str) -> String {
        match self.delivery {
            Delivery::List => layout::indented(message),
            _ => format!("data: {}\r\n\r\n", layout::spaced(message)),
        }
    }

    fn stream(&self, messages: Vec<(Part, String)>) -> Answer {
        let event = |(part, message): (Part, String)| Event {
            part,
            bytes: self.framed(&message).into(),
        };
        let events = messages.into_iter().map(event).collect();
        match self.delivery {
            Delivery::List => Answer {
                content_type: JSON,
                payload: Payload::Elements(events),
            },
            _ => Answer {
                content_type: "text/event-stream",
                payload: Payload::Events(events),
            },
        }
    }
}

/// A body, given as compact JSON.
fn whole(message: &str) -> Answer {
    Answer {
        content_type: JSON,
        payload: Payload::Whole((layout::indented(message) + "\n").into()),
    }
}

/// What Gemini answers to a forbidden prompt.
fn block(complaint: &Complaint, ids: &Ids) -> String {
    format!(
        concat!(
            r#"{{"promptFeedback":{{"blockReason":"PROHIBITED_CONTENT"}},"#,
            r#""usageMetadata":{{"promptTokenCount":8,"totalTokenCount":8,"#,
            r#""promptTokensDetails":[{{"modality":"TEXT","tokenCount":8}}]}},"#,
            r#""modelVersion":{},"responseId":"{}"}}"#
        ),
        quote(&complaint.model),
        write::response_id(ids),
    )
}
