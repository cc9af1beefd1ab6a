//! The bodies of requests and answers, apart from their rows: compressed, and without secrets before they come here.

use serde::{Deserialize, Serialize};
use sqlx::SqlStr;

use super::fault::Fault;
use super::link::{Readers, Value};
use crate::id::RequestId;
use crate::ledger::{self, Body};

/// Bodies are compressed beside all requests, and never twice: fast is better than small.
const LEVEL: i32 = 1;
/// No body that is kept is as long.
const LONGEST: usize = 8 << 20;

/// What a request and its answer said, as far as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bodies {
    pub request: Body,
    pub response: Body,
}

/// Both on their way to the database; the shape of the spool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sealed {
    #[serde(with = "base64_text")]
    pub request: Vec<u8>,
    #[serde(with = "base64_text")]
    pub response: Vec<u8>,
    #[serde(default)]
    pub request_cut: bool,
    #[serde(default)]
    pub response_cut: bool,
}

impl Sealed {
    /// Takes secrets out, and compresses. `None`: there is no memory for it.
    pub(super) fn of(bodies: &ledger::Bodies) -> Option<Sealed> {
        let (request, response) = bodies.redacted();
        Some(Sealed {
            request: zstd::bulk::compress(&request.bytes, LEVEL).ok()?,
            response: zstd::bulk::compress(&response.bytes, LEVEL).ok()?,
            request_cut: request.cut,
            response_cut: response.cut,
        })
    }

    pub(super) fn values<'a>(&'a self, id: &'a str, out: &mut Vec<Value<'a>>) {
        out.extend([
            Value::Text(id),
            Value::Bytes(&self.request),
            Value::Bytes(&self.response),
            Value::Flag(self.request_cut),
            Value::Flag(self.response_cut),
        ]);
    }
}

/// The bodies of one request, if they were kept and are there still.
pub(super) async fn bodies(readers: &Readers, id: RequestId) -> Result<Option<Bodies>, Fault> {
    let sql =
        "SELECT request, response, request_cut, response_cut FROM request_bodies WHERE id = $1";
    let values = [Value::Text(id.as_str())];
    let found = readers.rows(SqlStr::from_static(sql), &values).await?;
    let Some(found) = found.first() else {
        return Ok(None);
    };
    let open = |bytes: Vec<u8>, cut| {
        let bytes = zstd::bulk::decompress(&bytes, LONGEST);
        let bytes = bytes.map_err(|_| Fault::Rotten(id.as_str().to_owned()))?;
        Ok::<_, Fault>(Body { bytes, cut })
    };
    Ok(Some(Bodies {
        request: open(found.bytes(0)?, found.flag(2)?)?,
        response: open(found.bytes(1)?, found.flag(3)?)?,
    }))
}

/// Bytes as text, for JSON.
mod base64_text {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&STANDARD.encode(bytes))
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(from)?;
        STANDARD.decode(text).map_err(D::Error::custom)
    }
}
