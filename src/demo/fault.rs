use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::complaint::ErrorKind;

/// How one request is treated: the faults that happen to it, each at its own stage. None = answered as it should be.
///
/// In JSON a step is one fault, a list of faults, or `[]`: `"reset"`, `["cr_lf", {"slow_first_token": 500}]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "WrittenStep", into = "Vec<Fault>")]
pub struct Step {
    pub faults: Vec<Fault>,
}

/// One thing that goes wrong, or goes differently.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The TCP connection is reset before the head.
    Reset,
    /// Closed before the head: the connection (HTTP/1), the stream (HTTP/2).
    CloseBeforeHead,
    /// No head, ever.
    NoAnswer,
    /// The head comes this late.
    SlowHead(#[serde(with = "millis")] Duration),
    /// Answers before the request's body is read. Picked as soon as the model's name has arrived.
    EarlyAnswer(Early),
    /// An HTTP error in place of the answer.
    Status(Status),
    /// The vendor's own error of this kind in place of the answer, with the status that this vendor uses for it.
    Error(ErrorKind),
    /// A 200 whose body is not an answer.
    Hollow(Hollow),
    /// This reply, word for word, through an HTTP server that keeps the rules.
    Raw(Raw),
    /// These bytes on the wire in place of an HTTP response (HTTP/1 only), then the end of the connection.
    Wire(String),

    /// A proper answer without any content.
    EmptyAnswer,
    /// A text of this many bytes.
    BigAnswer(usize),
    /// A text of this many bytes in a single event.
    GiganticEvent(usize),

    /// The stream (or body) goes on only to this place, and there this happens.
    Break { at: Place, how: Break },
    /// An event that is not JSON, in a stream that is fine otherwise; before this content event.
    MalformedEventAt(usize),
    /// No usage anywhere.
    NoUsage,
    /// Time before the first content event (a whole answer: before its head).
    SlowFirstToken(#[serde(with = "millis")] Duration),
    /// Time before every event (a whole answer: in ten parts).
    SlowBody(#[serde(with = "millis")] Duration),
    /// The body in a content coding, asked for or not.
    Compressed(Coding),
    /// Lines end in CR LF.
    CrLf,
    /// Comment lines between the events.
    Comments,
    /// Every byte by itself.
    OneByteChunks,
    /// A new chunk inside every character of several bytes.
    SplitUtf8,
    /// Closes the connection after the answer without having said so.
    CloseAfter,
}

/// A place in a stream. A body that is not a stream is cut in half at any of these but `Start` and `Bytes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Behind the head.
    Start,
    /// Behind the events that carry no content.
    Preamble,
    /// Behind so many content events.
    Events(usize),
    /// Behind the last content event, before the finish reason.
    Content,
    /// Behind the finish reason (and usage), before the terminal event.
    Finish,
    /// Behind so many bytes of the body.
    Bytes(usize),
}

/// What happens at a [`Place`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Break {
    /// Nothing more comes.
    Stall,
    /// The connection (HTTP/1) or the stream (HTTP/2) breaks off.
    Close,
    /// The TCP connection is reset.
    Reset,
    /// The body ends as if it were complete.
    End,
    /// An error event, then the end.
    Error(ErrorKind),
}

/// An HTTP error.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    pub status: u16,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    #[serde(default)]
    pub body: ErrorBody,
}

/// An answer to a request that is not read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Early {
    pub status: u16,
    pub then: Unread,
}

/// What becomes of the rest of a request that was answered early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unread {
    /// The connection is closed.
    Close,
    /// It is never read and the connection stays open.
    Hold,
    /// It is read and thrown away.
    Drain,
}

/// The body of an HTTP error.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorBody {
    /// In the vendor's shape, of the kind that the status suggests.
    #[default]
    Vendor,
    /// In the vendor's shape, of this kind.
    Kind(ErrorKind),
    /// A proxy's error page.
    Html,
    Empty,
    /// Bytes that are neither text nor JSON.
    Garbage,
    Text(String),
}

/// What a hollow 200 contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hollow {
    Empty,
    /// The first half of the answer as JSON, with a matching content length.
    Truncated,
    Html,
    /// An error object.
    Error(ErrorKind),
}

/// A reply given word for word. `{"status": 200, "headers": {}, "chunks": ["…"]}`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Raw {
    pub status: u16,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// Each is flushed by itself.
    #[serde(with = "texts")]
    pub chunks: Vec<Bytes>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Coding {
    Gzip,
    Br,
    Zstd,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WrittenStep {
    One(Fault),
    Several(Vec<Fault>),
}

impl From<WrittenStep> for Step {
    fn from(written: WrittenStep) -> Step {
        match written {
            WrittenStep::One(fault) => fault.into(),
            WrittenStep::Several(faults) => Step { faults },
        }
    }
}

impl From<Step> for Vec<Fault> {
    fn from(step: Step) -> Vec<Fault> {
        step.faults
    }
}

impl From<Fault> for Step {
    fn from(fault: Fault) -> Step {
        Step {
            faults: vec![fault],
        }
    }
}

impl Step {
    /// A proper answer: holds a place in a row of steps.
    pub fn answer() -> Step {
        Step::default()
    }

    /// An HTTP error in the vendor's shape.
    pub fn status(status: u16) -> Step {
        let body = ErrorBody::Vendor;
        let headers = BTreeMap::new();
        Fault::Status(Status {
            status,
            headers,
            body,
        })
        .into()
    }

    /// The vendor's own error of this kind.
    pub fn error(kind: ErrorKind) -> Step {
        Fault::Error(kind).into()
    }

    /// The stream goes on to `at`; there this happens.
    pub fn broken(at: Place, how: Break) -> Step {
        Fault::Break { at, how }.into()
    }

    /// A header for the HTTP error (or raw reply) of this step.
    pub fn header(mut self, name: &str, value: &str) -> Step {
        for fault in &mut self.faults {
            if let Fault::Status(Status { headers, .. }) | Fault::Raw(Raw { headers, .. }) = fault {
                headers.insert(name.to_owned(), value.to_owned());
            }
        }
        self
    }

    /// A `retry-after` for the HTTP error of this step.
    pub fn retry_after(self, seconds: u64) -> Step {
        self.header("retry-after", &seconds.to_string())
    }

    /// The body of the HTTP error of this step.
    pub fn body(mut self, new: ErrorBody) -> Step {
        let mut errors = self.faults.iter_mut().filter_map(|fault| match fault {
            Fault::Status(status) => Some(status),
            _ => None,
        });
        if let Some(status) = errors.next() {
            status.body = new;
        }
        self
    }

    /// One more fault.
    pub fn and(mut self, fault: Fault) -> Step {
        self.faults.push(fault);
        self
    }

    /// The first fault of which `pick` makes something.
    pub(super) fn find<'a, T>(&'a self, pick: impl Fn(&'a Fault) -> Option<T>) -> Option<T> {
        self.faults.iter().find_map(pick)
    }

    pub(super) fn has(&self, fault: &Fault) -> bool {
        self.faults.contains(fault)
    }

    pub(super) fn early(&self) -> Option<&Early> {
        self.find(|f| match f {
            Fault::EarlyAnswer(early) => Some(early),
            _ => None,
        })
    }
}

/// Durations in JSON are whole milliseconds.
mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}

/// Bytes in JSON are text.
mod texts {
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(chunks: &[Bytes], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(chunks.iter().map(|c| String::from_utf8_lossy(c)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Bytes>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        Ok(texts.into_iter().map(Bytes::from).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_read_as_one_fault_a_list_or_nothing() {
        let read = |text: &str| serde_json::from_str::<Step>(text).unwrap();
        assert_eq!(read(r#""reset""#), Fault::Reset.into());
        assert_eq!(read("[]"), Step::answer());
        let slow = Step::from(Fault::CrLf).and(Fault::SlowFirstToken(Duration::from_millis(500)));
        assert_eq!(read(r#"["cr_lf", {"slow_first_token": 500}]"#), slow);
        let limited = Step::status(429).retry_after(1);
        assert_eq!(
            read(r#"{"status": {"status": 429, "headers": {"retry-after": "1"}}}"#),
            limited
        );
        let cut = Step::broken(Place::Events(2), Break::Close);
        assert_eq!(
            read(r#"{"break": {"at": {"events": 2}, "how": "close"}}"#),
            cut
        );
        let written = serde_json::to_string(&cut).unwrap();
        assert_eq!(read(&written), cut);
        assert!(serde_json::from_str::<Step>(r#""rset""#).is_err());
    }
}
