//! A call of the objects as the document has it, put together by kind.

use utoipa::PartialSchema as _;
use utoipa::openapi::path::{
    Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, Required, ResponseBuilder, Schema};

use super::bodies;
use super::objects::names;
use super::problem::MEDIA_TYPE;
use crate::config::Kind;

/// A call as the document has it, while it is written.
pub(super) struct Call(OperationBuilder);

impl Call {
    pub(super) fn new(kind: Kind, (verb, what): (&str, &str), summary: &str) -> Call {
        let id = format!("{verb}_{}", what.replace(' ', "_"));
        let call = OperationBuilder::new()
            .operation_id(Some(id))
            .tag(names(kind).2);
        Call(call.summary(Some(summary)))
    }

    pub(super) fn named(self) -> Call {
        Call(
            self.0
                .parameter(parameter(ParameterIn::Path, "name", "Its name")),
        )
    }

    pub(super) fn queried(self, name: &str, schema: RefOr<Schema>, what: &str) -> Call {
        let parameter = ParameterBuilder::new().name(name);
        let parameter = parameter.parameter_in(ParameterIn::Query);
        let parameter = parameter.required(Required::False).description(Some(what));
        Call(self.0.parameter(parameter.schema(Some(schema)).build()))
    }

    pub(super) fn on_condition(self, headers: &[&str]) -> Call {
        let all = headers.iter().map(|header| {
            let what = match *header {
                "If-Match" => "Only if it still has this ETag",
                _ => "`*`: only if it is not there yet",
            };
            parameter(ParameterIn::Header, header, what)
        });
        Call(all.fold(self.0, OperationBuilder::parameter))
    }

    pub(super) fn takes(self, shape: &str, what: &str) -> Call {
        let shape = bodies::shape(shape);
        let content = ContentBuilder::new().schema(Some(shape)).build();
        let body = RequestBodyBuilder::new()
            .description(Some(what))
            .required(Some(Required::True));
        Call(
            self.0
                .request_body(Some(body.content("application/json", content).build())),
        )
    }

    pub(super) fn answers(self, status: u16, what: &str, schema: &str) -> Call {
        let shape = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name(schema)))
            .build();
        let answer = ResponseBuilder::new().description(what);
        self.response(status, answer.content("application/json", shape))
    }

    pub(super) fn fails(self, status: u16, what: &str) -> Call {
        let shape = ContentBuilder::new()
            .schema(Some(Ref::from_schema_name("Problem")))
            .build();
        let answer = ResponseBuilder::new().description(what);
        self.response(status, answer.content(MEDIA_TYPE, shape))
    }

    pub(super) fn fails_not(self, status: u16, what: &str) -> Call {
        self.response(status, ResponseBuilder::new().description(what))
    }

    pub(super) fn response(self, status: u16, answer: ResponseBuilder) -> Call {
        Call(self.0.response(status.to_string(), answer.build()))
    }

    pub(super) fn built(self) -> Operation {
        self.0.build()
    }
}

fn parameter(place: ParameterIn, name: &str, what: &str) -> Parameter {
    let required = match place {
        ParameterIn::Path => Required::True,
        _ => Required::False,
    };
    let parameter = ParameterBuilder::new().name(name).parameter_in(place);
    let parameter = parameter.required(required).description(Some(what));
    parameter.schema(Some(String::schema())).build()
}
