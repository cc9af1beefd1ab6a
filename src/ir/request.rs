use std::collections::BTreeSet;

use super::part::{CacheMark, Part};
use super::text::{At, Json, Said, Str};

/// A conversation to be continued, and how.
///
/// Every member of the request that was read is in here, or its place is in `unsaid`: nothing is left out in silence.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Request<'a> {
    pub model: Str<'a>,
    pub stream: bool,
    /// In their order, system prompts among them where they stood. What a format keeps apart (`system`, `instructions`,
    /// `systemInstruction`) is the first turn, of [`Role::System`].
    pub turns: Vec<Turn<'a>>,
    pub tools: Vec<Tool<'a>>,
    pub choice: Option<Said<ToolChoice<'a>>>,
    /// Whether several tools may be called at once.
    pub parallel: Option<Said<bool>>,
    pub sampling: Sampling<'a>,
    pub reasoning: Reasoning<'a>,
    pub output: Option<Said<Output<'a>>>,
    pub tags: Tags<'a>,
    /// The mark that all of the request may be cached (Anthropic's top-level `cache_control`).
    pub cache: Option<CacheMark<'a>>,
    /// What the vocabulary has no word for: places of values that only their own format knows.
    pub unsaid: Vec<At>,
    /// The same of values without which the answer is the same: ids by which a vendor knows an item again, notes for its
    /// own use.
    pub hints: Vec<At>,
}

impl Request<'_> {
    /// The names of the custom tools.
    pub fn customs(&self) -> BTreeSet<&str> {
        let customs = self.tools.iter().filter_map(|tool| match &tool.kind {
            ToolKind::Custom { name, .. } => Some(&**name),
            ToolKind::Function(_) | ToolKind::Server(_) => None,
        });
        customs.collect()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    System,
    /// OpenAI's name for what the maker of an application says; elsewhere a system prompt.
    Developer,
    User,
    Assistant,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn<'a> {
    pub at: At,
    pub role: Role,
    pub parts: Vec<Part<'a>>,
    /// Of the participant (OpenAI Chat's `name`).
    pub name: Option<Said<Str<'a>>>,
    /// The turn is an answer that the model shall go on with, or was cut: Responses' `phase`, as written.
    pub phase: Option<Said<Str<'a>>>,
    /// The id of the item that it is (Responses).
    pub id: Option<Said<Str<'a>>>,
}

impl<'a> Turn<'a> {
    pub fn new(at: At, role: Role, parts: Vec<Part<'a>>) -> Turn<'a> {
        Turn {
            at,
            role,
            parts,
            name: None,
            phase: None,
            id: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool<'a> {
    pub at: At,
    pub kind: ToolKind<'a>,
    pub cache: Option<CacheMark<'a>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolKind<'a> {
    /// A function of the client's.
    Function(Function<'a>),
    /// A tool of the client's that takes free text (OpenAI's `custom`): `format` is its grammar, as written.
    Custom {
        name: Str<'a>,
        description: Option<Said<Str<'a>>>,
        format: Option<Said<Json<'a>>>,
        namespace: Option<Str<'a>>,
    },
    /// A tool that the vendor runs itself.
    Server(ServerTool<'a>),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Function<'a> {
    pub name: Str<'a>,
    /// Responses' `namespace` that the function stands in, and its description.
    pub namespace: Option<Namespace<'a>>,
    pub description: Option<Said<Str<'a>>>,
    /// JSON schema of its arguments. `None`: it takes none.
    pub schema: Option<Said<Json<'a>>>,
    /// The schema is in Gemini's own dialect (`parameters`: types in capitals, `nullable`), not JSON schema.
    pub gemini_dialect: bool,
    pub strict: Option<Said<bool>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Namespace<'a> {
    pub name: Str<'a>,
    pub description: Option<Said<Str<'a>>>,
}

/// A tool that the vendor runs. Those that several vendors have are known by what they do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTool<'a> {
    pub kind: ServerToolKind,
    /// The whole, as written, for its own format.
    pub json: Json<'a>,
    /// The name by which the model calls it, where there is one.
    pub name: Option<Str<'a>>,
    /// `allowed_domains` of a web search.
    pub allowed_domains: Option<Said<Vec<Str<'a>>>>,
    /// `blocked_domains` of a web search.
    pub blocked_domains: Option<Said<Vec<Str<'a>>>>,
    /// Where the user of a web search is.
    pub place: Option<Said<Place<'a>>>,
    /// How much of the context a web search may fill: `low`, `medium`, `high`.
    pub context_size: Option<Said<Str<'a>>>,
    /// How often it may be called: what bounds its cost. Where it cannot be said, that is told, and the tool is there.
    pub max_uses: Option<Said<u64>>,
    /// Places of the settings that keep it from doing more (how much of a page, from the live web or not) and that only its
    /// own format knows. Without them it is another tool.
    pub limits: Vec<At>,
    /// Places of the other settings that only its own format knows.
    pub unsaid: Vec<At>,
}

impl ServerTool<'_> {
    /// What keeps it from doing more and cannot be said at a target that has a word for these domains: `allowed`,
    /// `blocked`. Where there is any, the tool is not there for the model rather than without its limits.
    pub fn limits_lost(&self, (allowed, blocked): (bool, bool)) -> Vec<At> {
        let domains = [
            (&self.allowed_domains, allowed),
            (&self.blocked_domains, blocked),
        ];
        let lost = domains.into_iter().filter(|(_, takes)| !takes);
        let lost = lost.filter_map(|(said, _)| said.as_ref().map(|said| said.at));
        self.limits.iter().copied().chain(lost).collect()
    }
}

/// Where somebody is, about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place<'a> {
    pub city: Option<Str<'a>>,
    /// Two letters (ISO 3166).
    pub country: Option<Str<'a>>,
    pub region: Option<Str<'a>>,
    pub timezone: Option<Str<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ServerToolKind {
    WebSearch,
    /// Reads pages by their address (Anthropic's `web_fetch`, Gemini's `urlContext`).
    WebFetch,
    CodeExecution,
    /// Only its own format has it.
    Other,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolChoice<'a> {
    Auto,
    None,
    /// Any tool, but one.
    Required,
    /// This function.
    Named {
        name: Str<'a>,
        custom: bool,
    },
    /// One of these functions; `required`: and not none of them (OpenAI's `allowed_tools`, Gemini's
    /// `allowedFunctionNames`).
    Among {
        names: Vec<Str<'a>>,
        required: bool,
    },
    /// A tool of the vendor's, as written.
    Server(Json<'a>),
}

/// Numbers are as written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sampling<'a> {
    /// The most tokens of an answer, reasoning included.
    pub max_tokens: Option<Said<u64>>,
    pub temperature: Option<Said<Json<'a>>>,
    pub top_p: Option<Said<Json<'a>>>,
    pub top_k: Option<Said<Json<'a>>>,
    pub min_p: Option<Said<Json<'a>>>,
    pub stop: Vec<Said<Str<'a>>>,
    pub seed: Option<Said<Json<'a>>>,
    pub presence_penalty: Option<Said<Json<'a>>>,
    pub frequency_penalty: Option<Said<Json<'a>>>,
    /// How many answers (`n`, `candidateCount`).
    pub choices: Option<Said<u64>>,
    pub logprobs: Option<Said<bool>>,
    pub top_logprobs: Option<Said<u64>>,
}

/// What is asked of the model's reasoning. The table between efforts, budgets and levels is `wire::effort`'s.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reasoning<'a> {
    /// On or off, where that was said by itself.
    pub enabled: Option<Said<bool>>,
    pub effort: Option<Said<Effort>>,
    /// Tokens.
    pub budget: Option<Said<u64>>,
    /// The model decides how much (Anthropic's `adaptive`, Gemini's budget of -1).
    pub adaptive: Option<Said<()>>,
    pub summary: Option<Said<Summary<'a>>>,
}

impl Reasoning<'_> {
    /// Whether reasoning was asked for, in whatever way; `None`: nothing was said of it.
    pub fn is_on(&self) -> Option<bool> {
        if let Some(said) = &self.enabled {
            return Some(said.value);
        }
        if let Some(said) = &self.effort {
            return Some(said.value != Effort::None);
        }
        if let Some(said) = &self.budget {
            return Some(said.value > 0);
        }
        self.adaptive.is_some().then_some(true)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Effort {
    None,
    Minimal,
    Low,
    Medium,
    High,
    XHigh,
    Max,
}

/// How much of its reasoning the model shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Summary<'a> {
    /// Nothing (Anthropic's `display: omitted`, Gemini's `includeThoughts: false`).
    Hidden,
    /// Something (Anthropic's `summarized`, Gemini's `includeThoughts`, Responses' `auto`).
    Shown,
    /// Responses' `concise`, `detailed`.
    Named(Str<'a>),
}

/// The shape of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output<'a> {
    /// Any text, said explicitly.
    Text,
    /// Any JSON object.
    JsonObject,
    JsonSchema {
        name: Option<Said<Str<'a>>>,
        description: Option<Said<Str<'a>>>,
        schema: Json<'a>,
        /// The schema is in Gemini's own dialect (`responseSchema`), not JSON schema.
        gemini_dialect: bool,
        strict: Option<Said<bool>>,
    },
}

/// What is said about the request beside the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tags<'a> {
    /// The end user (OpenAI's `user`, Anthropic's `metadata.user_id`).
    pub user: Option<Said<Str<'a>>>,
    pub safety_identifier: Option<Said<Str<'a>>>,
    /// OpenAI's `metadata`, Gemini's `labels`: an object of strings.
    pub metadata: Option<Said<Json<'a>>>,
    pub prompt_cache_key: Option<Said<Str<'a>>>,
    pub prompt_cache_retention: Option<Said<Str<'a>>>,
    /// OpenAI's `prompt_cache_options`, as written: whether only marks are cached, and for how long.
    pub prompt_cache_options: Option<Said<Json<'a>>>,
    pub service_tier: Option<Said<Tier<'a>>>,
    pub store: Option<Said<bool>>,
    /// Responses' `previous_response_id`.
    pub previous: Option<Said<Str<'a>>>,
    /// Names of what only state that the vendor keeps can answer (Responses' `conversation`, `prompt`, `background`,
    /// Gemini's `cachedContent`), where they stand. A writer of another format refuses: without it this is another request.
    pub stateful: Vec<Said<&'static str>>,
    /// `low`, `medium`, `high`.
    pub verbosity: Option<Said<Str<'a>>>,
    /// What the answer is made of besides text: `audio`, `image`, in OpenAI's words, lower case.
    pub modalities: Option<Said<Vec<Str<'a>>>>,
    /// Chat's `audio`: the voice and format of a spoken answer, as written.
    pub audio: Option<Said<Json<'a>>>,
    /// Responses' `include`: what the answer shall hold more. Each with its place.
    pub include: Vec<Said<Str<'a>>>,
    /// Chat's `logit_bias`, as written.
    pub logit_bias: Option<Said<Json<'a>>>,
    /// Whether the client wants usage in a stream (Chat's `stream_options.include_usage`); the other formats always do.
    pub stream_usage: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tier<'a> {
    Auto,
    /// OpenAI's `default`, Anthropic's `standard_only`.
    Standard,
    /// Any other, as written.
    Named(Str<'a>),
}
