use http::{Method, Uri};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::answer::Answer;
use super::anthropic::Anthropic;
use super::complaint::{Complaint, ErrorKind};
use super::gemini;
use super::mind::{Ask, Thought};
use super::openai_chat::{self, OpenaiChat};
use super::openai_responses::OpenaiResponses;

/// The moment at which every answer claims to have been made, as Unix time: answers do not depend on the clock.
pub(super) const CREATED: u64 = 1_735_689_600;

/// A format that the vendor speaks: one zero-sized type per format.
pub(super) trait Dialect: Sync {
    /// The conversation in this request, if it is one.
    fn read(&self, body: &Value, vendor: &Vendorship<'_>) -> Result<Ask, Complaint>;

    /// The answer, as a stream if the conversation asks for one.
    fn write(&self, said: &Said<'_>) -> Answer;

    /// Status and JSON of an error.
    fn error(&self, complaint: &Complaint, ids: &Ids) -> (u16, String);

    /// An error inside a stream, as an event of its own.
    fn error_event(&self, complaint: &Complaint, ids: &Ids) -> String;

    /// What this vendor adds to the head of every reply.
    fn headers(&self, ids: &Ids) -> Vec<(String, String)>;

    /// The list of models, or the one that the path names. `query` may say which part of the list is wanted.
    fn models(&self, names: &[String], one: Option<&str>, query: &str)
    -> Result<Answer, Complaint>;

    /// How many tokens a conversation has, where the format can be asked for that.
    fn count_tokens(&self, _: &Value, _: &Vendorship<'_>) -> Result<Answer, Complaint> {
        Err(Complaint::new(ErrorKind::NotFound))
    }

    /// The answer to a prompt that the vendor's policy forbids, where that is no error.
    fn blocked(&self, _: &Complaint, _: &Ids) -> Option<Answer> {
        None
    }
}

/// Who answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Vendorship<'a> {
    pub(super) name: &'a str,
}

impl Vendorship<'_> {
    /// This vendor's mark under opaque state: only text that it has signed itself passes [`Self::signed`].
    pub(super) fn sign(&self, text: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(self.name);
        hash.update([0]);
        hash.update(text);
        format!("EqQBCkYI{}", hex(&hash.finalize()))
    }

    pub(super) fn signed(&self, text: &str, signature: &str) -> bool {
        self.sign(text) == signature
    }
}

/// Everything that a writer needs.
pub(super) struct Said<'a> {
    pub(super) ask: &'a Ask,
    pub(super) body: &'a Value,
    pub(super) thought: &'a Thought,
    pub(super) vendor: Vendorship<'a>,
    pub(super) ids: &'a Ids,
    /// Whether usage is told.
    pub(super) usage: bool,
}

/// Makes ids from the request, so that the same request gets the same ones.
#[derive(Debug, Clone)]
pub(super) struct Ids {
    seed: [u8; 32],
}

impl Ids {
    pub(super) fn new(seed: [u8; 32]) -> Ids {
        Ids { seed }
    }

    /// `prefix` and `length` letters and digits; another `number`, another id.
    pub(super) fn make(&self, prefix: &str, number: usize, length: usize) -> String {
        const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut id = prefix.to_owned();
        let mut block = 0u64;
        while id.len() < prefix.len() + length {
            let mut hash = Sha256::new();
            hash.update(self.seed);
            hash.update(prefix);
            hash.update(number.to_le_bytes());
            hash.update(block.to_le_bytes());
            id.extend(
                hash.finalize()
                    .iter()
                    .map(|b| char::from(DIGITS[usize::from(*b) % 62])),
            );
            block += 1;
        }
        id.truncate(prefix.len() + length);
        id
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// A JSON string.
pub(super) fn quote(text: &str) -> String {
    Value::from(text).to_string()
}

/// What a path and a method ask for.
pub(super) struct Target {
    pub(super) dialect: &'static dyn Dialect,
    pub(super) what: What,
    /// The model, where the path names it.
    pub(super) model: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    Conversation,
    CountTokens,
    /// One of the OpenAI paths beside conversations.
    Side(openai_chat::Side),
    /// Gemini's vectors.
    Embed(gemini::Embed),
    Models,
}

impl Target {
    fn new(dialect: &'static dyn Dialect, what: What) -> Target {
        Target {
            dialect,
            what,
            model: None,
        }
    }
}

/// Finds what is asked for. Whatever stands before the version in the path is ignored, as is a missing version.
pub(super) fn target(
    method: &Method,
    uri: &Uri,
    anthropic: bool,
) -> Result<Target, (Target, Complaint)> {
    let found = gemini::target(uri).or_else(|| versioned(uri.path(), anthropic));
    let Some((target, wanted)) = found else {
        let dialect = if gemini::is_its_version(uri.path()) {
            &gemini::WHOLE as &dyn Dialect
        } else {
            either(anthropic)
        };
        let complaint = Complaint::new(ErrorKind::NotFound);
        return Err((Target::new(dialect, What::Models), complaint));
    };
    if *method == wanted {
        return Ok(target);
    }
    Err((target, Complaint::new(ErrorKind::MethodNotAllowed)))
}

/// The format of a path that two vendors have.
fn either(anthropic: bool) -> &'static dyn Dialect {
    if anthropic { &Anthropic } else { &OpenaiChat }
}

/// What stands at this path behind `/v1/`, and its method.
fn versioned(path: &str, anthropic: bool) -> Option<(Target, Method)> {
    let path = path
        .split_once("/v1/")
        .map_or(path.trim_start_matches('/'), |(_, p)| p);
    let conversation = |dialect| (Target::new(dialect, What::Conversation), Method::POST);
    Some(match path {
        "chat/completions" => conversation(&OpenaiChat),
        "responses" => conversation(&OpenaiResponses),
        "messages" => conversation(&Anthropic),
        "messages/count_tokens" => (Target::new(&Anthropic, What::CountTokens), Method::POST),
        "responses/input_tokens" => (
            Target::new(&OpenaiResponses, What::CountTokens),
            Method::POST,
        ),
        _ if path == "models" || path.starts_with("models/") => {
            (Target::new(either(anthropic), What::Models), Method::GET)
        }
        _ => {
            let side = What::Side(openai_chat::Side::of(path)?);
            (Target::new(&OpenaiChat, side), Method::POST)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_depend_on_the_request_and_the_number_only() {
        let ids = Ids::new([7; 32]);
        let id = ids.make("chatcmpl-", 0, 40);
        assert_eq!(id.len(), 49);
        assert_eq!(id, ids.make("chatcmpl-", 0, 40));
        assert_ne!(id, ids.make("chatcmpl-", 1, 40));
        assert_ne!(id, Ids::new([8; 32]).make("chatcmpl-", 0, 40));
    }

    #[test]
    fn a_signature_holds_for_its_vendor_and_its_text_only() {
        let (a, b) = (Vendorship { name: "a" }, Vendorship { name: "b" });
        assert!(a.signed("x", &a.sign("x")));
        assert!(!a.signed("y", &a.sign("x")));
        assert!(!b.signed("x", &a.sign("x")));
    }

    #[test]
    fn paths_are_found_under_any_prefix() {
        let what = |path: &'static str| {
            let found = target(&Method::POST, &Uri::from_static(path), false);
            found.map(|t| t.what).ok()
        };
        assert_eq!(what("/v1/chat/completions"), Some(What::Conversation));
        assert_eq!(what("/team/a/v1/messages"), Some(What::Conversation));
        assert_eq!(what("/messages/count_tokens"), Some(What::CountTokens));
        assert_eq!(what("/v1/nothing"), None);
        let (_, complaint) = target(&Method::GET, &Uri::from_static("/v1/messages"), false)
            .err()
            .unwrap();
        assert_eq!(complaint.kind, ErrorKind::MethodNotAllowed);
    }
}
