use std::borrow::Cow;

use crate::ir::{At, Output, Request, Said, Str, Summary};
use crate::wire::convert::effort::effort_named;
use crate::wire::json::{Kind, Misfit, Value};

use super::request_read::each;

/// Reads `generationConfig`.
pub(super) fn read<'a>(request: &mut Request<'a>, value: Value<'_, 'a>) -> Result<(), Misfit> {
    let mut shape = Shape::default();
    for (key, member) in value.want_object()?.members() {
        if !member.is_null() {
            read_member(request, &mut shape, &key, member)?;
        }
    }
    request.output = shape.output(&mut request.unsaid)?;
    Ok(())
}

fn read_member<'d, 'a>(
    request: &mut Request<'a>,
    shape: &mut Shape<'d, 'a>,
    key: &str,
    value: Value<'d, 'a>,
) -> Result<(), Misfit> {
    let sampling = &mut request.sampling;
    match key {
        "temperature" => sampling.temperature = Some(value.want_number()?),
        "topP" | "top_p" => sampling.top_p = Some(value.want_number()?),
        "topK" | "top_k" => sampling.top_k = Some(value.want_number()?),
        "candidateCount" | "candidate_count" => sampling.choices = Some(value.want_count()?),
        "maxOutputTokens" | "max_output_tokens" => sampling.max_tokens = Some(value.want_count()?),
        "seed" => sampling.seed = Some(value.want_number()?),
        "presencePenalty" | "presence_penalty" => {
            sampling.presence_penalty = Some(value.want_number()?);
        }
        "frequencyPenalty" | "frequency_penalty" => {
            sampling.frequency_penalty = Some(value.want_number()?);
        }
        "responseLogprobs" | "response_logprobs" => sampling.logprobs = Some(value.want_bool()?),
        "logprobs" => sampling.top_logprobs = Some(value.want_count()?),
        "stopSequences" | "stop_sequences" => {
            for stop in each(value) {
                sampling.stop.push(stop.want_said()?);
            }
        }
        "responseMimeType" | "response_mime_type" => shape.mime = Some(value),
        "responseSchema" | "response_schema" => shape.dialect = Some(value),
        "responseJsonSchema" | "response_json_schema" | "_responseJsonSchema" => {
            shape.schema = Some(value);
        }
        "thinkingConfig" | "thinking_config" => thinking(request, value)?,
        "responseModalities" | "response_modalities" => modalities(request, value)?,
        _ => request.unsaid.push(value.at()),
    }
    Ok(())
}

/// What is said of the shape of the answer, in three members.
#[derive(Default)]
struct Shape<'d, 'a> {
    mime: Option<Value<'d, 'a>>,
    /// In Gemini's dialect.
    dialect: Option<Value<'d, 'a>>,
    /// A JSON schema.
    schema: Option<Value<'d, 'a>>,
}

impl<'a> Shape<'_, 'a> {
    fn output(self, unsaid: &mut Vec<At>) -> Result<Option<Said<Output<'a>>>, Misfit> {
        let mime = self.mime.map(Value::want_said).transpose()?;
        let schema = self.schema.or(self.dialect);
        if let (Some(_), Some(dialect)) = (self.schema, self.dialect) {
            unsaid.push(dialect.at());
        }
        let (at, output) = match (&mime, schema) {
            (None, None) => return Ok(None),
            (Some(mime), None) if mime.value == "text/plain" => (mime.at, Output::Text),
            (Some(mime), None) if mime.value == "application/json" => (mime.at, Output::JsonObject),
            (mime, Some(schema))
                if mime
                    .as_ref()
                    .is_none_or(|mime| mime.value == "application/json") =>
            {
                let output = Output::JsonSchema {
                    name: None,
                    description: None,
                    schema: schema.want_json_object()?.value,
                    gemini_dialect: self.schema.is_none(),
                    strict: None,
                };
                (schema.at(), output)
            }
            // `text/x.enum`: a schema that describes no JSON.
            (mime, schema) => {
                unsaid.extend(mime.as_ref().map(|mime| mime.at));
                unsaid.extend(schema.map(Value::at));
                return Ok(None);
            }
        };
        Ok(Some(Said::new(at, output)))
    }
}

fn thinking<'a>(request: &mut Request<'a>, value: Value<'_, 'a>) -> Result<(), Misfit> {
    let reasoning = &mut request.reasoning;
    for (key, member) in value.want_object()?.members() {
        match &*key {
            _ if member.is_null() => {}
            "includeThoughts" | "include_thoughts" => {
                let shown = member.want_bool()?;
                let summary = if shown.value {
                    Summary::Shown
                } else {
                    Summary::Hidden
                };
                reasoning.summary = Some(Said::new(shown.at, summary));
            }
            "thinkingBudget" | "thinking_budget" => {
                if member.kind() == Kind::Number && member.raw().starts_with('-') {
                    reasoning.adaptive = Some(Said::new(member.at(), ()));
                } else {
                    reasoning.budget = Some(member.want_count()?);
                }
            }
            "thinkingLevel" | "thinking_level" => {
                let level = member.want_text()?.to_ascii_lowercase();
                match effort_named(&level) {
                    Some(effort) => reasoning.effort = Some(Said::new(member.at(), effort)),
                    None if level == "thinking_level_unspecified" => {}
                    None => request.unsaid.push(member.at()),
                }
            }
            _ => request.unsaid.push(member.at()),
        }
    }
    Ok(())
}

/// Text alone is what every answer is.
fn modalities<'a>(request: &mut Request<'a>, value: Value<'_, 'a>) -> Result<(), Misfit> {
    let mut list: Vec<Str<'a>> = Vec::new();
    for item in each(value) {
        match item.want_text()?.to_ascii_uppercase().as_str() {
            "TEXT" => list.push(Cow::Borrowed("text")),
            "IMAGE" => list.push(Cow::Borrowed("image")),
            "AUDIO" => list.push(Cow::Borrowed("audio")),
            "MODALITY_UNSPECIFIED" => {}
            _ => request.unsaid.push(item.at()),
        }
    }
    if list.iter().any(|modality| modality != "text") {
        request.tags.modalities = Some(Said::new(value.at(), list));
    }
    Ok(())
}
