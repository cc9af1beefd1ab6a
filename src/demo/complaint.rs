use serde::{Deserialize, Serialize};

/// What a vendor complains about. Each vendor has its own status and words for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    InvalidRequest,
    /// The conversation is longer than the model's context.
    ContextLength,
    ContentPolicy,
    /// The account has no money left.
    InsufficientQuota,
    InvalidKey,
    Permission,
    ModelNotFound,
    /// No such path or object.
    NotFound,
    MethodNotAllowed,
    TooLarge,
    RateLimit,
    Overloaded,
    Timeout,
    Internal,
    /// Opaque state of a former turn is not this vendor's, or was changed.
    BadSignature,
}

impl ErrorKind {
    /// The kind that a bare status suggests.
    pub(super) fn of_status(status: u16) -> ErrorKind {
        match status {
            401 => ErrorKind::InvalidKey,
            402 => ErrorKind::InsufficientQuota,
            403 => ErrorKind::Permission,
            404 => ErrorKind::ModelNotFound,
            405 => ErrorKind::MethodNotAllowed,
            408 | 504 => ErrorKind::Timeout,
            413 => ErrorKind::TooLarge,
            429 => ErrorKind::RateLimit,
            503 | 529 => ErrorKind::Overloaded,
            500.. => ErrorKind::Internal,
            _ => ErrorKind::InvalidRequest,
        }
    }
}

/// A vendor's refusal to answer, before a format gives it its shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Complaint {
    pub(super) kind: ErrorKind,
    /// In place of the status that the vendor has for this kind.
    pub(super) status: Option<u16>,
    /// In place of the vendor's words for this kind.
    pub(super) message: Option<String>,
    /// The field of the request that is wrong.
    pub(super) param: Option<String>,
    /// What the vendor's words may name.
    pub(super) model: String,
}

impl Complaint {
    pub(super) fn new(kind: ErrorKind) -> Complaint {
        Complaint {
            kind,
            status: None,
            message: None,
            param: None,
            model: String::new(),
        }
    }

    /// The request is wrong in `param`.
    pub(super) fn invalid(message: impl Into<String>, param: &str) -> Complaint {
        Complaint {
            message: Some(message.into()),
            param: (!param.is_empty()).then(|| param.to_owned()),
            ..Complaint::new(ErrorKind::InvalidRequest)
        }
    }

    pub(super) fn about(self, model: &str) -> Complaint {
        Complaint {
            model: model.to_owned(),
            ..self
        }
    }

    pub(super) fn with_status(self, status: u16) -> Complaint {
        Complaint {
            status: Some(status),
            ..self
        }
    }
}
