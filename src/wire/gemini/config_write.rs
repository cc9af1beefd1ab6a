use crate::ir::{Effort, Json, Output, Request, Said, Sampling, Summary};
use crate::wire::convert::effort::{
    below_cap, budget_asked, budget_of, effort_of, effort_of_budget, is_beyond, level_of,
    round_asked,
};
use crate::wire::convert::{Losses, Target};
use crate::wire::json::{Document, Kind, Writer};

/// The most tokens of thought that every model which takes a budget takes (Flash; Pro would take 32,768).
const MOST_BUDGET: u64 = 24_576;

/// The least budget that every such model takes (Flash-Lite; the others take less), and that Pro takes, which cannot do
/// without.
const LEAST_BUDGET: u64 = 512;
const LEAST_BUDGET_OF_PRO: u64 = 128;

/// Responses asks for log probabilities by naming them among what the answer shall hold.
pub(super) const INCLUDED_LOGPROBS: &str = "message.output_text.logprobs";

/// Writes `generationConfig`, if anything is to be said there.
pub(super) fn write(
    writer: &mut Writer<'_>,
    request: &Request<'_>,
    target: &Target<'_>,
    losses: &mut Losses,
) {
    let thinking = Thinking::asked(request, target, losses);
    let is_silent = request.sampling == Sampling::default();
    let has_logprobs = wants_logprobs(request);
    if is_silent
        && thinking.is_none()
        && request.output.is_none()
        && request.tags.modalities.is_none()
        && has_logprobs.is_none()
    {
        return;
    }
    writer.key("generationConfig").open_object();
    write_sampling(writer, request, losses);
    if let Some(has_logprobs) = has_logprobs {
        writer.key("responseLogprobs").bool(has_logprobs);
    }
    if let Some(top) = &request.sampling.top_logprobs
        && (has_logprobs == Some(true) || top.value > 0)
    {
        writer.key("logprobs").number(top.value);
    }
    if let Some(output) = &request.output {
        write_output(writer, output, losses);
    }
    if let Some(modalities) = &request.tags.modalities {
        writer.key("responseModalities").open_list();
        for modality in &modalities.value {
            match &*modality.to_ascii_uppercase() {
                known @ ("TEXT" | "IMAGE" | "AUDIO") => {
                    writer.text(known);
                }
                _ => losses.add(modalities.at, "kind of answer"),
            }
        }
        writer.close_list();
    }
    if let Some(thinking) = thinking {
        thinking.write(writer);
    }
    writer.close_object();
}

fn wants_logprobs(request: &Request<'_>) -> Option<bool> {
    let sampling = &request.sampling;
    let mut include = request.tags.include.iter();
    // None of the likeliest, which Responses says of itself, asks for nothing.
    let top = sampling.top_logprobs.as_ref();
    let is_asked = top.is_some_and(|top| top.value > 0)
        || include.any(|include| include.value == INCLUDED_LOGPROBS);
    let said = sampling.logprobs.as_ref().map(|said| said.value);
    said.or(is_asked.then_some(true))
}

fn write_sampling(writer: &mut Writer<'_>, request: &Request<'_>, losses: &mut Losses) {
    let sampling = &request.sampling;
    if let Some(count) = &sampling.choices {
        writer.key("candidateCount").number(count.value);
    }
    if let Some(most) = &sampling.max_tokens {
        writer.key("maxOutputTokens").number(most.value);
    }
    if !sampling.stop.is_empty() {
        writer.key("stopSequences").open_list();
        for stop in &sampling.stop {
            writer.text(&stop.value);
        }
        writer.close_list();
    }
    for (key, said) in [
        ("temperature", &sampling.temperature),
        ("topP", &sampling.top_p),
        ("topK", &sampling.top_k),
        ("seed", &sampling.seed),
        ("presencePenalty", &sampling.presence_penalty),
        ("frequencyPenalty", &sampling.frequency_penalty),
    ] {
        if let Some(said) = said {
            writer.key(key).json(&said.value);
        }
    }
    if let Some(min_p) = &sampling.min_p {
        losses.add(min_p.at, "min_p");
    }
}

/// A schema is always kept to, so that `strict` is given without being said; its absence cannot be.
fn write_output(writer: &mut Writer<'_>, output: &Said<Output<'_>>, losses: &mut Losses) {
    writer.key("responseMimeType");
    match &output.value {
        Output::Text => {
            writer.text("text/plain");
        }
        Output::JsonObject => {
            writer.text("application/json");
        }
        Output::JsonSchema {
            name,
            description,
            schema,
            gemini_dialect,
            strict: _,
        } => {
            writer.text("application/json");
            let key = if *gemini_dialect {
                "responseSchema"
            } else {
                "responseJsonSchema"
            };
            writer.key(key);
            let description = description.as_ref().map(|said| &*said.value);
            let title = name.as_ref().map(|said| &*said.value);
            let (schema, is_whole) = named(schema, title, description);
            writer.raw(&schema);
            if !is_whole {
                let at = name.as_ref().map_or(output.at, |said| said.at);
                losses.add(at, "name of the output's schema");
            }
        }
    }
}

/// The schema with its name and description as its own `title` and `description`, the only place for them; and whether
/// they are all said then.
fn named(schema: &Json<'_>, name: Option<&str>, description: Option<&str>) -> (String, bool) {
    let mut document = Document::default();
    let read = document.read(schema.0.as_bytes());
    let Some(value) = read.ok().filter(|value| value.kind() == Kind::Object) else {
        return (schema.0.to_string(), true);
    };
    let (mut head, mut is_whole) = (Vec::new(), true);
    let mut writer = Writer::new(&mut head);
    writer.open_object();
    for (key, text) in [("title", name), ("description", description)] {
        let Some(text) = text else { continue };
        match value.member(key) {
            Some(own) => is_whole &= own.text().as_deref() == Some(text),
            None => {
                writer.key(key).text(text);
            }
        }
    }
    if writer.written() > 1 {
        for (key, member) in value.members() {
            writer.any_key(&key).raw(member.raw());
        }
        writer.close_object();
        let schema = String::from_utf8(head).unwrap_or_else(|_| schema.0.to_string());
        return (schema, is_whole);
    }
    (schema.0.to_string(), is_whole)
}

/// What `thinkingConfig` says.
#[derive(Debug, Default, PartialEq, Eq)]
struct Thinking {
    budget: Option<Budget>,
    level: Option<&'static str>,
    is_shown: Option<bool>,
}

#[derive(Debug, PartialEq, Eq)]
enum Budget {
    Tokens(u64),
    /// -1: the model decides.
    Free,
}

impl Thinking {
    fn asked(request: &Request<'_>, target: &Target<'_>, losses: &mut Losses) -> Option<Thinking> {
        let reasoning = &request.reasoning;
        let traits = target.traits;
        if is_beyond(reasoning, traits, losses) {
            return None;
        }
        let mut thinking = Thinking::default();
        if traits.thinking_level {
            let wanted = effort_of(reasoning);
            thinking.level = wanted.and_then(|wanted| traits.efforts.nearest(wanted).map(level_of));
            if wanted.map(level_of) != thinking.level {
                round_asked(reasoning, "level that the model does not take", losses);
            }
            if let Some(budget) = &reasoning.budget
                && reasoning.is_on() == Some(true)
                && thinking.level.is_some()
                && (reasoning.effort.is_some() || !is_of_table(budget.value))
            {
                losses.round(budget.at, "thinking budget, where only levels are known");
            }
        } else {
            thinking.budget = budget(request, target, losses);
        }
        let is_on = reasoning.is_on();
        thinking.is_shown = match &reasoning.summary {
            // The API refuses to show the thoughts of a model that shall not think.
            _ if is_on == Some(false) || thinking.budget == Some(Budget::Tokens(0)) => None,
            Some(said) => {
                if let Summary::Named(_) = said.value {
                    losses.round(said.at, "kind of the summary");
                }
                Some(said.value != Summary::Hidden)
            }
            // Who asks for thinking wants to see it: OpenAI's and Anthropic's clients are shown it without asking.
            None => is_on.filter(|is_on| *is_on),
        };
        Some(thinking).filter(|thinking| *thinking != Thinking::default())
    }

    fn write(&self, writer: &mut Writer<'_>) {
        writer.key("thinkingConfig").open_object();
        match self.budget {
            Some(Budget::Tokens(tokens)) => {
                writer.key("thinkingBudget").number(tokens);
            }
            Some(Budget::Free) => {
                writer.key("thinkingBudget").raw("-1");
            }
            None => {}
        }
        if let Some(level) = self.level {
            writer.key("thinkingLevel").text(level);
        }
        if let Some(is_shown) = self.is_shown {
            writer.key("includeThoughts").bool(is_shown);
        }
        writer.close_object();
    }
}

/// Whether the budget is what a level stands for, so that saying the level says all.
fn is_of_table(budget: u64) -> bool {
    budget_of(effort_of_budget(budget)) == budget
}

fn budget(request: &Request<'_>, target: &Target<'_>, losses: &mut Losses) -> Option<Budget> {
    let reasoning = &request.reasoning;
    if let (Some(effort), Some(_)) = (&reasoning.effort, &reasoning.budget) {
        losses.round(effort.at, "effort beside a thinking budget");
    }
    if let Some(tokens) = budget_asked(reasoning) {
        if let Some(said) = reasoning
            .budget
            .as_ref()
            .filter(|said| said.value > MOST_BUDGET)
        {
            let what = "thinking budget, lowered to the most that is taken";
            losses.round(said.at, what);
        }
        let most = tokens.min(MOST_BUDGET);
        let mut fitting = below_cap(most, request);
        let least = match target.traits.efforts.takes(Effort::None) {
            true => 0,
            false => LEAST_BUDGET_OF_PRO,
        };
        if fitting == 0 || fitting < most.min(LEAST_BUDGET) {
            fitting = least;
        }
        if fitting != most {
            round_asked(reasoning, "thinking budget", losses);
        }
        return Some(Budget::Tokens(fitting));
    }
    let is_free = reasoning.is_on() == Some(true);
    is_free.then_some(Budget::Free)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{At, Reasoning};
    use crate::wire::convert::{Traits, Weight};

    fn config(request: &Request<'_>, thinking_level: bool) -> (String, Losses) {
        let traits = Traits {
            thinking_level,
            ..Traits::default()
        };
        config_of(request, &traits)
    }

    fn config_of(request: &Request<'_>, traits: &Traits) -> (String, Losses) {
        let target = Target {
            model: "m",
            stream: false,
            traits,
        };
        let (mut out, mut losses) = (Vec::new(), Losses::default());
        let mut writer = Writer::new(&mut out);
        writer.open_object();
        write(&mut writer, request, &target, &mut losses);
        writer.close_object();
        (String::from_utf8(out).unwrap(), losses)
    }

    fn said<T>(value: T) -> Option<Said<T>> {
        Some(Said::new(At(1), value))
    }

    #[test]
    fn reasoning_is_a_budget_or_a_level() {
        let cases = [
            (
                Reasoning {
                    effort: said(Effort::Low),
                    ..Reasoning::default()
                },
                r#""thinkingBudget":4096,"includeThoughts":true"#,
                r#""thinkingLevel":"low","includeThoughts":true"#,
            ),
            (
                Reasoning {
                    effort: said(Effort::None),
                    ..Reasoning::default()
                },
                r#""thinkingBudget":0"#,
                r#""thinkingLevel":"minimal""#,
            ),
            (
                Reasoning {
                    adaptive: said(()),
                    summary: said(Summary::Hidden),
                    ..Reasoning::default()
                },
                r#""thinkingBudget":-1,"includeThoughts":false"#,
                r#""includeThoughts":false"#,
            ),
            (
                Reasoning {
                    budget: said(10_240),
                    summary: said(Summary::Shown),
                    ..Reasoning::default()
                },
                r#""thinkingBudget":10240,"includeThoughts":true"#,
                r#""thinkingLevel":"medium","includeThoughts":true"#,
            ),
            (
                Reasoning {
                    summary: said(Summary::Shown),
                    ..Reasoning::default()
                },
                r#""includeThoughts":true"#,
                r#""includeThoughts":true"#,
            ),
        ];
        for (reasoning, budget, level) in cases {
            let request = Request {
                reasoning,
                ..Request::default()
            };
            for (thinking_level, expected) in [(false, budget), (true, level)] {
                let (config, losses) = config(&request, thinking_level);
                let expected =
                    format!("{{\"generationConfig\":{{\"thinkingConfig\":{{{expected}}}}}}}");
                assert_eq!(config, expected);
                assert!(losses.is_empty());
            }
        }
        assert_eq!(config(&Request::default(), false).0, "{}");
    }

    #[test]
    fn a_budget_leaves_room_for_the_answer_and_is_none_that_is_refused() {
        let mut request = Request::default();
        request.reasoning.budget = said(31_999);
        for (most, budget) in [(50_000, 24_576), (8_000, 6_000), (1_000, 750), (50, 0)] {
            request.sampling.max_tokens = said(most);
            let (text, losses) = config(&request, false);
            let expected = format!(r#""maxOutputTokens":{most},"#);
            assert!(text.contains(&expected), "{text}");
            let expected = format!(r#""thinkingBudget":{budget}"#);
            assert!(text.contains(&expected), "{text}");
            assert_eq!(text.contains("includeThoughts"), budget > 0);
            assert!(losses.iter().all(|loss| loss.weight == Weight::Rounded));
            assert!(!losses.is_empty());
        }
        request.sampling.max_tokens = said(1_000);
        let (text, losses) = config(&request, true);
        assert!(text.contains(r#""maxOutputTokens":1000"#), "{text}");
        assert_eq!(losses.iter().count(), 1);
    }

    #[test]
    fn a_model_is_asked_for_what_it_takes() {
        use Effort::{High, Medium, Minimal, None, XHigh};
        for (model, effort, expected, is_exact) in [
            ("gemini-3-pro-preview", None, r#":"low""#, false),
            ("gemini-3-pro-preview", Minimal, r#":"low""#, false),
            ("gemini-3-pro-preview", Medium, r#":"high""#, false),
            ("gemini-3-pro-preview", XHigh, r#":"high""#, true),
            ("gemini-3.1-pro-preview", Medium, r#":"medium""#, true),
            ("gemini-3-flash-preview", None, r#":"minimal""#, true),
            ("gemini-2.5-pro", None, r#"Budget":128}"#, false),
            ("gemini-2.5-flash", None, r#"Budget":0}"#, true),
            ("gemini-2.0-flash", None, "{}", true),
            ("gemini-2.0-flash", High, "{}", false),
        ] {
            let mut request = Request::default();
            request.reasoning.effort = said(effort);
            let (text, losses) = config_of(&request, &Traits::default().of_model(model));
            assert!(text.contains(expected), "{model} {effort:?}: {text}");
            assert_eq!(losses.is_empty(), is_exact, "{model} {effort:?}");
        }
    }

    #[test]
    fn a_schema_keeps_its_name_and_description() {
        for (schema, expected, is_whole) in [
            (
                r#"{"type": "object"}"#,
                r#"{"title":"n","description":"d","type":"object"}"#,
                true,
            ),
            (
                r#"{"title":"n", "description":"d"}"#,
                r#"{"title":"n", "description":"d"}"#,
                true,
            ),
            (
                r#"{"title":true}"#,
                r#"{"description":"d","title":true}"#,
                false,
            ),
            (
                r#"{"title":"other","x":1}"#,
                r#"{"description":"d","title":"other","x":1}"#,
                false,
            ),
        ] {
            let schema = Json(schema.into());
            let named = named(&schema, Some("n"), Some("d"));
            assert_eq!(named, (expected.to_owned(), is_whole));
        }
    }

    #[test]
    fn log_probabilities_are_asked_for_in_three_ways() {
        for (request, expected) in [
            (
                |request: &mut Request<'_>| request.sampling.logprobs = said(true),
                r#""responseLogprobs":true"#,
            ),
            (
                |request: &mut Request<'_>| request.sampling.top_logprobs = said(3),
                r#""responseLogprobs":true,"logprobs":3"#,
            ),
            (
                |request: &mut Request<'_>| {
                    let include = Said::new(At(1), INCLUDED_LOGPROBS.into());
                    request.tags.include.push(include);
                },
                r#""responseLogprobs":true"#,
            ),
        ] as [(fn(&mut Request<'_>), &str); 3]
        {
            let mut asked = Request::default();
            request(&mut asked);
            let (text, _) = config(&asked, false);
            assert_eq!(text, format!("{{\"generationConfig\":{{{expected}}}}}"));
        }
        let mut nothing = Request::default();
        nothing.sampling.top_logprobs = said(0);
        assert_eq!(config(&nothing, false).0, r#"{"generationConfig":{}}"#);
    }
}
