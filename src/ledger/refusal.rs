//! Why the gateway has refused a request, in a word.

/// The words are kept in rows and known to scripts: one that is there stays what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalCode {
    NoKey,
    UnknownKey,
    ExpiredKey,
    DisabledKey,
    DisabledTenant,
    /// There is no client key, and the caller is not on this machine.
    LoopbackOnly,
    /// The database, which may know better, was not read yet.
    DatabaseUnread,
    ModelNotAllowed,
    /// A limit of the client key or its tenant.
    LimitExceeded,
    /// Who has a budget may not call what has no price.
    NoPrice,
    UnknownPath,
    WrongMethod,
    NotServed,
    TooManyHeaders,
    MediaType,
    BodyTooLarge,
    BodyTooSlow,
    /// The gateway holds as many bodies as it may.
    NoRoom,
    /// A body that is not what it says to be: its encoding, its framing, its form.
    BadBody,
    /// No request of its format.
    BadRequest,
    NoModel,
    UnknownModel,
    DisabledModel,
    /// No endpoint can do what the request needs.
    Incapable,
    /// Every endpoint is cooling.
    Cooling,
    /// The quota of every endpoint is used up.
    QuotaSpent,
    /// Every key waits for a rate limit of its vendor.
    KeysLimited,
    /// All attempts have failed: they say why.
    AttemptsFailed,
    OutOfTime,
}

impl RefusalCode {
    pub const ALL: [RefusalCode; 29] = [
        RefusalCode::NoKey,
        RefusalCode::UnknownKey,
        RefusalCode::ExpiredKey,
        RefusalCode::DisabledKey,
        RefusalCode::DisabledTenant,
        RefusalCode::LoopbackOnly,
        RefusalCode::DatabaseUnread,
        RefusalCode::ModelNotAllowed,
        RefusalCode::LimitExceeded,
        RefusalCode::NoPrice,
        RefusalCode::UnknownPath,
        RefusalCode::WrongMethod,
        RefusalCode::NotServed,
        RefusalCode::TooManyHeaders,
        RefusalCode::MediaType,
        RefusalCode::BodyTooLarge,
        RefusalCode::BodyTooSlow,
        RefusalCode::NoRoom,
        RefusalCode::BadBody,
        RefusalCode::BadRequest,
        RefusalCode::NoModel,
        RefusalCode::UnknownModel,
        RefusalCode::DisabledModel,
        RefusalCode::Incapable,
        RefusalCode::Cooling,
        RefusalCode::QuotaSpent,
        RefusalCode::KeysLimited,
        RefusalCode::AttemptsFailed,
        RefusalCode::OutOfTime,
    ];

    pub fn name(self) -> &'static str {
        match self {
            RefusalCode::NoKey => "no_key",
            RefusalCode::UnknownKey => "unknown_key",
            RefusalCode::ExpiredKey => "expired_key",
            RefusalCode::DisabledKey => "disabled_key",
            RefusalCode::DisabledTenant => "disabled_tenant",
            RefusalCode::LoopbackOnly => "loopback_only",
            RefusalCode::DatabaseUnread => "database_unread",
            RefusalCode::ModelNotAllowed => "model_not_allowed",
            RefusalCode::LimitExceeded => "limit_exceeded",
            RefusalCode::NoPrice => "no_price",
            RefusalCode::UnknownPath => "unknown_path",
            RefusalCode::WrongMethod => "wrong_method",
            RefusalCode::NotServed => "not_served",
            RefusalCode::TooManyHeaders => "too_many_headers",
            RefusalCode::MediaType => "media_type",
            RefusalCode::BodyTooLarge => "body_too_large",
            RefusalCode::BodyTooSlow => "body_too_slow",
            RefusalCode::NoRoom => "no_room",
            RefusalCode::BadBody => "bad_body",
            RefusalCode::BadRequest => "bad_request",
            RefusalCode::NoModel => "no_model",
            RefusalCode::UnknownModel => "unknown_model",
            RefusalCode::DisabledModel => "disabled_model",
            RefusalCode::Incapable => "incapable",
            RefusalCode::Cooling => "cooling",
            RefusalCode::QuotaSpent => "quota_spent",
            RefusalCode::KeysLimited => "keys_limited",
            RefusalCode::AttemptsFailed => "attempts_failed",
            RefusalCode::OutOfTime => "out_of_time",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_one_of_its_own() {
        let names: std::collections::BTreeSet<_> = RefusalCode::ALL.map(RefusalCode::name).into();
        assert_eq!(names.len(), RefusalCode::ALL.len());
    }
}
