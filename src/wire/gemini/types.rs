use serde::Serialize;

/// The body of an error reply, and the data of an error in a stream. `error` stands first: the Python SDK looks for the
/// text `{"error":` at the beginning of an event.
#[derive(Debug, Serialize)]
pub(super) struct ErrorBody<'a> {
    pub(super) error: ErrorObject<'a>,
}

/// `google.rpc.Status` with the name of its code.
#[derive(Debug, Serialize)]
pub(super) struct ErrorObject<'a> {
    /// The HTTP status.
    pub(super) code: u16,
    pub(super) message: &'a str,
    pub(super) status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) details: Option<[RetryInfo; 1]>,
}

/// `google.rpc.RetryInfo`
#[derive(Debug, Serialize)]
pub(super) struct RetryInfo {
    #[serde(rename = "@type")]
    pub(super) kind: &'static str,
    /// Seconds with the unit: `34.400s`.
    #[serde(rename = "retryDelay")]
    pub(super) retry_delay: String,
}
