//! A configuration from outside as objects: of which form it is, and our own form taken apart.

use std::path::Path;

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::note::{Note, Notes};
use super::{app_yml, litellm, provider_json, tree};
use crate::config::check::Check;
use crate::config::env::Env;
use crate::config::file::{Entry, Node};
use crate::config::fill;
use crate::config::objects::{Kind, Object};
use crate::config::report::{self, Problem, Report, Severity};
use crate::config::secret::{KeyHash, Secret};
use crate::config::suggest;
use crate::config::text::{Origin, Span, Text};
use crate::config::yaml;

/// How a configuration is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Ours: Pingora's YAML with `gateway:`.
    Tidegate,
    /// Models with their providers and `_global`, JSON (S3).
    ProviderJson,
    /// `API_KEY_POOLS` and other settings in capitals, YAML (S1).
    AppYml,
    /// `model_list` and its settings, YAML.
    #[serde(rename = "litellm")]
    LiteLlm,
}

impl Form {
    pub const ALL: [Form; 4] = [
        Form::Tidegate,
        Form::ProviderJson,
        Form::AppYml,
        Form::LiteLlm,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Form::Tidegate => "tidegate",
            Form::ProviderJson => "provider_json",
            Form::AppYml => "app_yml",
            Form::LiteLlm => "litellm",
        }
    }

    /// `auto` is `Ok(None)`: whichever it is.
    ///
    /// # Errors
    /// Which names there are.
    pub fn of_name(name: &str) -> Result<Option<Form>, String> {
        if name == "auto" {
            return Ok(None);
        }
        let found = Form::ALL.into_iter().find(|form| form.name() == name);
        let names = || std::iter::once("auto").chain(Form::ALL.iter().map(|form| form.name()));
        match found {
            Some(form) => Ok(Some(form)),
            None => Err(format!("expected {}", suggest::one_of(names()))),
        }
    }
}

/// What a text declares.
#[derive(Debug, Clone)]
pub struct Imported {
    pub form: Form,
    /// As a database keeps them: bodies are JSON, with secrets, but of client keys only their hash. Ready for `load` to check.
    pub objects: Vec<Object>,
    /// In the order of the text.
    pub notes: Vec<Note>,
}

/// Of a gateway, these are known before there is a database; an import leaves them to the file.
const STAYS: &[&str] = &["listen", "admin", "data", "database"];

/// Reads a configuration. `name` is what the text is called in reports; `form` is told where nobody says it.
///
/// # Errors
/// What is wrong with the text: it is no YAML, none of the forms, or not well-formed as one.
pub fn import(name: &str, text: &str, form: Option<Form>) -> Result<Imported, Report> {
    let text = Text::new(name, text.strip_prefix('\u{feff}').unwrap_or(text));
    let (text, root) = parsed(text)?;
    let Some(form) = form.or_else(|| form_of(&root)) else {
        let problem = Problem::error(root.span, "this is no configuration that is known here");
        let problem = problem.help(
            "known: a file of ours (`gateway:`), provider.json (`providers` of each model), app.yml (`API_KEY_POOLS`), LiteLLM's config.yaml (`model_list`)",
        );
        return Err(refused(text, vec![problem], Vec::new()));
    };
    if !root.is_map() {
        let message = format!("expected a mapping, found {}", root.kind());
        return Err(refused(
            text,
            vec![Problem::error(root.span, message)],
            Vec::new(),
        ));
    }
    let mut notes = Notes::new(&text, &root);
    let mut objects = match form {
        Form::Tidegate => ours(&text, &root, &mut notes)?,
        Form::ProviderJson => provider_json::read(&root, &mut notes),
        Form::AppYml => app_yml::read(&root, &mut notes),
        Form::LiteLlm => litellm::read(&root, &mut notes),
    };
    objects.iter_mut().for_each(hash_key);
    Ok(Imported {
        form,
        objects,
        notes: notes.done(),
    })
}

/// Of a client key that is said plainly only the hash is kept. What variables or files fill in stays as it is.
fn hash_key(object: &mut Object) {
    let body = serde_json::from_str(&object.body);
    let (Kind::ClientKey, Ok(Json::Object(mut body))) = (object.kind, body) else {
        return;
    };
    let Some(value) = body
        .get("value")
        .and_then(Json::as_str)
        .and_then(said_plainly)
    else {
        return;
    };
    body.remove("value");
    body.insert(
        "hash".to_owned(),
        json!(KeyHash::of(value.reveal()).to_string()),
    );
    body.insert("masked".to_owned(), json!(value.masked()));
    object.body = Json::Object(body).to_string();
}

fn said_plainly(text: &str) -> Option<Secret> {
    let filled = fill::fill(text, &Env::default()).ok()?;
    let value = filled.as_deref().unwrap_or(text).trim();
    let plain = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic());
    // With a default in it a variable is filled in even where nothing is set.
    let fixed = !text.replace("$${", "").contains("${") && !value.starts_with("file:");
    (plain && fixed).then(|| Secret::new(value))
}

/// The tree. JSON that YAML does not understand (tabs, pairs of surrogates) is read as JSON, and then as what it means.
fn parsed(text: Text) -> Result<(Text, Node), Report> {
    let (root, problems) = yaml::parse(&text);
    if let (Some(root), true) = (root, problems.is_empty()) {
        return Ok((text, root));
    }
    if let Ok(json) = serde_json::from_str::<Json>(text.body()) {
        let again = Text::new(text.name.as_str(), format!("{json:#}"));
        if let (Some(root), true) = yaml_of(&again) {
            return Ok((again, root));
        }
    }
    let problems = match problems.is_empty() {
        true => {
            let nothing = Span::new(Origin::File, 0, 0);
            vec![Problem::error(nothing, "the configuration is empty")]
        }
        false => problems,
    };
    Err(refused(text, problems, Vec::new()))
}

fn yaml_of(text: &Text) -> (Option<Node>, bool) {
    let (root, problems) = yaml::parse(text);
    (root, problems.is_empty())
}

fn refused(text: Text, problems: Vec<Problem>, spans: Vec<Span>) -> Report {
    // Of other forms nobody knows where the secrets stand.
    let secrets = report::Secrets {
        guess: spans.is_empty(),
        spans,
    };
    Report::new(problems, vec![(Origin::File, text)], secrets)
}

fn form_of(root: &Node) -> Option<Form> {
    let has = |keys: &[&str]| keys.iter().any(|key| root.entry(key).is_some());
    if has(&["gateway"]) {
        return Some(Form::Tidegate);
    }
    if has(&[
        "model_list",
        "litellm_settings",
        "router_settings",
        "general_settings",
    ]) {
        return Some(Form::LiteLlm);
    }
    if has(app_yml::KEYS) {
        return Some(Form::AppYml);
    }
    let pools = |entry: &Entry| entry.node.get("providers").is_some_and(Node::is_list);
    if has(&["_global"]) || root.entries().iter().any(pools) {
        return Some(Form::ProviderJson);
    }
    // Pingora's own keys alone are a configuration as well.
    has(&["version", "threads"]).then_some(Form::Tidegate)
}

/// A file of ours, object by object. It need not be right as a whole, but has no key that nobody knows.
fn ours(text: &Text, root: &Node, notes: &mut Notes<'_>) -> Result<Vec<Object>, Report> {
    let env = Env::default();
    let mut check = Check::new(&env, Path::new("/"));
    check.shape(root);
    let mut split = Split {
        problems: check.problems,
        objects: Vec::new(),
    };
    for entry in root.entries().iter().filter(|entry| !entry.node.is_null()) {
        let key = entry.key.text.as_str();
        if !matches!(key, "gateway" | "version") {
            notes.left_out(
                entry.key.span,
                "how the process runs is said by the file that it starts with",
            );
        }
    }
    for entry in root.get("gateway").map_or(&[][..], Node::entries) {
        let key = entry.key.text.as_str();
        if STAYS.contains(&key) && !entry.node.is_null() {
            notes.left_out(
                entry.key.span,
                "has to be known before there is a database: say it in the file that the gateway starts with",
            );
            continue;
        }
        split.section(entry);
    }
    let failed = split
        .problems
        .iter()
        .any(|problem| problem.severity == Severity::Error);
    if failed {
        return Err(refused(text.clone(), split.problems, check.secrets));
    }
    Ok(split.objects)
}

struct Split {
    problems: Vec<Problem>,
    objects: Vec<Object>,
}

impl Split {
    fn section(&mut self, entry: &Entry) {
        let key = entry.key.text.as_str();
        let kind = Kind::ALL
            .into_iter()
            .find(|kind| kind.section() == Some(key));
        match kind {
            None if key == "ping" && entry.node.is_null() => {
                // An object says something; nothing and 0 are the same here.
                self.add(Kind::Setting, key.to_owned(), &json!(0));
            }
            None if entry.node.is_null() => {}
            None => self.add(
                Kind::Setting,
                key.to_owned(),
                &tree::json_under(key, &entry.node),
            ),
            Some(Kind::Price) => {
                for price in entry.node.entries() {
                    self.add(
                        Kind::Price,
                        price.key.text.clone(),
                        &tree::json(&price.node),
                    );
                }
            }
            Some(kind) => {
                let items = entry.node.items();
                items.iter().for_each(|item| self.item(kind, item, items));
            }
        }
    }

    fn item(&mut self, kind: Kind, item: &Node, among: &[Node]) {
        let mut body = tree::json(item);
        let told = item.get("name");
        let name = match told.and_then(Node::text) {
            Some(name) => name.to_owned(),
            None if kind == Kind::Route => {
                let name = free_name(among, &self.objects);
                if let Some(members) = body.as_object_mut() {
                    members.insert("name".to_owned(), json!(name));
                }
                name
            }
            None => {
                let text = format!("this {} has no `name`", kind.name().replace('_', " "));
                self.problems.push(Problem::error(item.span, text));
                return;
            }
        };
        let twice = self
            .objects
            .iter()
            .any(|other| other.kind == kind && other.name == name);
        if let (true, Some(told)) = (twice, told) {
            let text = format!("two {}s are named `{name}`", kind.name().replace('_', " "));
            self.problems
                .push(Problem::error(told.span, text).label("the second"));
        }
        self.add(kind, name, &body);
    }

    fn add(&mut self, kind: Kind, name: String, body: &Json) {
        let body = body.to_string();
        self.objects.push(Object { kind, name, body });
    }
}

/// A route needs a name to be kept by.
fn free_name(among: &[Node], objects: &[Object]) -> String {
    let taken = |name: &str| {
        let said = among
            .iter()
            .any(|item| item.get("name").and_then(Node::text) == Some(name));
        said || objects
            .iter()
            .any(|object| object.kind == Kind::Route && object.name == name)
    };
    let mut names = (1_usize..).map(|n| format!("route-{n}"));
    names.find(|name| !taken(name)).unwrap_or_default()
}
