//! What a vendor's error says, in whatever shape, and what of it may be told to a client.
//!
//! Vendors of one format spell errors in many ways, and proxies between them and us add theirs: the official shapes, bare
//! strings, lists of validation errors, HTML pages, nothing. One lenient reader ([`read`]) serves all formats and never
//! fails; writing is each format's own. The kind comes from the words of the error before the status, since a status alone
//! cannot tell a full context from a wrong parameter, or an empty account from a rate limit (`kind`).
//!
//! Invariant: what leaves this module in a [`Fault`] went through [`scrub`] and holds no keys, addresses or raw bodies.
//! The caller, who knows the credential and the host that it used, has [`scrub_fault`] remove these literally too.

mod kind;
mod said;
mod scrub;
mod translate;

use serde::Serialize;

use crate::ir::{Fault, FaultKind};

pub use kind::status_of;
pub use scrub::{scrub, scrub_fault};
pub use translate::translate;

use said::Said;

/// Largest error body that is read as JSON. What is larger is no error object.
const MAX_BODY: usize = 1 << 20;

/// Reads the error in `body`; `status` is the HTTP status if it tells of an error (a fault inside of a stream has none).
pub(super) fn read(status: Option<u16>, body: &[u8]) -> Fault {
    let said = Said::read(body.get(..MAX_BODY).unwrap_or(body));
    let status = status.or(said.status);
    let kind = kind::find(status, &said.words, &said.message);
    let message = scrub(&said.message, &[]);
    Fault {
        kind,
        status: status.unwrap_or_else(|| status_of(kind)),
        message: if message.is_empty() {
            plain_words(kind).to_owned()
        } else {
            message
        },
        type_name: said.type_name.and_then(|name| identifier(&name)),
        code: said.code.and_then(|code| identifier(&code)),
        param: said.param.and_then(|param| identifier(&param)),
        retry_after: said.retry_after.or_else(|| {
            let waits = matches!(kind, FaultKind::RateLimit | FaultKind::Overloaded);
            waits.then(|| said::wait_in(&said.message)).flatten()
        }),
    }
}

/// A fault of our own about a vendor that answered, but not with what was asked for.
pub(super) fn broken_answer(message: &str) -> Fault {
    Fault::new(FaultKind::Internal, status_of(FaultKind::Internal), message)
}

/// The statuses in which the formats' own vendors differ.
pub(super) struct Habit {
    pub(super) overloaded: u16,
    /// The account has nothing left.
    pub(super) billing: u16,
}

/// As OpenAI answers ("Error codes" in its API guide): 429 also for `insufficient_quota`.
pub(super) const OPENAIS: Habit = Habit {
    overloaded: 503,
    billing: 429,
};

/// As Anthropic answers ("Errors" in its API guide).
pub(super) const ANTHROPICS: Habit = Habit {
    overloaded: 529,
    billing: 402,
};

/// The status for a client of a format that knows the usual HTTP statuses, and these of its own.
///
/// The vendor's own status survives where it fits the kind: relays and proxies put their own (520, 524, 529) or a plain 500
/// where the words said more.
pub(super) fn usual_status(fault: &Fault, habit: &Habit) -> u16 {
    match (fault.kind, fault.status) {
        (FaultKind::Overloaded, _) => habit.overloaded,
        (FaultKind::Billing, _) => habit.billing,
        (FaultKind::Authentication, 401 | 403) => fault.status,
        (FaultKind::Authentication | FaultKind::ContextLength | FaultKind::TooLarge, _) => {
            status_of(fault.kind)
        }
        (FaultKind::Internal | FaultKind::Timeout, 408 | 500..=504) => fault.status,
        (FaultKind::Internal | FaultKind::Timeout, _) => status_of(fault.kind),
        (_, 400..=499) => fault.status,
        (kind, _) => status_of(kind),
    }
}

/// Appends `value` as JSON.
pub(super) fn put(value: &impl Serialize, out: &mut Vec<u8>) {
    // Cannot fail for the shapes of this room: no maps with odd keys, and a vector takes every byte.
    out.extend(serde_json::to_vec(value).unwrap_or_default());
}

/// Names survive if they are names: a word as programs write them, no sentence and nothing that looks like a secret.
fn identifier(name: &str) -> Option<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_-./[]".contains(c);
    let fits = !name.is_empty() && name.len() <= 120 && name.chars().all(is_name);
    (fits && scrub(name, &[]) == name).then(|| name.to_owned())
}

/// What is said where the vendor said nothing that can be passed on.
fn plain_words(kind: FaultKind) -> &'static str {
    match kind {
        FaultKind::InvalidRequest => "the provider refused the request",
        FaultKind::Authentication => "the provider refused the credential",
        FaultKind::Billing => "the provider account has no quota left",
        FaultKind::Permission => "the provider does not permit this request",
        FaultKind::NotFound => "the provider does not know this model or path",
        FaultKind::MethodNotAllowed => "the provider does not accept this method",
        FaultKind::TooLarge => "the request is too large for the provider",
        FaultKind::UnsupportedMedia => "the provider does not accept this content type",
        FaultKind::RateLimit => "the provider limits the rate of requests",
        FaultKind::ContextLength => "the conversation does not fit the context of the model",
        FaultKind::ContentPolicy => "the provider refused the content",
        FaultKind::Timeout => "the provider took too long",
        FaultKind::Overloaded => "the provider is overloaded",
        FaultKind::Internal => "the provider failed without saying why",
    }
}

/// Whether a vendor refuses opaque state of an earlier turn: a signature that it did not issue or does not know any more.
pub fn is_about_state(fault: &Fault) -> bool {
    let told = fault.message.to_ascii_lowercase();
    let says = |word: &str| told.contains(word);
    if fault.kind == FaultKind::NotFound {
        return says("item with id 'rs_");
    }
    if fault.kind != FaultKind::InvalidRequest {
        return false;
    }
    (says("signature") && (says("thinking") || says("thought")))
        || says("encrypted content")
        || says("encrypted_content")
        || (says("redacted_thinking") && says("invalid"))
        || (says("'reasoning'") && says("without its required"))
        || (says("expected `thinking`") && says("found"))
        || says("item_id did not match")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A status, a body as vendors write it, and what it means.
    const SAID: &[(u16, &str, FaultKind)] = &[
        // OpenAI
        (
            400,
            r#"{"error":{"message":"This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.","type":"invalid_request_error","param":"messages","code":"context_length_exceeded"}}"#,
            FaultKind::ContextLength,
        ),
        (
            429,
            r#"{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","param":null,"code":"insufficient_quota"}}"#,
            FaultKind::Billing,
        ),
        (
            429,
            r#"{"error":{"message":"Rate limit reached for gpt-4o","type":"tokens","param":null,"code":"rate_limit_exceeded"}}"#,
            FaultKind::RateLimit,
        ),
        (
            401,
            r#"{"error":{"message":"Incorrect API key provided","type":"invalid_request_error","param":null,"code":"invalid_api_key"}}"#,
            FaultKind::Authentication,
        ),
        (
            404,
            r#"{"error":{"message":"The model `x` does not exist or you do not have access to it.","type":"invalid_request_error","param":null,"code":"model_not_found"}}"#,
            FaultKind::NotFound,
        ),
        (
            403,
            r#"{"error":{"message":"Project `p` does not have access to model `x`","type":"invalid_request_error","code":"model_not_found"}}"#,
            FaultKind::NotFound,
        ),
        (
            400,
            r#"{"error":{"message":"The response was filtered","type":null,"param":"prompt","code":"content_filter","status":400}}"#,
            FaultKind::ContentPolicy,
        ),
        (
            400,
            r#"{"error":{"code":"content_policy_violation","message":"Your request was rejected","param":null,"type":"invalid_request_error"}}"#,
            FaultKind::ContentPolicy,
        ),
        (
            400,
            r#"{"error":{"code":"BadRequest","message":"bad","innererror":{"code":"ResponsibleAIPolicyViolation"}}}"#,
            FaultKind::ContentPolicy,
        ),
        // Anthropic
        (
            529,
            r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"},"request_id":"req_1"}"#,
            FaultKind::Overloaded,
        ),
        (
            413,
            r#"{"type":"error","error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}"#,
            FaultKind::TooLarge,
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}"#,
            FaultKind::ContextLength,
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"}}"#,
            FaultKind::ContextLength,
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the API."}}"#,
            FaultKind::Billing,
        ),
        (
            404,
            r#"{"type":"error","error":{"type":"not_found_error","message":"model: claude-x"}}"#,
            FaultKind::NotFound,
        ),
        (
            402,
            r#"{"type":"error","error":{"type":"billing_error","message":"no"}}"#,
            FaultKind::Billing,
        ),
        (
            504,
            r#"{"type":"error","error":{"type":"timeout_error","message":"no"}}"#,
            FaultKind::Timeout,
        ),
        (
            403,
            r#"{"type":"error","error":{"type":"permission_error","message":"no"}}"#,
            FaultKind::Permission,
        ),
        (
            400,
            r#"{"type":"error","error":{"type":"invalid_request_error","message":"messages: at least one message is required"}}"#,
            FaultKind::InvalidRequest,
        ),
        // Gemini
        (
            400,
            r#"{"error":{"code":400,"message":"The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).","status":"INVALID_ARGUMENT"}}"#,
            FaultKind::ContextLength,
        ),
        (
            503,
            r#"{"error":{"code":503,"message":"The model is overloaded.","status":"UNAVAILABLE"}}"#,
            FaultKind::Overloaded,
        ),
        (
            400,
            r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"API_KEY_INVALID"}]}}"#,
            FaultKind::Authentication,
        ),
        (
            429,
            r#"[{"error":{"code":429,"message":"You exceeded your current quota, please check your plan.","status":"RESOURCE_EXHAUSTED"}}]"#,
            FaultKind::RateLimit,
        ),
        // Compatible vendors
        (
            400,
            r#"{"object":"error","message":"This model's maximum context length is 4096 tokens. However, you requested 5000 tokens","type":"BadRequestError","param":null,"code":400}"#,
            FaultKind::ContextLength,
        ),
        (
            404,
            r#"{"object":"error","message":"The model `m` does not exist.","type":"NotFoundError","code":404}"#,
            FaultKind::NotFound,
        ),
        (
            402,
            r#"{"error":{"message":"Insufficient Balance","type":"unknown_error","param":null,"code":"invalid_request_error"}}"#,
            FaultKind::Billing,
        ),
        (
            400,
            r#"{"error":{"message":"Model Not Exist","type":"invalid_request_error"}}"#,
            FaultKind::NotFound,
        ),
        (
            400,
            r#"{"object":"error","message":"Invalid model: m","type":"invalid_model","param":null,"code":"1500"}"#,
            FaultKind::NotFound,
        ),
        (
            400,
            r#"{"detail":"Model m is not supported. Supported models are ['a','b']."}"#,
            FaultKind::NotFound,
        ),
        (
            422,
            r#"{"detail":[{"loc":["body","messages",0,"content"],"msg":"Field required","type":"missing"},{"loc":["body","model"],"msg":"str type expected","type":"string_type"}]}"#,
            FaultKind::InvalidRequest,
        ),
        (
            400,
            r#"{"error":{"message":"Provider returned error","code":400,"metadata":{"raw":"{\"error\":{\"message\":\"prompt is too long: 9 tokens > 8 maximum\",\"type\":\"invalid_request_error\"}}","provider_name":"X"}}}"#,
            FaultKind::ContextLength,
        ),
        (
            403,
            r#"{"error":{"message":"Your chosen model requires moderation and your input was flagged for \"violence\"","code":403}}"#,
            FaultKind::ContentPolicy,
        ),
        (
            413,
            r#"{"error":{"message":"Request too large for model `m` on tokens per minute (TPM): Limit 6000, Requested 9000","type":"tokens","code":"rate_limit_exceeded"}}"#,
            FaultKind::RateLimit,
        ),
        (
            500,
            r#"{"error":"model 'x' not found, try pulling it first"}"#,
            FaultKind::NotFound,
        ),
        (
            503,
            r#"{"error":"Model is overloaded","error_type":"overloaded"}"#,
            FaultKind::Overloaded,
        ),
        (
            403,
            r#"{"error":{"message":"quota of the user is not enough","type":"new_api_error","code":"insufficient_user_quota"}}"#,
            FaultKind::Billing,
        ),
        (
            401,
            r#"{"success":false,"errors":[{"code":10000,"message":"Authentication error"}]}"#,
            FaultKind::Authentication,
        ),
        // No words at all
        (
            502,
            "<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>",
            FaultKind::Internal,
        ),
        (503, "", FaultKind::Overloaded),
        (504, "upstream request timeout", FaultKind::Timeout),
        (429, "{\"error\":{\"mess", FaultKind::RateLimit),
        (
            413,
            "<h1>Request Entity Too Large</h1>",
            FaultKind::TooLarge,
        ),
        (405, "null", FaultKind::MethodNotAllowed),
        (415, "[]", FaultKind::UnsupportedMedia),
        (408, "", FaultKind::Timeout),
        (409, "", FaultKind::InvalidRequest),
    ];

    #[test]
    fn every_vendors_spelling_is_understood() {
        for (status, body, kind) in SAID {
            let fault = read(Some(*status), body.as_bytes());
            assert_eq!((fault.kind, fault.status), (*kind, *status), "{body}");
            assert!(
                !fault.message.is_empty() && !fault.message.contains(['<', '{']),
                "{}",
                fault.message
            );
        }
    }

    #[test]
    fn type_code_param_and_message_survive() {
        let body = r#"{"error":{"message":"Invalid 'max_tokens': integer below minimum value.","type":"invalid_request_error","param":"messages[0].content","code":"integer_below_min_value"}}"#;
        let fault = read(Some(400), body.as_bytes());
        assert_eq!(
            fault.message,
            "Invalid 'max_tokens': integer below minimum value."
        );
        assert_eq!(fault.type_name.as_deref(), Some("invalid_request_error"));
        assert_eq!(fault.code.as_deref(), Some("integer_below_min_value"));
        assert_eq!(fault.param.as_deref(), Some("messages[0].content"));
    }

    #[test]
    fn validation_errors_are_told_with_their_place() {
        let body = r#"{"detail":[{"loc":["body","messages",0,"role"],"msg":"Field required"},{"loc":["body","n"],"msg":"too big"}]}"#;
        let fault = read(Some(422), body.as_bytes());
        assert_eq!(fault.message, "messages.0.role: Field required; n: too big");
    }

    #[test]
    fn the_message_behind_a_relays_message_is_told() {
        let body = r#"{"error":{"message":"Provider returned error","code":429,"metadata":{"raw":"{\"error\":{\"message\":\"slow down please\"}}"}}}"#;
        assert_eq!(read(Some(429), body.as_bytes()).message, "slow down please");
    }

    #[test]
    fn an_error_in_the_clothes_of_an_event_or_behind_a_message_is_read() {
        let event = b"event: error\ndata: {\"error\":{\"message\":\"m\",\"code\":\"insufficient_quota\"}}\n\n";
        let fault = read(Some(429), event);
        assert_eq!(
            (fault.kind, fault.message.as_str()),
            (FaultKind::Billing, "m")
        );
        let relayed = r#"{"error":{"message":"BadRequest: VendorException - {\"error\":{\"message\":\"prompt is too long\"}}"}}"#;
        let fault = read(Some(400), relayed.as_bytes());
        assert_eq!(
            (fault.kind, fault.message.as_str()),
            (FaultKind::ContextLength, "prompt is too long")
        );
        assert_eq!(
            read(Some(400), b"use [1, 2] or {x}").message,
            "use [1, 2] or {x}"
        );
    }

    #[test]
    fn a_stream_has_no_status_so_the_words_make_it() {
        let status = |body: &str| {
            let fault = read(None, body.as_bytes());
            (fault.kind, fault.status)
        };
        assert_eq!(
            status(r#"{"type":"error","error":{"type":"overloaded_error","message":"x"}}"#),
            (FaultKind::Overloaded, 503)
        );
        assert_eq!(
            status(r#"{"error":{"code":429,"message":"x"}}"#),
            (FaultKind::RateLimit, 429)
        );
        assert_eq!(
            status(r#"{"error":{"message":"x","type":"invalid_request_error","status_code":400}}"#),
            (FaultKind::InvalidRequest, 400)
        );
        assert_eq!(
            status(r#"{"error":{"message":"x","type":"invalid_request_error"}}"#),
            (FaultKind::InvalidRequest, 400)
        );
        assert_eq!(
            status(r#"{"type":"error","code":"server_error","message":"x"}"#),
            (FaultKind::Internal, 502)
        );
        assert_eq!(
            status(r#"{"error":{"type":"server_error","message":"The server is overloaded"}}"#),
            (FaultKind::Overloaded, 503)
        );
        assert_eq!(status("???"), (FaultKind::Internal, 502));
    }

    #[test]
    fn refused_state_is_told_from_other_mistakes() {
        for (message, is) in [
            (
                "messages.1.content.0: Invalid `signature` in `thinking` block",
                true,
            ),
            (
                "The encrypted content gAAA... could not be verified. Reason: item_id did not match.",
                true,
            ),
            (
                "Function call is missing a thought_signature in functionCall parts.",
                true,
            ),
            ("Thought signature is not valid.", true),
            (
                "Item 'fc_1' of type 'function_call' was provided without its required 'reasoning' item: 'rs_1'.",
                true,
            ),
            (
                "messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`.",
                true,
            ),
            (
                "max_tokens must be greater than thinking.budget_tokens",
                false,
            ),
            ("Invalid signature of the webhook", false),
        ] {
            let fault = Fault::new(FaultKind::InvalidRequest, 400, message);
            assert_eq!(is_about_state(&fault), is, "{message}");
        }
    }

    #[test]
    fn waits_are_found() {
        let wait = |body: &str| read(Some(429), body.as_bytes()).retry_after;
        let gemini = r#"{"error":{"code":429,"message":"x","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"34.4s"}]}}"#;
        assert_eq!(wait(gemini), Some(Duration::from_millis(34_400)));
        for (delay, millis) in [
            (r#"{"seconds":19}"#, 19_000),
            (r#"{"seconds":"19","nanos":500000000}"#, 19_500),
            (r#"{"nanos":250000000}"#, 250),
        ] {
            let body = gemini.replace(r#""34.4s""#, delay);
            assert_eq!(wait(&body), Some(Duration::from_millis(millis)), "{body}");
        }
        assert_eq!(wait(&gemini.replace(r#""34.4s""#, "{}")), None);
        let openai = |text: &str| {
            format!(
                r#"{{"error":{{"message":"Rate limit reached. Please try again in {text}. Visit us"}}}}"#
            )
        };
        assert_eq!(wait(&openai("20s")), Some(Duration::from_secs(20)));
        assert_eq!(
            wait(&openai("1m30.5s")),
            Some(Duration::from_millis(90_500))
        );
        assert_eq!(wait(&openai("120ms")), Some(Duration::from_millis(120)));
        assert_eq!(wait(&openai("1h0m2s")), Some(Duration::from_secs(3602)));
        assert_eq!(wait(&openai("2 seconds")), Some(Duration::from_secs(2)));
        assert_eq!(wait(&openai("a while")), None);
        assert_eq!(
            wait(r#"{"error":{"message":"x","retry_after":3}}"#),
            Some(Duration::from_secs(3))
        );
    }

    #[test]
    fn names_that_are_no_names_do_not_survive() {
        let fault = read(Some(400), br#"{"error":{"message":"x","type":"a whole sentence","code":"sk-abcdefghijklmnop1234","param":"<b>"}}"#);
        assert_eq!(
            (fault.type_name, fault.code, fault.param),
            (None, None, None)
        );
    }
}
