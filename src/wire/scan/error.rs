use thiserror::Error;

/// Why a body cannot be taken. All of them are the client's fault; the texts are for the client. `at` counts bytes from 0.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ScanError {
    #[error("the request body is empty, expected a JSON object")]
    Empty,
    /// Vendors refuse it too (RFC 8259, section 8.1), and cutting it off would touch the bytes.
    #[error("the request body begins with a byte order mark, expected a JSON object")]
    ByteOrderMark,
    #[error("the request body is not a JSON object")]
    NotAnObject,
    #[error("the request body is not valid JSON: expected {expected} at byte {at}")]
    Malformed { at: usize, expected: &'static str },
    #[error("the request body is not valid JSON: it ends at byte {at}, inside of a value")]
    Truncated { at: usize },
    #[error("the request body has data after the JSON object, at byte {at}")]
    TrailingData { at: usize },
    #[error("the request body nests deeper than {limit} levels, at byte {at}", limit = super::MAX_DEPTH)]
    TooDeep { at: usize },
    /// Which of the two a vendor would take is anybody's guess, so that what was checked might not be what is served.
    #[error("the request body has the key {key:?} twice, again at byte {at}")]
    DuplicateKey { key: String, at: usize },
    #[error("`model` is not a string, at byte {at}")]
    ModelNotAString { at: usize },
    #[error("`stream` is neither true nor false, at byte {at}")]
    StreamNotABool { at: usize },
    /// An unknown escape, half a surrogate pair, a control character or bytes that are not UTF-8, where we must read the text.
    #[error("the request body has a broken string at byte {at}")]
    BrokenString { at: usize },
}
