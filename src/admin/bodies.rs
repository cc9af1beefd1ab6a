//! The bodies of calls on objects, as the document describes them: drawn from what the configuration may say.

use utoipa::PartialSchema as _;
use utoipa::openapi::schema::{
    AdditionalProperties, AnyOfBuilder, ArrayBuilder, ObjectBuilder, Schema, SchemaType, Type,
};
use utoipa::openapi::{Ref, RefOr};

use crate::config::{Kind, Outline, outline};

/// The two shapes of a kind: what makes one, with its name; and what stands behind the name.
pub(super) fn names(kind: Kind) -> [&'static str; 2] {
    match kind {
        Kind::Provider => ["NewProvider", "Provider"],
        Kind::Model => ["NewModel", "Model"],
        Kind::Route => ["NewRoute", "Route"],
        Kind::ClientKey => ["NewClientKey", "ClientKey"],
        Kind::Tenant => ["NewTenant", "Tenant"],
        Kind::Price => ["NewPrice", "Price"],
        Kind::Setting => ["NewSetting", "Setting"],
    }
}

/// A reference to a shape by its name.
pub(super) fn shape(name: &str) -> RefOr<Schema> {
    RefOr::Ref(Ref::from_schema_name(name))
}

/// Both shapes.
pub(super) fn schemas(kind: Kind) -> Vec<(String, RefOr<Schema>)> {
    let [new, said] = names(kind);
    let outline = outline(kind);
    let mut members = match &outline {
        Outline::Members(members) => members.clone(),
        _ => vec![("value", outline.clone())],
    };
    if members.iter().all(|(name, _)| *name != "name") {
        members.insert(0, ("name", Outline::Single));
    }
    let made = object(&members);
    let made = match kind {
        // It gets one where it has none.
        Kind::Route => made,
        Kind::Setting => made.required("name").required("value"),
        _ => made.required("name"),
    };
    vec![
        (new.to_owned(), made.schema_type(Type::Object).into()),
        (said.to_owned(), schema(&outline)),
    ]
}

fn schema(outline: &Outline) -> RefOr<Schema> {
    match outline {
        Outline::Any => serde_json::Value::schema(),
        Outline::Single => {
            let kinds = [Type::String, Type::Number, Type::Boolean, Type::Null];
            ObjectBuilder::new()
                .schema_type(SchemaType::from_iter(kinds))
                .into()
        }
        Outline::Members(members) => object(members).into(),
        Outline::Names(of) => ObjectBuilder::new()
            .schema_type(or_null(Type::Object))
            .additional_properties(Some(schema(of)))
            .into(),
        Outline::List(of) => ArrayBuilder::new()
            .schema_type(or_null(Type::Array))
            .items(schema(of))
            .into(),
        Outline::Either(ways) => {
            let ways = ways.iter().map(schema);
            ways.fold(AnyOfBuilder::new(), AnyOfBuilder::item).into()
        }
    }
}

fn object(members: &[(&'static str, Outline)]) -> ObjectBuilder {
    let object = ObjectBuilder::new()
        .schema_type(or_null(Type::Object))
        .additional_properties(Some(AdditionalProperties::FreeForm(false)));
    members.iter().fold(object, |object, (name, outline)| {
        object.property(*name, schema(outline))
    })
}

fn or_null(kind: Type) -> SchemaType {
    SchemaType::from_iter([kind, Type::Null])
}
