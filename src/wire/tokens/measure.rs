//! The way through a request: all that a model is told, once.

use crate::ir::{
    Arguments, Body, Call, Document, Function, Outcome, Output, Part, Request, Role, ServerTool,
    Source, Tool, ToolKind, Turn,
};

use super::family::{Family, Habits};
use super::vocabulary::Counter;
use super::{media, schema};

pub(super) struct Measure<'t> {
    counter: Counter<'t>,
    family: Family,
    habits: Habits,
    /// Of texts, by the vocabulary.
    texts: u64,
    /// Of everything that the family counts by itself.
    flat: u64,
}

impl<'t> Measure<'t> {
    pub(super) fn new(counter: Counter<'t>, family: Family) -> Measure<'t> {
        Measure {
            counter,
            family,
            habits: family.habits(),
            texts: 0,
            flat: 0,
        }
    }

    pub(super) fn request(mut self, request: &Request<'_>) -> u64 {
        self.flat += self.habits.request;
        let open = open_turns(&request.turns);
        for (index, turn) in request.turns.iter().enumerate() {
            self.turn(turn, index >= open);
        }
        if !request.tools.is_empty() {
            self.flat += self.habits.tools;
        }
        for tool in &request.tools {
            self.tool(tool);
        }
        if let Some(output) = &request.output {
            self.output(&output.value);
        }
        if request.reasoning.is_on() == Some(true) {
            self.flat += self.habits.thinking;
        }
        self.flat + (self.texts * self.habits.per_mille).div_ceil(1000)
    }

    fn text(&mut self, text: &str) {
        self.texts += self.counter.text(text);
    }

    fn turn(&mut self, turn: &Turn<'_>, is_open: bool) {
        self.flat += self.habits.turn;
        if let Some(name) = &turn.name {
            self.text(&name.value);
            self.flat += 1;
        }
        self.parts(&turn.parts, is_open);
    }

    fn parts(&mut self, parts: &[Part<'_>], is_open: bool) {
        for part in parts {
            self.part(part, is_open);
        }
    }

    fn part(&mut self, part: &Part<'_>, is_open: bool) {
        match &part.body {
            Body::Text(text) => self.text(&text.text),
            Body::Refusal(text) => self.text(text),
            Body::Image(image) => self.flat += media::image(self.family, image),
            Body::Audio(audio) => match &audio.transcript {
                Some(said) => self.text(said),
                None => self.flat += media::audio(self.family, &audio.source),
            },
            Body::Video(video) => self.flat += media::video(&video.source),
            Body::Document(document) => self.document(document),
            // Of turns that are over, the models are not told what was thought.
            Body::Thinking(thinking) if is_open => self.text(&thinking.text),
            Body::Thinking(_) => {}
            Body::Call(call) => self.call(call),
            Body::Outcome(outcome) => self.outcome(outcome),
            Body::Foreign(foreign) => self.text(&foreign.json.0),
        }
    }

    fn document(&mut self, document: &Document<'_>) {
        for said in [&document.title, &document.context].into_iter().flatten() {
            self.text(&said.value);
        }
        match &document.source {
            Source::Text { text } => self.text(text),
            Source::Parts { parts } => self.parts(parts, false),
            Source::Inline { .. }
            | Source::Url { .. }
            | Source::File { .. }
            | Source::Earlier { .. } => {
                self.flat += media::document(self.family, &document.source);
            }
        }
    }

    fn call(&mut self, call: &Call<'_>) {
        self.flat += self.habits.call;
        self.text(&call.name);
        match &call.arguments {
            Arguments::Json(text) | Arguments::Free(text) => self.text(text),
        }
    }

    fn outcome(&mut self, outcome: &Outcome<'_>) {
        self.flat += self.habits.call;
        if let Some(object) = &outcome.object {
            self.text(&object.0);
        }
        self.parts(&outcome.parts, false);
    }

    fn tool(&mut self, tool: &Tool<'_>) {
        self.flat += self.habits.tool;
        match &tool.kind {
            ToolKind::Function(function) => self.function(function),
            ToolKind::Custom {
                name,
                description,
                format,
                namespace: _,
            } => {
                self.text(name);
                if let Some(said) = description {
                    self.text(&said.value);
                }
                if let Some(said) = format {
                    self.text(&said.value.0);
                }
            }
            ToolKind::Server(ServerTool { json, .. }) => self.text(&json.0),
        }
    }

    fn function(&mut self, function: &Function<'_>) {
        self.text(&function.name);
        if let Some(said) = &function.description {
            self.text(&said.value);
        }
        let Some(schema) = &function.schema else {
            return;
        };
        match self.habits.prose_schemas {
            true => self.texts += schema::tokens(&schema.value.0, &mut self.counter),
            false => self.text(&schema.value.0),
        }
    }

    fn output(&mut self, output: &Output<'_>) {
        match output {
            Output::Text | Output::JsonObject => {}
            Output::JsonSchema { schema, .. } => {
                self.flat += self.habits.output;
                self.text(&schema.0);
            }
        }
    }
}

/// Where the turns begin that are not over: at the user's last words.
fn open_turns(turns: &[Turn<'_>]) -> usize {
    let speaks = |turn: &Turn<'_>| {
        turn.role == Role::User
            && turn
                .parts
                .iter()
                .any(|part| !matches!(part.body, Body::Outcome(_)))
    };
    turns.iter().rposition(speaks).unwrap_or(0)
}
