//! The modules that every page begins with as one, and those of each page: one file where they would always be loaded
//! together.
//!
//! They are put behind one another in the order in which a browser would run them; what one of them takes from another of
//! its group is there by its name, and what they take from elsewhere stands once at the head. So a group has each name once:
//! what would not go together that way fails the build, with the file and the name.

use std::collections::{BTreeMap, BTreeSet};

#[path = "made.rs"]
mod made;

/// The first module, which is sent with all that every page needs.
const FIRST: &str = "app.js";

/// What is loaded before the first, or by some pages only.
const APART: [&str; 5] = [
    "boot.js",
    "calls.js",
    "save.js",
    "kit/chart.js",
    "kit/draglist.js",
];

/// What scripts take from the browser: a module of a group must not hide it from the others.
const OF_THE_BROWSER: [&str; 21] = [
    "addEventListener",
    "crypto",
    "document",
    "event",
    "fetch",
    "history",
    "innerHeight",
    "innerWidth",
    "location",
    "matchMedia",
    "navigator",
    "performance",
    "removeEventListener",
    "requestAnimationFrame",
    "scrollTo",
    "setTimeout",
    "structuredClone",
    "top",
    "window",
    "Event",
    "URL",
];

/// The file that a module is sent in.
pub(crate) fn home(name: &str) -> String {
    if APART.contains(&name) {
        return name.to_owned();
    }
    match name.split('/').collect::<Vec<_>>()[..] {
        ["vendor", "uplot.js"] => "kit/chart.js".to_owned(),
        [_] | ["kit" | "vendor", _] => FIRST.to_owned(),
        ["pages", page, _] => format!("pages/{page}.js"),
        _ => name.to_owned(),
    }
}

struct Module<'a> {
    name: &'a str,
    takes: Vec<Taken<'a>>,
    code: String,
}

/// `import { NAME as LOCAL } from 'FROM'`; or `export { … } from 'FROM'`, which gives it on.
struct Taken<'a> {
    from: String,
    names: Vec<(&'a str, &'a str)>,
    given_on: Option<&'a str>,
}

/// Every module, or those that were joined in its place.
pub(crate) fn join(scripts: &[(&str, &str)]) -> Result<Vec<(String, String)>, String> {
    let mut groups: BTreeMap<String, BTreeMap<&str, Module<'_>>> = BTreeMap::new();
    let mut texts = Vec::new();
    for (name, text) in scripts {
        let text = match name.starts_with("vendor/") {
            true => made::opened(name, text).map_err(|why| format!("{name}: {why}"))?,
            false => (*text).to_owned(),
        };
        texts.push((*name, text));
    }
    for (name, text) in &texts {
        let module = read(name, text).map_err(|why| format!("{name}: {why}"))?;
        groups.entry(home(name)).or_default().insert(name, module);
    }
    let asked: BTreeSet<String> = groups
        .iter()
        .flat_map(|(home, group)| group.values().map(move |module| (home, module)))
        .flat_map(|(home, module)| module.takes.iter().map(move |taken| (home, &taken.from)))
        .filter(|(home, from)| self::home(from) != **home)
        .map(|(_, from)| from.clone())
        .collect();
    groups
        .into_iter()
        .map(|(home, group)| one(home, &group, &asked))
        .collect()
}

/// Its imports stand at its head.
fn read<'a>(name: &'a str, text: &'a str) -> Result<Module<'a>, &'static str> {
    let (mut rest, mut takes) = (text.trim_start(), Vec::new());
    while rest.starts_with("import ") || rest.starts_with("export {") {
        let (line, after) = rest.split_once(";\n").ok_or("an import has no end")?;
        takes.push(taken(name, line).ok_or("an import is not in the form that joins")?);
        rest = after.trim_start_matches('\n');
    }
    Ok(Module {
        name,
        takes,
        code: rest.to_owned(),
    })
}

fn taken<'a>(name: &str, line: &'a str) -> Option<Taken<'a>> {
    let (what, from) = line.split_once(" from '")?;
    let from = resolved(name, from.strip_suffix('\'')?);
    let (kind, what) = what.split_once(' ')?;
    let names = match what.trim().strip_prefix('{') {
        _ if kind == "export" => {
            return Some(Taken {
                from,
                names: Vec::new(),
                given_on: Some(what.trim()),
            });
        }
        None => vec![("default", what.trim())],
        Some(list) => {
            let list = list.strip_suffix('}')?.split(',').map(str::trim);
            let list = list.filter(|one| !one.is_empty());
            list.map(|one| one.split_once(" as ").unwrap_or((one, one)))
                .collect()
        }
    };
    Some(Taken {
        from,
        names,
        given_on: None,
    })
}

fn resolved(name: &str, from: &str) -> String {
    let mut path: Vec<&str> = name.split('/').collect();
    path.pop();
    for step in from.split('/') {
        match step {
            "." => {}
            ".." => drop(path.pop()),
            step => path.push(step),
        }
    }
    path.join("/")
}

fn relative(from: &str, to: &str) -> String {
    let up = from.matches('/').count();
    match from.rsplit_once('/') {
        Some((folder, _))
            if to
                .strip_prefix(folder)
                .is_some_and(|rest| rest.starts_with('/')) =>
        {
            format!(".{}", &to[folder.len()..])
        }
        None => format!("./{to}"),
        Some(_) => format!("{}{to}", "../".repeat(up)),
    }
}

/// `asked`: what modules of other groups take.
fn one(
    home: String,
    group: &BTreeMap<&str, Module<'_>>,
    asked: &BTreeSet<String>,
) -> Result<(String, String), String> {
    let mut order = Vec::new();
    let first = group
        .get(home.as_str())
        .ok_or(format!("there is no {home}"))?;
    let parts = group.values().filter(|module| asked.contains(module.name));
    for module in parts.chain([first]) {
        run(module, group, &mut order, &mut Vec::new())?;
    }
    if let Some(lost) = group.keys().find(|name| {
        order
            .iter()
            .all(|module: &&Module<'_>| module.name != **name)
    }) {
        return Err(format!("{lost}: no module imports it"));
    }
    let mut joined = Joined {
        home,
        is_one: order.len() == 1,
        ..Joined::default()
    };
    for module in &order {
        for taken in &module.takes {
            if group.contains_key(taken.from.as_str()) {
                joined.take_within(module.name, taken)?;
            } else {
                joined.take(module.name, taken)?;
            }
        }
        for name in module.code.lines().flat_map(declared) {
            joined.own(module.name, name, (module.name.to_owned(), name))?;
        }
        joined.code.push_str(&module.code);
    }
    Ok(joined.written())
}

/// What has been put together of a group.
#[derive(Default)]
struct Joined<'a> {
    home: String,
    is_one: bool,
    sources: Vec<String>,
    wanted: BTreeMap<String, BTreeSet<(&'a str, &'a str)>>,
    /// Whose each name is: another file's, by its own name there; or a module's of this group.
    owners: BTreeMap<&'a str, (String, &'a str)>,
    code: String,
}

impl<'a> Joined<'a> {
    fn own(&mut self, name: &str, local: &'a str, of: (String, &'a str)) -> Result<(), String> {
        match self.owners.get(local) {
            _ if !self.is_one && OF_THE_BROWSER.contains(&local) => Err(format!(
                "{name}: `{local}` would hide the browser's from the other modules of {}",
                self.home
            )),
            Some(other) if *other != of => Err(format!(
                "{name}: `{local}` stands for something else in {}",
                other.0
            )),
            _ => {
                self.owners.insert(local, of);
                Ok(())
            }
        }
    }

    /// From a module of the group, which stands before: by the name that it has there. What is given on of it is exported
    /// where it stands.
    fn take_within(&self, module: &str, taken: &Taken<'a>) -> Result<(), String> {
        for (name, local) in &taken.names {
            let is_default =
                *name == "default" && self.owners.get(local).is_some_and(|of| of.0 == taken.from);
            if name != local && !is_default {
                return Err(format!(
                    "{module}: `{local}` is another name for what is joined with it"
                ));
            }
        }
        Ok(())
    }

    fn take(&mut self, module: &str, taken: &Taken<'a>) -> Result<(), String> {
        let from = home(&taken.from);
        if let Some(given) = taken.given_on {
            self.code += &format!("export {given} from '{}';\n", relative(&self.home, &from));
        } else if !self.sources.contains(&from) {
            self.sources.push(from.clone());
        }
        for (name, local) in &taken.names {
            self.own(module, local, (from.clone(), name))?;
            self.wanted
                .entry(from.clone())
                .or_default()
                .insert((name, local));
        }
        Ok(())
    }

    /// The file's name and text: its imports once, at the head.
    fn written(self) -> (String, String) {
        let heads = self
            .sources
            .iter()
            .map(|from| import(self.wanted.get(from), &relative(&self.home, from)));
        let text = heads.collect::<String>() + &self.code;
        (self.home, text)
    }
}

fn import(names: Option<&BTreeSet<(&str, &str)>>, from: &str) -> String {
    let Some(names) = names else {
        return format!("import '{from}';\n");
    };
    let (whole, parts): (Vec<_>, Vec<_>) = names.iter().partition(|(name, _)| *name == "default");
    let said = |(name, local): &(&str, &str)| {
        if name == local {
            (*name).to_owned()
        } else {
            format!("{name} as {local}")
        }
    };
    let parts: Vec<String> = parts.into_iter().map(said).collect();
    let mut heads: String = whole
        .iter()
        .map(|(_, local)| format!("import {local} from '{from}';\n"))
        .collect();
    if !parts.is_empty() {
        heads += &format!("import {{ {} }} from '{from}';\n", parts.join(", "));
    }
    heads
}

/// In the order in which a browser runs them: what a module takes comes before it.
fn run<'a, 'b>(
    module: &'b Module<'a>,
    group: &'b BTreeMap<&str, Module<'a>>,
    order: &mut Vec<&'b Module<'a>>,
    open: &mut Vec<&'a str>,
) -> Result<(), String> {
    if order.iter().any(|known| known.name == module.name) {
        return Ok(());
    }
    if open.contains(&module.name) {
        return Err(format!(
            "{}: takes what takes it: {}",
            module.name,
            open.join(", ")
        ));
    }
    open.push(module.name);
    for taken in module
        .takes
        .iter()
        .filter_map(|taken| group.get(taken.from.as_str()))
    {
        run(taken, group, order, open)?;
    }
    open.pop();
    order.push(module);
    Ok(())
}

/// The names that a line declares for its whole module.
fn declared(line: &str) -> Vec<&str> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let line = line.strip_prefix("default ").unwrap_or(line);
    let line = line.strip_prefix("async ").unwrap_or(line);
    let kinds = ["const ", "let ", "function ", "class "];
    let Some(rest) = kinds.iter().find_map(|kind| line.strip_prefix(kind)) else {
        return Vec::new();
    };
    let name = |rest: &str| {
        rest.find(|next: char| !(next.is_alphanumeric() || next == '_' || next == '$'))
            .unwrap_or(rest.len())
    };
    match rest
        .strip_prefix("{ ")
        .and_then(|rest| rest.split_once(" }"))
    {
        Some((names, _)) => names.split(", ").map(|one| &one[..name(one)]).collect(),
        None => vec![&rest[..name(rest)]],
    }
}

// Compiled with the tests of `src/admin/ui.rs`.
#[cfg(test)]
mod tests {
    use super::*;

    fn joined(scripts: &[(&str, &str)]) -> String {
        let files = join(scripts).unwrap();
        let page = files.into_iter().find(|(name, _)| name == "pages/keys.js");
        page.unwrap().1
    }

    #[test]
    fn what_a_module_takes_comes_before_it_and_heads_stand_once() {
        let page = joined(&[
            (
                "pages/keys.js",
                "import { html } from '../lib.js';\nimport { B } from './keys/b.js';\nexport default function Keys() { return B; }\n",
            ),
            (
                "pages/keys/b.js",
                "import { html, cx as classes } from '../../lib.js';\nimport {\n  A,\n} from './a.js';\nimport { Icon } from '../../kit/icons.js';\nexport const B = [A, Icon];\n",
            ),
            ("pages/keys/a.js", "export const A = 1;\n"),
        ]);
        let expected = "import { Icon, cx as classes, html } from '../app.js';\n\
            export const A = 1;\nexport const B = [A, Icon];\nexport default function Keys() { return B; }\n";
        assert_eq!(page, expected);
    }

    #[test]
    fn a_part_of_another_page_comes_from_that_page() {
        let page = joined(&[(
            "pages/keys.js",
            "import { Lanes } from './models/lanes.js';\nimport { Chart } from '../kit/chart.js';\nexport { h } from '../lib.js';\n",
        )]);
        let expected = "import { Lanes } from './models.js';\nimport { Chart } from '../kit/chart.js';\nexport { h } from '../app.js';\n";
        // What is given on stands with the code, before which all imports are.
        assert_eq!(page, expected);
    }

    #[test]
    fn what_every_page_begins_with_is_one_file_and_what_pages_take_of_it_comes_before_it_begins() {
        let files = join(&[
            ("app.js", "import { h } from './lib.js';\nh();\n"),
            (
                "lib.js",
                "import htm from './vendor/htm.js';\nexport { h } from './vendor/a.js';\nexport const html = htm;\n",
            ),
            ("resource.js", "export const useResource = 1;\n"),
            ("vendor/a.js", "var n=1;export{n as h};\n"),
            ("vendor/htm.js", "export default function(){}\n"),
            (
                "pages/keys.js",
                "import { useResource } from '../resource.js';\nimport { h } from '../lib.js';\n",
            ),
        ]);
        let files = files.unwrap();
        let expected = "export const { htm } = (() => {\nreturn { htm: function(){} };\n})();\n\
            export const { h } = (() => {var n=1;\nreturn { h: n };\n})();\n\
            export const html = htm;\nexport const useResource = 1;\nh();\n";
        let text = |at: usize| (files[at].0.as_str(), files[at].1.as_str());
        assert_eq!(text(0), ("app.js", expected));
        let head = "import { h, useResource } from '../app.js';\n";
        assert_eq!(text(1), ("pages/keys.js", head));
        assert_eq!(files.len(), 2);
    }

    #[test]
    fn what_does_not_go_together_fails_with_the_file_and_the_name() {
        let refused = |page: &str, part: &str| {
            let found = join(&[("pages/keys.js", page), ("pages/keys/a.js", part)]);
            found.unwrap_err()
        };
        let takes = "import { A } from './keys/a.js';\n";
        for (page, part, name) in [
            (
                "const MANY = 1;\n",
                "export const A = 1;\nconst MANY = 2;\n",
                "`MANY`",
            ),
            (
                "",
                "import { list } from '../../format.js';\nimport { list } from '../../calls.js';\n",
                "`list`",
            ),
            (
                "",
                "export const A = 1;\nfunction history() {}\n",
                "`history`",
            ),
        ] {
            let why = refused(&format!("{takes}{page}"), part);
            assert!(why.starts_with("pages/keys") && why.contains(name), "{why}");
        }
        let renamed = refused(
            "import { A as B } from './keys/a.js';\n",
            "export const A = 1;\n",
        );
        assert!(renamed.contains("`B`"), "{renamed}");
        let lost = refused("", "export const A = 1;\n");
        assert!(lost.contains("no module imports it"), "{lost}");
        let circle = refused(takes, "import { B } from '../keys.js';\n");
        assert!(circle.contains("takes what takes it"), "{circle}");
    }
}
