use super::Format;
use super::text::{At, Json, Said, Str};

/// A piece of a turn or of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<'a> {
    pub at: At,
    pub body: Body<'a>,
    /// The mark that the prompt may be cached up to here (Anthropic's `cache_control`).
    pub cache: Option<CacheMark<'a>>,
    /// Opaque state that belongs to a part which is no thinking: Gemini's `thoughtSignature` of texts and calls.
    pub seal: Option<Said<Str<'a>>>,
}

impl<'a> Part<'a> {
    pub fn new(at: At, body: Body<'a>) -> Part<'a> {
        Part {
            at,
            body,
            cache: None,
            seal: None,
        }
    }
}

/// What a part is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body<'a> {
    Text(Text<'a>),
    /// The model's words of refusal, where the format tells them from text (OpenAI).
    Refusal(Str<'a>),
    Image(Media<'a>),
    Audio(Media<'a>),
    Video(Media<'a>),
    Document(Document<'a>),
    Thinking(Thinking<'a>),
    Call(Call<'a>),
    Outcome(Outcome<'a>),
    /// What only its own format knows: the calls and results of server tools, references to stored items.
    Foreign(Foreign<'a>),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text<'a> {
    pub text: Str<'a>,
    pub citations: Vec<Citation<'a>>,
}

/// Where a text has something from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Citation<'a> {
    pub at: At,
    pub url: Option<Str<'a>>,
    /// Of the page or the document.
    pub title: Option<Str<'a>>,
    /// The words of the source.
    pub quote: Option<Str<'a>>,
    /// Characters that it belongs to, first, and one past the last: of its text. A text without words holds citations that
    /// came late: theirs are of all texts of the answer, one behind the other.
    pub span: Option<(u64, u64)>,
    /// The whole, as its own format wrote it; another format tells only the above.
    pub origin: Option<(Format, Json<'a>)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media<'a> {
    pub source: Source<'a>,
    /// OpenAI's `detail`, Gemini's `mediaResolution`: how closely to look, as OpenAI says it (`low`, `high`, `auto`).
    pub detail: Option<Said<Str<'a>>>,
    /// What is said in an audio, where the vendor tells it.
    pub transcript: Option<Str<'a>>,
    /// The id by which a vendor knows it (OpenAI's `audio.id`).
    pub id: Option<Str<'a>>,
    /// The whole item that brought it, as its own format wrote it (Responses' `image_generation_call`); another format tells
    /// only the above.
    pub origin: Option<(Format, Json<'a>)>,
}

impl<'a> Media<'a> {
    pub fn new(source: Source<'a>) -> Media<'a> {
        Media {
            source,
            detail: None,
            transcript: None,
            id: None,
            origin: None,
        }
    }
}

/// Where bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source<'a> {
    /// In the request: media type (`image/png`) and base64, both as written.
    Inline {
        mime: Str<'a>,
        base64: Str<'a>,
    },
    Url {
        url: Str<'a>,
        mime: Option<Str<'a>>,
    },
    /// Stored at the vendor: opaque, of the format that it was said in.
    File {
        id: Str<'a>,
        mime: Option<Str<'a>>,
        format: Format,
    },
    /// A document that is plain text.
    Text {
        text: Str<'a>,
    },
    /// A document given as parts (Anthropic's `content` source).
    Parts {
        parts: Vec<Part<'a>>,
    },
    /// An answer of the vendor that it keeps under an id (OpenAI's audio of an earlier turn).
    Earlier {
        id: Str<'a>,
        format: Format,
    },
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document<'a> {
    pub source: Source<'a>,
    /// Its title or file name.
    pub title: Option<Said<Str<'a>>>,
    pub context: Option<Said<Str<'a>>>,
    /// Whether the answer shall cite it.
    pub cite: Option<Said<bool>>,
}

/// Reasoning that a model showed, with the opaque state that lets it go on from there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Thinking<'a> {
    /// The words, where the vendor shows them (Anthropic's `thinking`, Gemini's thoughts, `reasoning_content`, Responses'
    /// `reasoning_text`).
    pub text: Str<'a>,
    /// OpenAI Responses' summaries, one each. Where there is no `text`, these are what is shown.
    pub summaries: Vec<Str<'a>>,
    /// Anthropic's `signature` or a redacted block's `data`, Responses' `encrypted_content`, Gemini's `thoughtSignature`.
    pub seal: Option<Said<Str<'a>>>,
    /// All of it is in the seal, and there is nothing to show (Anthropic's `redacted_thinking`).
    pub redacted: bool,
    /// The id of the item that it is (Responses).
    pub id: Option<Str<'a>>,
}

/// A call of a tool by the model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Call<'a> {
    /// By which its outcome names it.
    pub id: Str<'a>,
    pub name: Str<'a>,
    /// The namespace of the tool (Responses).
    pub namespace: Option<Said<Str<'a>>>,
    pub arguments: Arguments<'a>,
    /// Where a request says the arguments, if it says them as a text.
    pub arguments_at: At,
    /// The id of the item that it is, apart from the call's (Responses' `fc_…`).
    pub item: Option<Str<'a>>,
}

/// What a tool is called with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arguments<'a> {
    /// A JSON object, as the model wrote it; it may be broken (a model may stop in the middle of it), so whoever needs an
    /// object looks first.
    Json(Str<'a>),
    /// The free text of a custom tool (OpenAI).
    Free(Str<'a>),
}

impl Default for Arguments<'_> {
    fn default() -> Self {
        Arguments::Json(Str::Borrowed(""))
    }
}

/// What came of a call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome<'a> {
    /// The call's id.
    pub call: Str<'a>,
    /// The tool's name, where the format repeats it (Gemini) or the calls before it tell it.
    pub name: Option<Str<'a>>,
    pub parts: Vec<Part<'a>>,
    /// Gemini's `response`: an object in place of parts. `parts` is empty then.
    pub object: Option<Json<'a>>,
    pub failed: Option<Said<bool>>,
    /// Of a custom tool (OpenAI).
    pub free: bool,
}

/// A piece that only its own format knows, as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign<'a> {
    pub format: Format,
    /// Its `type`, or what stands for it (`executableCode`).
    pub kind: Str<'a>,
    pub json: Json<'a>,
}

/// Anthropic's `cache_control`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheMark<'a> {
    pub at: At,
    /// `5m` or `1h`; `None`: the vendor's default.
    pub ttl: Option<Str<'a>>,
}
