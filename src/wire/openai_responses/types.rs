use serde::Serialize;

/// The body of an error reply.
#[derive(Debug, Serialize)]
pub(super) struct ErrorBody<'a> {
    pub(super) error: ErrorObject<'a>,
}

#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct ErrorObject<'a> {
    pub(super) message: &'a str,
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    pub(super) param: Option<&'a str>,
    pub(super) code: Option<&'a str>,
}

/// The data of an `error` event. The SDKs' types have `code`, `message` and `param` beside the type; the API nests them in
/// `error`, and the SDKs raise on that.
#[derive(Debug, Serialize)]
pub(super) struct ErrorEvent<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) sequence_number: u64,
    pub(super) code: Option<&'a str>,
    pub(super) message: &'a str,
    pub(super) param: Option<&'a str>,
    pub(super) error: ErrorObject<'a>,
}
