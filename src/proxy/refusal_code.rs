//! The word for a refusal: what its row keeps, and an explanation tells.

use crate::ledger::RefusalCode as Code;
use crate::proxy::access::Denied;
use crate::proxy::body::BodyError;
use crate::proxy::decode::DecodeError;
use crate::proxy::refusal::Refusal;
use crate::route::Why;

impl Refusal {
    pub fn code(&self) -> Code {
        match self {
            Refusal::Denied(denied) => of_caller(denied),
            Refusal::ModelNotAllowed(_) => Code::ModelNotAllowed,
            Refusal::Exceeded(_) => Code::LimitExceeded,
            Refusal::Unpriced { .. } => Code::NoPrice,
            Refusal::UnknownPath(_) => Code::UnknownPath,
            Refusal::WrongMethod { .. } => Code::WrongMethod,
            Refusal::NotServed(_) => Code::NotServed,
            Refusal::TooManyHeaders { .. } => Code::TooManyHeaders,
            Refusal::MediaType(_) => Code::MediaType,
            Refusal::Body(error) => of_body(error),
            Refusal::Scan(_) => Code::BadRequest,
            Refusal::NoModel => Code::NoModel,
            Refusal::UnknownModel { .. } => Code::UnknownModel,
            Refusal::DisabledModel(_) => Code::DisabledModel,
            Refusal::NotYet(_) => Code::DatabaseUnread,
            Refusal::Incapable { .. } => Code::Incapable,
            Refusal::Cooling { .. } => Code::Cooling,
            Refusal::Spent { .. } => Code::QuotaSpent,
            Refusal::Limited { .. } => Code::KeysLimited,
            Refusal::Failed { .. } => Code::AttemptsFailed,
            Refusal::OutOfTime => Code::OutOfTime,
        }
    }
}

/// Of a request that nobody would be asked for.
pub(super) fn of_stop(why: Why) -> Code {
    match why {
        Why::Incapable(_) => Code::Incapable,
        Why::Cooling => Code::Cooling,
        Why::Spent => Code::QuotaSpent,
        Why::Limited => Code::KeysLimited,
        Why::OutOfTime => Code::OutOfTime,
        Why::Answer | Why::Failed | Why::Attempts | Why::Over => Code::AttemptsFailed,
    }
}

fn of_caller(denied: &Denied) -> Code {
    match denied {
        Denied::NoKey => Code::NoKey,
        Denied::UnknownKey => Code::UnknownKey,
        Denied::Expired => Code::ExpiredKey,
        Denied::Disabled => Code::DisabledKey,
        Denied::TenantDisabled => Code::DisabledTenant,
        Denied::LoopbackOnly => Code::LoopbackOnly,
        Denied::NotYet => Code::DatabaseUnread,
    }
}

fn of_body(error: &BodyError) -> Code {
    match error {
        BodyError::TooLarge { .. } | BodyError::Encoding(DecodeError::TooLarge { .. }) => {
            Code::BodyTooLarge
        }
        BodyError::TooSlow { .. } => Code::BodyTooSlow,
        BodyError::NoRoom | BodyError::NotSpooled | BodyError::Encoding(DecodeError::NoRoom) => {
            Code::NoRoom
        }
        BodyError::Encoding(DecodeError::Unsupported(_) | DecodeError::Corrupt)
        | BodyError::Malformed
        | BodyError::Form(_)
        | BodyError::ClientGone => Code::BadBody,
    }
}
