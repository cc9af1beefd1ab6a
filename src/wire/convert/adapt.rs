//! Names, ids and kinds of tools that a target cannot say, and the way back.

use std::borrow::Cow;
use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use crate::ir::{
    Arguments, At, Body, Call, Format, Function, Json, Namespace, Part, Request, Said, Str,
    ToolChoice, ToolKind, Traits,
};
use crate::wire::json::{Document, Value, Writer};

/// The argument in which the free text of a custom tool goes where there are only functions.
const FREE: &str = "input";
const FREE_SCHEMA: &str = r#"{"type":"object","properties":{"input":{"type":"string","description":"The whole input of the tool, as free text."}},"required":["input"],"additionalProperties":false}"#;

/// What a format allows in the names of tools and the ids of calls.
struct Habits {
    /// The longest name.
    name: usize,
    /// Beside letters, digits, `_` and `-`.
    also: &'static [u8],
    /// A name begins with a letter or `_`.
    starts_plain: bool,
    custom: bool,
    namespaces: bool,
    /// The longest id of a call; it must be plain if `plain_id`.
    id: usize,
    plain_id: bool,
}

impl Habits {
    /// Sources: the descriptions of `name` and of call ids in the vendors' API references, and their error messages
    /// ("string too long. Expected a string with maximum length 40", "String should match pattern '^[a-zA-Z0-9_-]+$'").
    fn of(format: Format, traits: &Traits) -> Habits {
        let openai = Habits {
            name: 64,
            also: b"",
            starts_plain: false,
            custom: traits.custom_tools,
            namespaces: false,
            id: 40,
            plain_id: false,
        };
        match format {
            Format::OpenaiChat => openai,
            Format::OpenaiResponses => Habits {
                namespaces: true,
                id: 64,
                ..openai
            },
            Format::Anthropic => Habits {
                name: 128,
                custom: false,
                id: 256,
                plain_id: true,
                ..openai
            },
            Format::Gemini => Habits {
                also: b".:",
                starts_plain: true,
                custom: false,
                id: 256,
                ..openai
            },
        }
    }

    fn takes_name(&self, name: &str) -> bool {
        let plain =
            |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b) || self.also.contains(&b);
        let first = name.bytes().next();
        (1..=self.name).contains(&name.len())
            && name.bytes().all(plain)
            && (!self.starts_plain || first.is_some_and(|b| b.is_ascii_alphabetic() || b == b'_'))
    }

    /// A name that the format takes: what it does not take becomes `_`, and a hash of the whole makes it unique.
    fn name_for(&self, name: &str) -> String {
        if self.takes_name(name) {
            return name.to_owned();
        }
        let plain = |b: char| b.is_ascii_alphanumeric() || b == '_' || b == '-';
        let hash = format!("_{:08x}", xxh3_64(name.as_bytes()) as u32);
        let mut made = String::with_capacity(self.name);
        if !name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            made.push('t');
        }
        let room = self.name - hash.len() - made.len();
        made.extend(
            name.chars()
                .take(room)
                .map(|c| if plain(c) { c } else { '_' }),
        );
        made + &hash
    }

    /// The same for the id of a call.
    fn id_for(&self, id: &str) -> Option<String> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-".contains(&b);
        let fits = (1..=self.id).contains(&id.len());
        if fits && (!self.plain_id || id.bytes().all(plain)) {
            return None;
        }
        Some(format!("call_{:016x}", xxh3_64(id.as_bytes())))
    }
}

/// What a request's tools are called at the target, and what they are to the client.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Adaptation {
    /// By the target's name. Only those that differ.
    tools: BTreeMap<String, Own>,
}

/// What a tool is to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Own {
    name: String,
    namespace: Option<String>,
    /// It takes free text; the target knows it as a function of one argument.
    free: bool,
}

impl Adaptation {
    /// Makes the request's tools, calls and outcomes sayable in `target`; remembers the way back.
    pub fn adapt(request: &mut Request<'_>, target: Format, traits: &Traits) -> Adaptation {
        let habits = Habits::of(target, traits);
        let mut adaptation = Adaptation::default();
        let mut names = Names {
            habits: &habits,
            by_own: BTreeMap::new(),
            unsaid: Vec::new(),
        };
        for tool in &mut request.tools {
            adaptation.tool(&mut tool.kind, &mut names);
        }
        for turn in &mut request.turns {
            for part in &mut turn.parts {
                adaptation.part(part, &mut names);
            }
        }
        request.unsaid.append(&mut names.unsaid);
        if let Some(choice) = &mut request.choice {
            match &mut choice.value {
                ToolChoice::Named { name, custom } => {
                    names.rename_choice(name);
                    *custom &= habits.custom;
                }
                ToolChoice::Among { names: all, .. } => {
                    all.iter_mut().for_each(|name| names.rename_choice(name));
                }
                ToolChoice::Auto
                | ToolChoice::None
                | ToolChoice::Required
                | ToolChoice::Server(_) => {}
            }
        }
        adaptation
    }

    fn tool(&mut self, kind: &mut ToolKind<'_>, names: &mut Names<'_>) {
        match kind {
            ToolKind::Function(function) => {
                let namespace = function.namespace.as_ref().map(|space| &*space.name);
                let name = self.name(&function.name, (namespace, false), names);
                flatten(function, names.habits);
                function.name = Cow::Owned(name);
            }
            ToolKind::Custom {
                name,
                description,
                format,
                namespace,
            } => {
                let free = !names.habits.custom;
                *name = Cow::Owned(self.name(name, (namespace.as_deref(), free), names));
                if !names.habits.namespaces {
                    *namespace = None;
                }
                if free {
                    let said = description.take();
                    let at = said.as_ref().map_or_else(Default::default, |said| said.at);
                    let grammar = format.as_ref().map(|format| Grammar::read(&format.value));
                    if let Some((Grammar::Odd, format)) = grammar.as_ref().zip(format.as_ref()) {
                        names.unsaid.push(format.at);
                    }
                    let words = described(said.as_ref(), grammar);
                    *kind = ToolKind::Function(Function {
                        name: std::mem::take(name),
                        namespace: namespace.take().map(|name| Namespace {
                            name,
                            description: None,
                        }),
                        description: words.map(|words| Said::new(at, Cow::Owned(words))),
                        schema: Some(Said::new(at, Json(Cow::Borrowed(FREE_SCHEMA)))),
                        gemini_dialect: false,
                        strict: None,
                    });
                }
            }
            ToolKind::Server(_) => {}
        }
    }

    fn part(&mut self, part: &mut Part<'_>, names: &mut Names<'_>) {
        match &mut part.body {
            Body::Call(call) => {
                let free = matches!(call.arguments, Arguments::Free(_)) && !names.habits.custom;
                let space = call.namespace.as_ref().map(|said| &*said.value);
                call.name = Cow::Owned(self.name(&call.name, (space, free), names));
                if !names.habits.namespaces {
                    call.namespace = None;
                }
                if let (true, Arguments::Free(text)) = (free, &call.arguments) {
                    call.arguments = Arguments::Json(Cow::Owned(wrapped(text)));
                }
                if let Some(id) = names.habits.id_for(&call.id) {
                    call.id = Cow::Owned(id);
                }
            }
            Body::Outcome(outcome) => {
                if let Some(id) = names.habits.id_for(&outcome.call) {
                    outcome.call = Cow::Owned(id);
                }
                outcome.free &= names.habits.custom;
                if let Some(name) = &mut outcome.name {
                    names.rename_choice(name);
                }
            }
            Body::Text(_)
            | Body::Refusal(_)
            | Body::Image(_)
            | Body::Audio(_)
            | Body::Video(_)
            | Body::Document(_)
            | Body::Thinking(_)
            | Body::Foreign(_) => {}
        }
    }

    /// The target's name of a tool; noted if it is another.
    fn name(
        &mut self,
        name: &str,
        (namespace, free): (Option<&str>, bool),
        names: &mut Names<'_>,
    ) -> String {
        let flat = match namespace {
            Some(space) if !names.habits.namespaces => Some([space, "__", name].concat()),
            _ => None,
        };
        let made = names.habits.name_for(flat.as_deref().unwrap_or(name));
        if made != name || free {
            let own = Own {
                name: name.to_owned(),
                namespace: flat.is_some().then(|| namespace.unwrap_or("").to_owned()),
                free,
            };
            self.tools.entry(made.clone()).or_insert(own);
            names.by_own.entry(name.to_owned()).or_insert(made.clone());
        }
        made
    }

    /// Whether answers come back as they are.
    pub fn is_nothing(&self) -> bool {
        self.tools.is_empty()
    }

    /// Whether calls of that name, the target's, take free text for the client.
    pub fn is_free(&self, name: &str) -> bool {
        self.tools.get(name).is_some_and(|own| own.free)
    }

    /// Gives a call of the target's back its name, namespace and kind. Arguments are there already or not yet.
    pub fn restore(&self, call: &mut Call<'_>) {
        let Some(own) = self.tools.get(&*call.name) else {
            return;
        };
        call.name = Cow::Owned(own.name.clone());
        call.namespace = own
            .namespace
            .clone()
            .map(|space| Said::new(Default::default(), Cow::Owned(space)));
        if let (true, Arguments::Json(text)) = (own.free, &call.arguments) {
            call.arguments = Arguments::Free(Cow::Owned(unwrapped(text)));
        }
    }

    /// [`restore`](Adaptation::restore) for every call among the parts of an answer.
    pub fn restore_all(&self, parts: &mut [Part<'_>]) {
        if self.is_nothing() {
            return;
        }
        for part in parts {
            if let Body::Call(call) = &mut part.body {
                self.restore(call);
            }
        }
    }
}

struct Names<'h> {
    habits: &'h Habits,
    /// The target's names by the client's, for choices.
    by_own: BTreeMap<String, String>,
    /// What the target cannot be told.
    unsaid: Vec<At>,
}

impl Names<'_> {
    fn rename_choice(&self, name: &mut Str<'_>) {
        let made = match self.by_own.get(&**name) {
            Some(made) => made.clone(),
            None => self.habits.name_for(name),
        };
        if made != *name {
            *name = Cow::Owned(made);
        }
    }
}

/// A function out of its namespace; what is said of the namespace goes before what is said of the function.
fn flatten(function: &mut Function<'_>, habits: &Habits) {
    if habits.namespaces {
        return;
    }
    let about = function
        .namespace
        .take()
        .and_then(|space| space.description);
    match (about, &mut function.description) {
        (Some(about), Some(said)) => {
            said.value = Cow::Owned([&*about.value, "\n\n", &*said.value].concat());
        }
        (Some(about), none) => *none = Some(about),
        (None, _) => {}
    }
}

/// What is said of a custom tool, its grammar included: a function has no other place for it.
fn described(said: Option<&Said<Str<'_>>>, grammar: Option<Grammar>) -> Option<String> {
    let words = said.map(|said| &*said.value);
    let grammar = grammar.and_then(|grammar| match grammar {
        Grammar::None | Grammar::Odd => None,
        Grammar::Known { syntax, definition } => Some(format!(
            "The input follows this grammar ({syntax}):\n{definition}"
        )),
    });
    match (words, grammar) {
        (Some(words), Some(grammar)) => Some([words, "\n\n", &grammar].concat()),
        (words, grammar) => grammar.or(words.map(str::to_owned)),
    }
}

/// What the format of a custom tool says.
enum Grammar {
    /// Any text.
    None,
    Known {
        syntax: String,
        definition: String,
    },
    /// Something that nobody knows.
    Odd,
}

impl Grammar {
    fn read(format: &Json<'_>) -> Grammar {
        let mut document = Document::default();
        let known = document.read(format.0.as_bytes()).ok().and_then(|format| {
            // Chat nests it in `grammar`; Responses does not.
            let inner = format.member("grammar").unwrap_or(format);
            let has_only = |value: Value<'_, '_>, keys: &[&str]| {
                let mut members = value.members();
                members.all(|(key, value)| value.is_null() || keys.contains(&&*key))
            };
            match &*format.member_text("type")? {
                "text" if has_only(format, &["type"]) => Some(Grammar::None),
                "grammar"
                    if has_only(format, &["type", "grammar", "syntax", "definition"])
                        && has_only(inner, &["type", "syntax", "definition"]) =>
                {
                    Some(Grammar::Known {
                        syntax: inner.member_text("syntax")?.into_owned(),
                        definition: inner.member_text("definition")?.into_owned(),
                    })
                }
                _ => None,
            }
        });
        known.unwrap_or(Grammar::Odd)
    }
}

fn wrapped(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len() + 16);
    Writer::new(&mut out)
        .open_object()
        .key(FREE)
        .text(text)
        .close_object();
    String::from_utf8(out).unwrap_or_default()
}

/// The free text in a call's arguments; arguments that are something else are the text themselves.
pub(super) fn unwrapped(arguments: &str) -> String {
    let mut document = Document::default();
    let read = document.read(arguments.as_bytes()).ok();
    let text = read.and_then(|value| value.member_text(FREE));
    text.map_or_else(|| arguments.to_owned(), Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::{Outcome, Role, Tool, Turn};

    fn call(name: &'static str, arguments: Arguments<'static>) -> Call<'static> {
        Call {
            id: "call:1".into(),
            name: name.into(),
            arguments,
            ..Call::default()
        }
    }

    fn request(tool: ToolKind<'static>, call: Call<'static>) -> Request<'static> {
        let outcome = Outcome {
            call: call.id.clone(),
            ..Outcome::default()
        };
        let turn = |role, body| Turn::new(At::NOWHERE, role, vec![Part::new(At::NOWHERE, body)]);
        Request {
            turns: vec![
                turn(Role::Assistant, Body::Call(call)),
                turn(Role::User, Body::Outcome(outcome)),
            ],
            tools: vec![Tool {
                at: At::NOWHERE,
                kind: tool,
                cache: None,
            }],
            ..Request::default()
        }
    }

    fn first_call<'r>(request: &'r Request<'_>) -> &'r Call<'r> {
        match &request.turns[0].parts[0].body {
            Body::Call(call) => call,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn names_that_a_target_forbids_come_back_as_they_were() {
        let function = |name: &'static str| {
            ToolKind::Function(Function {
                name: name.into(),
                ..Function::default()
            })
        };
        for name in ["shop.find:item", "über", "1st", "a b", "x"] {
            let mut asked = request(function(name), call(name, Arguments::default()));
            asked.choice = Some(Said::new(
                At::NOWHERE,
                ToolChoice::Named {
                    name: name.into(),
                    custom: false,
                },
            ));
            let back = Adaptation::adapt(&mut asked, Format::OpenaiChat, &Traits::default());
            let made = first_call(&asked).name.clone().into_owned();
            assert!(
                made.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_'),
                "{made}"
            );
            assert!(
                matches!(&asked.choice.as_ref().unwrap().value, ToolChoice::Named { name, .. } if *name == made)
            );
            let mut answer = Call {
                name: made.into(),
                ..Call::default()
            };
            back.restore(&mut answer);
            assert_eq!(answer.name, name);
        }
    }

    #[test]
    fn namespaces_are_flattened_and_come_back() {
        let function = Function {
            name: "find".into(),
            namespace: Some(Namespace {
                name: "shop".into(),
                description: Some(Said::new(At::NOWHERE, "All of the shop.".into())),
            }),
            description: Some(Said::new(At::NOWHERE, "Finds.".into())),
            ..Function::default()
        };
        let mut past = call("find", Arguments::default());
        past.namespace = Some(Said::new(At::NOWHERE, "shop".into()));
        let mut asked = request(ToolKind::Function(function), past);
        let back = Adaptation::adapt(&mut asked, Format::Anthropic, &Traits::default());
        let ToolKind::Function(made) = &asked.tools[0].kind else {
            panic!()
        };
        assert_eq!(made.name, "shop__find");
        assert_eq!(
            made.description.as_ref().unwrap().value,
            "All of the shop.\n\nFinds."
        );
        assert_eq!(first_call(&asked).name, "shop__find");
        let mut answer = call("shop__find", Arguments::default());
        back.restore(&mut answer);
        assert_eq!(
            (&*answer.name, &*answer.namespace.unwrap().value),
            ("find", "shop")
        );
    }

    #[test]
    fn custom_tools_are_functions_of_one_text_and_come_back() {
        let custom = ToolKind::Custom {
            name: "patch".into(),
            description: Some(Said::new(At::NOWHERE, "Patches.".into())),
            format: Some(Said::new(
                At::NOWHERE,
                Json(r#"{"type":"grammar","syntax":"lark","definition":"start: x"}"#.into()),
            )),
            namespace: None,
        };
        let mut asked = request(custom, call("patch", Arguments::Free("a \"b\"\n".into())));
        let back = Adaptation::adapt(&mut asked, Format::Gemini, &Traits::default());
        let ToolKind::Function(made) = &asked.tools[0].kind else {
            panic!()
        };
        assert!(
            made.description
                .as_ref()
                .unwrap()
                .value
                .ends_with("(lark):\nstart: x")
        );
        let sent = first_call(&asked);
        assert_eq!(
            sent.arguments,
            Arguments::Json(r#"{"input":"a \"b\"\n"}"#.into())
        );
        let mut answer = sent.clone();
        back.restore(&mut answer);
        assert_eq!(answer.arguments, Arguments::Free("a \"b\"\n".into()));
    }

    #[test]
    fn an_id_that_a_target_forbids_is_the_same_in_call_and_outcome() {
        let mut asked = request(
            ToolKind::Function(Function::default()),
            call("f", Arguments::default()),
        );
        Adaptation::adapt(&mut asked, Format::Anthropic, &Traits::default());
        let Body::Outcome(outcome) = &asked.turns[1].parts[0].body else {
            panic!()
        };
        assert!(outcome.call.starts_with("call_") && outcome.call == first_call(&asked).id);
    }
}
