//! Loading: from files, environment and command line to one configuration, or to a report of everything that is wrong.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use super::check::{self, Check, Outside};
use super::env::Env;
use super::file::{Node, Scalar, Value};
use super::fill::{self, FaultKind};
use super::gateway::{Awaits, Gateway, Listen};
use super::held::{Held, Reader};
use super::objects::{self, Declared, Object};
use super::report::{Place, Problem, Report, Secrets, Severity};
use super::text::{Origin, Span, Text};
use super::{dotenv, suggest, yaml};

/// A configuration is written by hand; more is a mistake, or a device.
const MAX_FILE: u64 = 4 << 20;

/// Where a configuration is read from. Keep it for reloads: a daemon changes its directory.
#[derive(Debug, Clone, Default)]
pub struct Source {
    /// The configuration file, as the user named it. `None`: defaults and environment only.
    pub file: Option<PathBuf>,
    /// The `.env` file; it need not exist.
    pub dotenv: Option<PathBuf>,
    /// Absolute directory that relative paths start from, in the options and within the file.
    pub base: PathBuf,
    /// What is declared beside the file, in order.
    pub objects: Vec<Object>,
    /// Nobody knows yet what is declared beside the file.
    pub awaits_objects: bool,
    /// These files are taken as they were then.
    pub held: Option<Held>,
}

/// What the command line says; stronger than everything else.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    /// Listen here, without TLS, and nowhere else.
    pub listen: Vec<SocketAddr>,
    /// Of the first listener.
    pub host: Option<IpAddr>,
    /// Of the first listener.
    pub port: Option<u16>,
    pub log_level: Option<log::LevelFilter>,
    /// Use the demo vendor, whatever else there is.
    pub demo: bool,
}

/// A configuration that can be run.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub gateway: Gateway,
    /// Pingora's own part, variables filled in, checked; never empty. For `ServerConf::from_yaml`.
    pub pingora_yaml: String,
    pub log_level: log::LevelFilter,
    /// What is allowed but probably not meant.
    pub warnings: Report,
    /// Absolute paths of what was read: watch these. The `.env` file is among them even where it does not exist.
    pub files: Vec<PathBuf>,
    /// Whether the demo vendor is one of the providers.
    pub uses_demo: bool,
    /// What the file and the objects beside it declare by a name, and which of the two holds.
    pub declared: Vec<Declared>,
    /// The files as they were.
    pub held: Held,
}

/// Reads and checks everything.
///
/// `demo` is where the demo vendor listens; it is used where [`needs_demo`] says so.
/// The report of a failure holds every problem that was found, warnings too.
pub fn load(
    source: &Source,
    env: &Env,
    overrides: &Overrides,
    demo: Option<SocketAddr>,
) -> Result<Loaded, Report> {
    let written = Written::read(source, env, Variables::Filled);
    let demo = demo.filter(|_| written.needs_demo(overrides));
    let mut check = Check::new(&written.env, &source.base);
    check.reader = written.reader;
    let outside = Outside {
        overrides,
        demo,
        awaits: match (source.awaits_objects, overrides.demo) {
            (false, _) => Awaits::Nothing,
            (true, true) => Awaits::Keys,
            (true, false) => Awaits::Objects,
        },
    };
    let meant = check.gateway(written.root.as_ref(), &outside);
    let files = check.files;
    let spans = written.secrets.into_iter().chain(check.secrets).collect();
    let secrets = Secrets {
        spans,
        guess: written.unreadable,
    };
    let mut problems = written.problems;
    if !written.unreadable {
        problems.extend(check.problems);
    }
    for problem in &mut problems {
        problem.field = field(problem, &written.trees);
    }
    let failed = problems
        .iter()
        .any(|problem| problem.severity == Severity::Error);
    let report = Report::new(problems, written.texts, secrets);
    if failed {
        return Err(report);
    }
    let mut watched = written.files;
    watched.extend(files);
    Ok(Loaded {
        gateway: meant.gateway,
        pingora_yaml: pingora_yaml(&meant.pingora),
        log_level: meant.log_level,
        warnings: report,
        files: watched,
        uses_demo: demo.is_some(),
        declared: written.declared,
        held: check.reader.done(),
    })
}

/// What of an object a problem is about.
fn field(problem: &Problem, trees: &[(u32, Node)]) -> Option<String> {
    let Place::Text(span) = problem.place else {
        return None;
    };
    let Origin::Object(nth) = span.origin else {
        return None;
    };
    let (_, tree) = trees.iter().find(|(of, _)| *of == nth)?;
    Some(objects::path_to(tree, span))
}

/// Whether the demo vendor has to listen before [`load`]: it is asked for, or there is no other provider.
pub fn needs_demo(source: &Source, env: &Env, overrides: &Overrides) -> bool {
    Written::read(source, env, Variables::Filled).needs_demo(overrides)
}

/// Whether the environment, or the `.env` file under it, has a variable.
pub fn has_variable(source: &Source, env: &Env, name: &str) -> bool {
    let written = Written::read(source, env, Variables::AsWritten);
    written.env.value(name).is_some()
}

/// Where a gateway with this configuration listens, as far as that can be told when something else in it is wrong.
pub fn listeners(source: &Source, env: &Env, overrides: &Overrides) -> Vec<Listen> {
    let written = Written::read(source, env, Variables::Filled);
    let mut check = Check::new(&written.env, &source.base);
    check
        .gateway(
            written.root.as_ref(),
            &Outside {
                overrides,
                demo: None,
                awaits: Awaits::Nothing,
            },
        )
        .gateway
        .listen
}

/// An address to listen on, for the command line: `0.0.0.0:8899`, `localhost:8899`. The error says what to write.
pub fn listen_address(text: &str) -> Result<SocketAddr, String> {
    check::socket_address(text)
}

/// The same, with port 0 for any.
pub fn any_address(text: &str) -> Result<SocketAddr, String> {
    match text.strip_suffix(":0") {
        Some(host) => {
            check::socket_address(&format!("{host}:1")).map(|addr| SocketAddr::new(addr.ip(), 0))
        }
        None => check::socket_address(text),
    }
}

/// A log level, for the command line.
pub fn log_level(text: &str) -> Result<log::LevelFilter, String> {
    check::log_level(text).ok_or_else(|| format!("expected {}", suggest::one_of(check::LEVELS)))
}

/// What differs between two configurations and holds only from the next start on, named as in the file.
pub fn needs_restart(old: &Loaded, new: &Loaded) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let (before, after): (Vec<&str>, Vec<&str>) = (
        old.pingora_yaml.lines().collect(),
        new.pingora_yaml.lines().collect(),
    );
    let changed = before
        .iter()
        .filter(|line| !after.contains(line))
        .chain(after.iter().filter(|line| !before.contains(line)));
    for line in changed {
        let name = line.split(':').next().unwrap_or(line);
        if !names.iter().any(|other| other == name) {
            names.push(name.to_owned());
        }
    }
    if old.gateway.listen != new.gateway.listen {
        names.push("gateway.listen".to_owned());
    }
    if old.gateway.admin_listen != new.gateway.admin_listen {
        names.push("gateway.admin.listen".to_owned());
    }
    if old.gateway.data != new.gateway.data {
        names.push("gateway.data".to_owned());
    }
    // Where nobody says which, it goes along with `data`.
    let told = old.gateway.database_told || new.gateway.database_told;
    if told && old.gateway.database != new.gateway.database {
        names.push("gateway.database".to_owned());
    }
    names
}

/// One line a setting: JSON is YAML.
fn pingora_yaml(settings: &[(String, serde_json::Value)]) -> String {
    let version = settings
        .iter()
        .all(|(name, _)| name != "version")
        .then(|| "version: 1\n".to_owned());
    version
        .into_iter()
        .chain(
            settings
                .iter()
                .map(|(name, value)| format!("{name}: {value}\n")),
        )
        .collect()
}

/// Whether variables are put in where they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variables {
    Filled,
    AsWritten,
}

/// Everything as written.
pub(super) struct Written {
    /// With the `.env` file under it.
    pub env: Env,
    reader: Reader,
    variables: Variables,
    /// The file's tree with its variables unfilled.
    written: Option<Node>,
    /// With the objects in it.
    pub root: Option<Node>,
    texts: Vec<(Origin, Text)>,
    files: Vec<PathBuf>,
    problems: Vec<Problem>,
    /// Secrets of the `.env` file.
    secrets: Vec<Span>,
    /// The file could not be understood: what follows from an empty configuration is not worth saying.
    unreadable: bool,
    /// The objects beside the file, by their place among them.
    trees: Vec<(u32, Node)>,
    pub declared: Vec<Declared>,
}

impl Written {
    pub(super) fn read(source: &Source, env: &Env, variables: Variables) -> Written {
        let mut written = Written {
            env: env.clone(),
            reader: Reader::new(source.held.clone()),
            variables,
            written: None,
            root: None,
            texts: Vec::new(),
            files: Vec::new(),
            problems: Vec::new(),
            secrets: Vec::new(),
            unreadable: false,
            trees: Vec::new(),
            declared: Vec::new(),
        };
        if let Some(path) = &source.dotenv {
            written.read_dotenv(path, &source.base);
        }
        if let Some(path) = &source.file {
            written.read_file(path, &source.base);
        }
        written.read_objects(&source.objects);
        written
    }

    fn read_objects(&mut self, objects: &[Object]) {
        let mut read = Vec::new();
        for (nth, object) in (0..).zip(objects) {
            let text = objects::text_of(object, nth);
            if let Some(instead) = object.is_no_setting() {
                let told = format!("`{}` is no setting of the database", object.name);
                let place = Span::new(text.origin, 0, 0);
                self.problems
                    .push(Problem::error(place, told).help(instead));
                self.texts.push((text.origin, text));
                continue;
            }
            let (root, problems) = yaml::parse(&text);
            self.problems.extend(problems);
            match root.filter(|root| !root.is_null()) {
                Some(mut root) => {
                    let written = root.as_written();
                    self.fill(&mut root, &text);
                    self.trees.push((nth, root.clone()));
                    read.push(objects::Read {
                        kind: object.kind,
                        name: object.name.clone(),
                        written,
                        node: root,
                    });
                }
                None => {
                    let place = Span::new(text.origin, 0, 0);
                    self.problems
                        .push(Problem::error(place, "this object says nothing"));
                }
            }
            self.texts.push((text.origin, text));
        }
        let shipped = check::shipped();
        let vendors = shipped.iter().filter(|vendor| vendor.has_key(&self.env));
        let vendors = vendors.map(|vendor| vendor.name.as_str());
        self.declared = objects::join((self.written.as_ref(), &mut self.root), read, vendors);
    }

    fn needs_demo(&self, overrides: &Overrides) -> bool {
        let declares = self
            .root
            .as_ref()
            .and_then(|root| root.get("gateway"))
            .and_then(|gateway| gateway.get("providers"))
            .is_some();
        let has_key = check::shipped()
            .iter()
            .any(|vendor| vendor.has_key(&self.env));
        overrides.demo || !(declares || has_key || self.unreadable)
    }

    fn read_dotenv(&mut self, path: &Path, base: &Path) {
        let path_of_base = base.join(path);
        let exists = self.reader.has(&path_of_base);
        self.files.push(path_of_base.clone());
        if !exists {
            return;
        }
        let Some(text) = self.text(path, &path_of_base, Origin::Dotenv) else {
            return;
        };
        let parsed = dotenv::parse(&text);
        self.problems.extend(parsed.problems);
        self.secrets.extend(parsed.secrets);
        self.env = std::mem::take(&mut self.env).under(parsed.lines);
        self.texts.push((Origin::Dotenv, text));
    }

    fn read_file(&mut self, path: &Path, base: &Path) {
        let path_of_base = base.join(path);
        self.files.push(path_of_base.clone());
        let Some(text) = self.text(path, &path_of_base, Origin::File) else {
            self.unreadable = true;
            return;
        };
        let (root, problems) = yaml::parse(&text);
        self.problems.extend(problems);
        match root {
            Some(mut root) if !root.is_null() => {
                self.written = Some(root.clone());
                self.fill(&mut root, &text);
                self.root = Some(root);
            }
            _ => {
                if !self.has_errors() {
                    let problem = Problem::error(
                        Place::File(text.name.clone()),
                        "the configuration is empty",
                    );
                    self.problems.push(problem.help(
                        "conf/minimal.yaml is a beginning; without --conf the defaults hold",
                    ));
                }
                self.unreadable = true;
            }
        }
        self.texts.push((Origin::File, text));
    }

    /// The text of a file, or a problem that says why there is none.
    fn text(&mut self, name: &Path, path: &Path, origin: Origin) -> Option<Text> {
        let name = name.display().to_string();
        let bytes = match self.reader.read(path, MAX_FILE) {
            Ok(bytes) => bytes,
            Err(fault) => {
                self.problems.push(Problem::error(
                    Place::File(name),
                    format!("cannot read this file: {fault}"),
                ));
                return None;
            }
        };
        match String::from_utf8(bytes) {
            Ok(text) => Some(Text::new(
                name,
                text.strip_prefix('\u{feff}').unwrap_or(&text),
            )),
            Err(fault) => {
                self.not_text(
                    &name,
                    fault.as_bytes(),
                    fault.utf8_error().valid_up_to(),
                    origin,
                );
                None
            }
        }
    }

    fn not_text(&mut self, name: &str, bytes: &[u8], at: usize, origin: Origin) {
        if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
            let problem = Problem::error(Place::File(name.to_owned()), "this file is UTF-16");
            self.problems.push(problem.help("save it as UTF-8"));
            return;
        }
        // Up to the fault the text is as it was, so that offsets hold.
        let text = Text::new(name, String::from_utf8_lossy(bytes));
        let problem = Problem::error(Span::new(origin, at, at + 1), "this file is not UTF-8");
        let byte = bytes.get(at).copied().unwrap_or_default();
        self.problems
            .push(problem.label(format!("the byte 0x{byte:02x} belongs to no character")));
        self.texts.push((origin, text));
    }

    fn has_errors(&self) -> bool {
        self.problems
            .iter()
            .any(|problem| problem.severity == Severity::Error)
    }

    /// Fills in variables, in every scalar.
    fn fill(&mut self, root: &mut Node, text: &Text) {
        if self.variables == Variables::AsWritten {
            return;
        }
        let env = &self.env;
        let mut problems = Vec::new();
        root.scalars_mut(&mut |span, value| {
            let Value::Scalar(scalar) = value else { return };
            match fill::fill(&scalar.text, env) {
                Ok(None) => {}
                Ok(Some(filled)) => {
                    let scalar = Scalar {
                        text: filled,
                        quoted: scalar.quoted,
                        filled: true,
                    };
                    *value = if scalar.means_null() {
                        Value::Null
                    } else {
                        Value::Scalar(scalar)
                    };
                }
                Err(faults) => {
                    problems.extend(
                        faults
                            .iter()
                            .map(|fault| unfilled(fault, &scalar.text, span, text)),
                    );
                    *value = Value::Unknown;
                }
            }
        });
        self.problems.extend(problems);
    }
}

fn unfilled(fault: &fill::Fault, scalar: &str, span: Span, text: &Text) -> Problem {
    // The scalar's text stands in the file as it is, but for quotes and escapes: look for it there.
    let part = scalar.get(fault.start..fault.end).unwrap_or_default();
    let source = text.slice(span);
    let at = source
        .get(fault.start..)
        .and_then(|rest| rest.find(part))
        .map(|at| span.start + fault.start + at);
    let place = at.map_or(span, |start| {
        Span::new(span.origin, start, start + part.len())
    });
    match &fault.kind {
        FaultKind::Unset(name) => Problem::error(
            place,
            format!("the environment variable `{name}` is not set"),
        )
        .help(format!("set it, or give a default: ${{{name}:-default}}")),
        FaultKind::Open => {
            Problem::error(place, "this `${` is not closed").help("`$${` stands for a literal `${`")
        }
        FaultKind::BadName(name) => {
            Problem::error(place, format!("`{name}` is no name of a variable"))
                .help("`$${` stands for a literal `${`")
        }
        FaultKind::TooDeep => Problem::error(place, "defaults within defaults, too deep"),
    }
}
