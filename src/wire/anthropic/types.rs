use serde::Serialize;

/// The body of an error reply, and the data of an `error` event.
#[derive(Debug, Serialize)]
pub(super) struct ErrorBody<'a> {
    /// Always `error`.
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) error: ErrorObject<'a>,
}

#[derive(Debug, Serialize)]
pub(super) struct ErrorObject<'a> {
    #[serde(rename = "type")]
    pub(super) kind: &'a str,
    pub(super) message: &'a str,
}
