//! Why a request is not served, and the one place that says it in words.

use std::time::Duration;

use crate::ir::{Fault, FaultKind as Kind};
use crate::live::Refused;
use crate::proxy::access::Denied;
use crate::proxy::body::BodyError;
use crate::proxy::decode::DecodeError;
use crate::proxy::limits;
use crate::route::{Lack, Lacks};
use crate::wire::scan::ScanError;

/// A request that gets an error for an answer.
#[derive(Debug)]
pub enum Refusal {
    Denied(Denied),
    /// The key may not use this model.
    ModelNotAllowed(String),
    /// A limit of the key or its tenant.
    Exceeded(Box<Refused>),
    /// Who has a budget may not call what has no price.
    Unpriced {
        model: String,
        /// Its endpoint's model.
        real: String,
    },
    UnknownPath(String),
    WrongMethod {
        allow: &'static str,
    },
    NotServed(&'static str),
    /// How many headers came, and how many are taken.
    TooManyHeaders {
        got: usize,
        most: usize,
    },
    /// The `Content-Type` that came.
    MediaType(String),
    Body(BodyError),
    Scan(ScanError),
    NoModel,
    UnknownModel {
        asked: String,
        /// What this caller could ask for instead.
        known: Vec<String>,
    },
    DisabledModel(String),
    /// The database may know better what this name stands for. `None`: all names.
    NotYet(Option<String>),
    Incapable {
        model: String,
        lacks: Lacks,
    },
    Cooling {
        model: String,
        retry_after: Option<Duration>,
    },
    Spent {
        model: String,
        retry_after: Option<Duration>,
    },
    Limited {
        model: String,
        retry_after: Option<Duration>,
    },
    /// Everything that was tried failed: the error that tells the client most.
    Failed {
        fault: Fault,
        retry_after: Option<Duration>,
    },
    OutOfTime,
}

/// What is switched off may be switched on at any time.
const SWITCHED_OFF: Duration = Duration::from_secs(10);
/// Names listed in a 404 before it says how many more there are.
const MOST_NAMES: usize = 20;

impl Refusal {
    /// What the client is told.
    pub fn fault(self) -> Fault {
        match self {
            Refusal::Denied(denied) => refused_caller(denied),
            Refusal::ModelNotAllowed(model) => said(Kind::Permission, 403, &not_allowed(&model)),
            Refusal::Exceeded(refused) => limits::fault(&refused),
            Refusal::Unpriced { model, real } => unpriced(&model, &real),
            Refusal::UnknownPath(path) => {
                let path = shortened(&path);
                said(Kind::NotFound, 404, &format!("there is nothing at {path}"))
            }
            Refusal::WrongMethod { allow } => {
                let method = allow.split(',').next().unwrap_or(allow);
                let text = format!("this path takes {method} only");
                said(Kind::MethodNotAllowed, 405, &text)
            }
            Refusal::TooManyHeaders { got, most } => {
                let text = format!("the request has {got} headers; {most} are taken");
                said(Kind::InvalidRequest, 431, &text)
            }
            Refusal::NotServed(why) => said(Kind::NotFound, 404, &why),
            Refusal::MediaType(got) => said(Kind::UnsupportedMedia, 415, &not_taken(&got)),
            Refusal::Body(error) => body_fault(&error),
            Refusal::Scan(error) => said(Kind::InvalidRequest, 400, &error),
            Refusal::NoModel => {
                let text = "the request names no model: set `model`";
                about_model(said(Kind::InvalidRequest, 400, &text))
            }
            Refusal::UnknownModel { asked, known } => unknown_model(&asked, &known),
            Refusal::NotYet(model) => {
                let of = model.map_or("which models there are".to_owned(), |model| {
                    format!("what the model `{}` stands for", shortened(&model))
                });
                not_yet(&format!(
                    "{of} is said by the database, which has not been read since the gateway has started; try again in a moment"
                ))
            }
            Refusal::DisabledModel(model) => {
                switched_off(&format!("the model `{}` is disabled", shortened(&model)))
            }
            Refusal::Incapable { model, lacks } => incapable(&model, lacks),
            Refusal::Cooling { model, retry_after } => Fault {
                retry_after,
                ..cooling(&model)
            },
            Refusal::Spent { model, retry_after } => Fault {
                retry_after,
                ..spent(&model)
            },
            Refusal::Limited { model, retry_after } => Fault {
                retry_after,
                ..limited(&model)
            },
            Refusal::Failed { fault, retry_after } => {
                let ours = retry_after.filter(|back| waiting_heals(fault.kind, *back));
                Fault {
                    retry_after: fault.retry_after.or(ours),
                    ..fault
                }
            }
            Refusal::OutOfTime => {
                let text = "no endpoint answered within the time allowed for a request";
                said(Kind::Timeout, 504, &text)
            }
        }
    }
}

fn not_allowed(model: &str) -> String {
    format!("this API key may not use the model `{}`", shortened(model))
}

fn not_taken(media_type: &str) -> String {
    let got = shortened(media_type);
    format!("Content-Type {got:?} is not served here; send application/json")
}

/// A fault in whole sentences.
fn said(kind: Kind, status: u16, text: &dyn std::fmt::Display) -> Fault {
    Fault::new(kind, status, sentence(&text.to_string()))
}

/// Whether it may be otherwise when the first of the endpoints is back. A wrong key or a request that is refused will be
/// what it was, and of a broken answer a moment tells nothing.
fn waiting_heals(kind: Kind, back: Duration) -> bool {
    match kind {
        Kind::RateLimit | Kind::Overloaded | Kind::Timeout => true,
        Kind::InvalidRequest
        | Kind::Authentication
        | Kind::Billing
        | Kind::Permission
        | Kind::NotFound
        | Kind::MethodNotAllowed
        | Kind::TooLarge
        | Kind::UnsupportedMedia
        | Kind::ContextLength
        | Kind::ContentPolicy => false,
        Kind::Internal => back >= Duration::from_secs(1),
    }
}

fn refused_caller(denied: Denied) -> Fault {
    match denied {
        Denied::TenantDisabled => said(Kind::Permission, 403, &denied),
        Denied::NoKey
        | Denied::UnknownKey
        | Denied::Expired
        | Denied::Disabled
        | Denied::LoopbackOnly => said(Kind::Authentication, 401, &denied),
        Denied::NotYet => not_yet(&denied),
    }
}

/// The database is looked for every second.
fn not_yet(text: &dyn std::fmt::Display) -> Fault {
    Fault {
        retry_after: Some(Duration::from_secs(1)),
        ..said(Kind::Overloaded, 503, text)
    }
}

/// Who has a budget may not call what has no price.
fn unpriced(model: &str, real: &str) -> Fault {
    let (model, real) = (shortened(model), shortened(real));
    let text = format!(
        "this API key has a budget, and what has no price may not be called with one: there is none for `{real}`, which `{model}` leads to"
    );
    about_model(said(Kind::Permission, 403, &text))
}

fn spent(model: &str) -> Fault {
    let text = format!("the quota of every endpoint of `{model}` is used up; try again later");
    said(Kind::RateLimit, 429, &text)
}

fn limited(model: &str) -> Fault {
    let text = format!(
        "every usable key for `{model}` waits for a rate limit of its vendor to be over; try again later"
    );
    said(Kind::RateLimit, 429, &text)
}

fn cooling(model: &str) -> Fault {
    let text = format!("every endpoint of `{model}` is recovering from failures; try again later");
    said(Kind::Overloaded, 503, &text)
}

fn body_fault(error: &BodyError) -> Fault {
    let (kind, status) = match error {
        BodyError::TooLarge { .. } | BodyError::Encoding(DecodeError::TooLarge { .. }) => {
            (Kind::TooLarge, 413)
        }
        BodyError::TooSlow { .. } => (Kind::Timeout, 408),
        BodyError::NoRoom | BodyError::NotSpooled | BodyError::Encoding(DecodeError::NoRoom) => {
            (Kind::Overloaded, 503)
        }
        BodyError::Encoding(DecodeError::Unsupported(_)) => (Kind::UnsupportedMedia, 415),
        BodyError::Encoding(DecodeError::Corrupt)
        | BodyError::Malformed
        | BodyError::Form(_)
        | BodyError::ClientGone => (Kind::InvalidRequest, 400),
    };
    let mut fault = Fault::new(kind, status, sentence(&error.to_string()));
    if matches!(error, BodyError::NoRoom | BodyError::NotSpooled) {
        fault.retry_after = Some(Duration::from_secs(1));
    }
    fault
}

fn unknown_model(asked: &str, known: &[String]) -> Fault {
    let mut text = format!("There is no model `{}` here.", shortened(asked));
    if known.is_empty() {
        text.push_str(" No model is configured for this caller.");
    } else {
        let names: Vec<String> = known
            .iter()
            .take(MOST_NAMES)
            .map(|name| format!("`{name}`"))
            .collect();
        text.push_str(" There are: ");
        text.push_str(&names.join(", "));
        match known.len().checked_sub(MOST_NAMES) {
            Some(more) if more > 0 => text.push_str(&format!(" and {more} more (GET /v1/models).")),
            _ => text.push('.'),
        }
    }
    let mut fault = about_model(Fault::new(Kind::NotFound, 404, text));
    fault.code = Some("model_not_found".to_owned());
    fault
}

fn incapable(model: &str, lacks: Lacks) -> Fault {
    let mut missing: Vec<&str> = Vec::new();
    for lack in lacks.iter() {
        missing.push(match lack {
            Lack::Disabled => "is enabled",
            Lack::Format => "speaks this format (nothing is converted here)",
            Lack::Streaming => "can stream",
            Lack::NonStreaming => "can answer without streaming",
            Lack::Tools => "can use tools",
            Lack::Images => "takes images",
            Lack::Prefill => "continues a started assistant turn",
            Lack::Context => "has a context that is large enough",
            Lack::Credential => "may be given this caller's credential",
            Lack::Quota => "has a quota for as many tokens",
        });
    }
    let text = format!("No endpoint of `{model}` {}.", missing.join(", or "));
    if lacks.has(Lack::Disabled) && lacks.iter().count() == 1 {
        return switched_off(&text);
    }
    if lacks.has(Lack::Context) && lacks.iter().count() == 1 {
        return Fault::new(Kind::ContextLength, 400, text);
    }
    Fault::new(Kind::InvalidRequest, 400, text)
}

/// Whoever asks has done nothing wrong, and nobody is overloaded.
fn switched_off(text: &str) -> Fault {
    let mut fault = about_model(said(Kind::Internal, 503, &text));
    fault.code = Some("model_disabled".to_owned());
    fault.retry_after = Some(SWITCHED_OFF);
    fault
}

fn about_model(mut fault: Fault) -> Fault {
    fault.param = Some("model".to_owned());
    fault
}

/// A first capital letter and a full stop.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars
        .next()
        .map(|c| c.to_uppercase().to_string())
        .unwrap_or_default();
    let end = if text.ends_with(['.', '!', '?']) {
        ""
    } else {
        "."
    };
    format!("{first}{}{end}", chars.as_str())
}

fn shortened(text: &str) -> String {
    const MOST: usize = 120;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    let head: String = text.chars().take(MOST).collect();
    format!("{head}…")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_model_is_told_what_there_is() {
        let fault = Refusal::UnknownModel {
            asked: "gpt-9".into(),
            known: vec!["haiku".into(), "opus".into()],
        }
        .fault();
        assert_eq!(
            fault.message,
            "There is no model `gpt-9` here. There are: `haiku`, `opus`."
        );
        assert_eq!((fault.status, fault.param.as_deref()), (404, Some("model")));
    }

    #[test]
    fn only_where_waiting_heals_a_time_is_told() {
        let told = |kind, own: Option<u64>, back: u64| {
            let mut fault = Fault::new(kind, 500, "x");
            fault.retry_after = own.map(Duration::from_millis);
            let retry_after = Some(Duration::from_millis(back));
            let fault = Refusal::Failed { fault, retry_after }.fault();
            fault.retry_after.map(|after| after.as_millis())
        };
        assert_eq!(told(Kind::RateLimit, None, 1), Some(1));
        assert_eq!(told(Kind::Overloaded, Some(7), 1), Some(7));
        assert_eq!(told(Kind::Internal, None, 1), None);
        assert_eq!(told(Kind::Internal, None, 5_000), Some(5_000));
        assert_eq!(told(Kind::Authentication, None, 5_000), None);
        assert_eq!(told(Kind::Authentication, Some(9), 5_000), Some(9));
    }

    #[test]
    fn what_is_switched_off_is_told_as_that_and_as_nobodys_fault() {
        let mut lacks = Lacks::default();
        lacks.add(Lack::Disabled);
        let refused = |lacks| {
            let model = "m".to_owned();
            let fault = Refusal::Incapable { model, lacks }.fault();
            (fault.status, fault.message)
        };
        let off = (503, "No endpoint of `m` is enabled.".to_owned());
        assert_eq!(refused(lacks), off);
        lacks.add(Lack::Tools);
        assert_eq!(refused(lacks).0, 400);
        lacks = Lacks::default();
        lacks.add(Lack::Disabled);
        for refusal in [
            Refusal::DisabledModel("off/x".to_owned()),
            Refusal::Incapable {
                model: "m".to_owned(),
                lacks,
            },
        ] {
            let fault = refusal.fault();
            assert_eq!((fault.kind, fault.status), (Kind::Internal, 503));
            assert_eq!(fault.code.as_deref(), Some("model_disabled"));
            assert_eq!(fault.retry_after, Some(SWITCHED_OFF));
        }
    }

    #[test]
    fn a_long_list_of_models_is_cut_and_counted() {
        let known: Vec<String> = (0..25).map(|n| format!("m{n}")).collect();
        let fault = Refusal::UnknownModel {
            asked: "x".into(),
            known,
        }
        .fault();
        assert!(
            fault
                .message
                .ends_with("`m19` and 5 more (GET /v1/models)."),
            "{}",
            fault.message
        );
    }
}
