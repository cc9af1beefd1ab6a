//! The words by which the API says why: they stay what they are, and programs may go by them.

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::ledger;

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
