//! The words by which the API says why: they stay what they are, and programs may go by them.

use serde::Serialize;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::ledger;
use crate::route::Seen;

/// Why a vendor could not be asked, or has not answered as it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Its name has no address.
    Unresolved,
    /// Nobody takes the connection.
    Unconnected,
    /// No secure connection can be made.
    Tls,
    Timeout,
    /// It came to a connection, and to no answer.
    Broken,
    /// The vendor does not take the key, or forbids it.
    KeyRefused,
    /// The key has no money left.
    Unpaid,
    /// There is nothing where a list of models should be (404): is the base URL right?
    NoListThere,
    /// What answers is no list of models.
    NotAList,
    /// The vendor does not know the model.
    UnknownModel,
    RateLimited,
    Overloaded,
    /// The vendor answers with another error.
    VendorError,
}

fn one_of(words: impl IntoIterator<Item = &'static str>, what: &str) -> RefOr<Schema> {
    let words: Vec<&str> = words.into_iter().collect();
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(what))
        .enum_values(Some(words));
    RefOr::T(Schema::Object(schema.build()))
}

/// Why the gateway refuses a request.
pub(super) struct RefusalCode;

impl PartialSchema for RefusalCode {
    fn schema() -> RefOr<Schema> {
        let words = ledger::RefusalCode::ALL.map(ledger::RefusalCode::name);
        one_of(words, "Why the gateway refuses a request")
    }
}

impl ToSchema for RefusalCode {}

/// How an endpoint is seen.
pub(super) struct SeenCode;

impl PartialSchema for SeenCode {
    fn schema() -> RefOr<Schema> {
        let what = "How a request sees an endpoint: that it is asked, or why it is not";
        one_of(Seen::NAMES, what)
    }
}

impl ToSchema for SeenCode {}
