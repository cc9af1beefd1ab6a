use serde_json::{Value, json};

use super::read::{list, refused, whole};
use super::tools;
use crate::demo::complaint::Complaint;
use crate::demo::mind::Reasoning;

/// What Gemini demands of the configuration beyond its fields.
pub(super) fn check(config: &Value) -> Result<(), Complaint> {
    let at = |name: &str| format!("GenerateContentRequest.generation_config.{name}");
    let number = |name: &str| whole(&config[name]);
    if number("maxOutputTokens").is_some_and(|n| n < 1) {
        let why = "max_output_tokens must be positive.";
        return Err(refused(&at("max_output_tokens"), why));
    }
    if number("candidateCount").is_some_and(|n| !(1..=8).contains(&n)) {
        let why = "candidate count must be in the range [1, 8].";
        return Err(refused(&at("candidate_count"), why));
    }
    if config["temperature"]
        .as_f64()
        .is_some_and(|t| !(0.0..=2.0).contains(&t))
    {
        let why = "temperature must be in the range [0.0, 2.0].";
        return Err(refused(&at("temperature"), why));
    }
    if config["topP"]
        .as_f64()
        .is_some_and(|p| !(0.0..=1.0).contains(&p))
    {
        return Err(refused(
            &at("top_p"),
            "top_p must be in the range [0.0, 1.0].",
        ));
    }
    if list(&config["stopSequences"]).len() > 5 {
        let why = "at most 5 stop sequences are supported.";
        return Err(refused(&at("stop_sequences"), why));
    }
    Ok(())
}

/// The schema that the answer has to obey, where one is asked for.
pub(super) fn schema(config: &Value) -> Result<Option<Value>, Complaint> {
    let at = |name: &str| format!("GenerateContentRequest.generation_config.{name}");
    let kind = config["responseMimeType"].as_str().unwrap_or("text/plain");
    let known = [
        "text/plain",
        "application/json",
        "application/xml",
        "application/yaml",
        "text/x.enum",
    ];
    if !known.contains(&kind) {
        let why = "allowed mimetypes are `text/plain`, `application/json`, `application/xml`, `application/yaml` and \
                   `text/x.enum`.";
        return Err(refused(&at("response_mime_type"), why));
    }
    let (reduced, full) = (
        config.get("responseSchema"),
        config.get("responseJsonSchema"),
    );
    if (reduced.is_some() || full.is_some()) && kind == "text/plain" {
        let why = "only allowed with a response_mime_type of `application/json`.";
        return Err(refused(&at("response_schema"), why));
    }
    match (reduced, full) {
        (Some(_), Some(_)) => {
            let why = "only one of response_schema and response_json_schema may be set.";
            Err(refused(&at("response_schema"), why))
        }
        (Some(schema), None) => {
            tools::check(schema, &at("response_schema"))?;
            Ok(Some(tools::json_schema(schema)))
        }
        (None, Some(schema)) => Ok(Some(schema.clone())),
        (None, None) if kind == "application/json" => {
            Ok(Some(json!({"const": {"answer": "demo"}})))
        }
        (None, None) => Ok(None),
    }
}

/// What the request says about thinking.
pub(super) struct Thinking {
    pub(super) reasoning: Reasoning,
    /// Whether calls that come back must have their signatures, as Gemini 3 demands. Those models go by levels, older
    /// ones by budgets.
    pub(super) demanded: bool,
}

impl Thinking {
    pub(super) fn read(config: &Value) -> Result<Thinking, Complaint> {
        let budget = whole(&config["thinkingBudget"]);
        let level = config["thinkingLevel"]
            .as_str()
            .map(str::to_ascii_uppercase);
        if budget.is_some() && level.is_some() {
            let message = "You can only set only one of thinking budget and thinking level.";
            return Err(Complaint::invalid(message, ""));
        }
        if let Some(budget) = budget.filter(|b| !(-1..=32_768).contains(b)) {
            let message = format!(
                "The thinking budget {budget} is invalid. Please choose a value between 0 and 32768."
            );
            return Err(Complaint::invalid(message, ""));
        }
        let known = [
            "THINKING_LEVEL_UNSPECIFIED",
            "MINIMAL",
            "LOW",
            "MEDIUM",
            "HIGH",
        ];
        let stray = level.as_deref().filter(|l| !known.contains(l));
        if let Some(other) = stray {
            let message = format!(
                "Invalid value at 'generation_config.thinking_config.thinking_level' \
                 (type.googleapis.com/google.ai.generativelanguage.v1beta.ThinkingConfig.ThinkingLevel), \"{other}\""
            );
            return Err(Complaint::invalid(message, ""));
        }
        let off = config.is_null() || budget == Some(0) || level.as_deref() == Some("MINIMAL");
        let reasoning = match (off, config["includeThoughts"] == true) {
            (true, _) => Reasoning::Off,
            (false, true) => Reasoning::Shown,
            (false, false) => Reasoning::Hidden,
        };
        Ok(Thinking {
            reasoning,
            demanded: !off && level.is_some(),
        })
    }
}
