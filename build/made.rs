//! Modules as their makers have minified them: short names, which other such modules have, too.
//!
//! To be joined with others, each is written anew as a module of our form: its code stands in a function of its own, and what
//! it exports are the function's results. The code itself is left as it is, with its licence above it.

/// What a minified module takes and gives.
struct Made<'a> {
    licence: String,
    /// From where, and each name there with the one within.
    takes: Vec<(&'a str, Vec<(&'a str, &'a str)>)>,
    /// From where, and what is only passed on from there.
    passes: Vec<(&'a str, &'a str)>,
    code: &'a str,
    /// Each name outside with what it is within.
    gives: Vec<(&'a str, &'a str)>,
}

/// The module in the form of ours. What it exports as `default` gets the name that it has within, or else the file's.
pub(crate) fn opened(name: &str, text: &str) -> Result<String, &'static str> {
    let stem = name.rsplit('/').next().unwrap_or(name);
    let stem = stem.strip_suffix(".js").unwrap_or(stem);
    let made = read(stem, text)?;
    let mut out = String::new();
    for (from, names) in &made.takes {
        let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        out += &format!("import {{ {} }} from '{from}';\n", names.join(", "));
    }
    for (from, names) in &made.passes {
        out += &format!("export {{{names}}} from '{from}';\n");
    }
    let taken = || made.takes.iter().flat_map(|(_, names)| names);
    let outside: Vec<&str> = taken().map(|(name, _)| *name).collect();
    let within: Vec<&str> = taken().map(|(_, local)| *local).collect();
    let names: Vec<&str> = made.gives.iter().map(|(name, _)| *name).collect();
    let results: Vec<String> = made
        .gives
        .iter()
        .map(|(name, is)| format!("{name}: {is}"))
        .collect();
    out += &made.licence;
    out += &format!(
        "export const {{ {} }} = (({}) => {{{}\nreturn {{ {} }};\n}})({});\n",
        names.join(", "),
        within.join(", "),
        made.code,
        results.join(", "),
        outside.join(", "),
    );
    Ok(out)
}

fn read<'a>(stem: &'a str, text: &'a str) -> Result<Made<'a>, &'static str> {
    let (mut rest, mut licence) = (text.trim(), String::new());
    while rest.starts_with("/*!") {
        let (comment, after) = rest.split_once("*/").ok_or("a comment has no end")?;
        licence += &format!("{comment}*/\n");
        rest = after.trim_start();
    }
    let (mut takes, mut passes) = (Vec::new(), Vec::new());
    loop {
        let is_import = rest.starts_with("import{");
        // An `export{…}` at the head passes on what is another's; without a `from` it is the end.
        let Some((names, after)) = list(rest, if is_import { "import" } else { "export" }) else {
            break;
        };
        let Some((from, after)) = source(after) else {
            break;
        };
        match is_import {
            true => takes.push((from, pairs(names))),
            false => passes.push((from, names)),
        }
        rest = after;
    }
    let at = rest.rfind("export").ok_or("nothing is exported")?;
    let (code, end) = rest.split_at(at);
    let gives = match (list(end, "export"), end.strip_prefix("export default ")) {
        // What is outside is named behind.
        (Some((names, _)), _) => pairs(names)
            .into_iter()
            .map(|(is, name)| (name, is))
            .collect(),
        (None, Some(is)) => {
            let is = is.trim_end_matches(';');
            let is_name = is
                .chars()
                .all(|one| one.is_alphanumeric() || "_$".contains(one));
            vec![(if is_name { is } else { stem }, is)]
        }
        (None, None) => return Err("its last export is in no form that joins"),
    };
    Ok(Made {
        licence,
        takes,
        passes,
        code,
        gives,
    })
}

/// `KIND{…}` at the beginning: what is in it, and the rest.
fn list<'a>(text: &'a str, kind: &str) -> Option<(&'a str, &'a str)> {
    text.strip_prefix(kind)?.strip_prefix('{')?.split_once('}')
}

/// `from"…";` at the beginning: what it names, and the rest.
fn source(text: &str) -> Option<(&str, &str)> {
    let (name, rest) = text.strip_prefix("from\"")?.split_once('"')?;
    Some((name, rest.trim_start_matches(';')))
}

/// `a as b,c`: each name with the other one that it gets.
fn pairs(names: &str) -> Vec<(&str, &str)> {
    let names = names.split(',').map(str::trim);
    names
        .map(|one| one.split_once(" as ").unwrap_or((one, one)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_stands_in_a_function_of_its_own_under_its_licence() {
        let made = "/*! a 1 | MIT */\nimport{options as n,h}from\"./a.js\";import{x as t}from\"./b.js\";export{x,y}from\"./b.js\";\
            const r=1;function C(){return n}export{C as use,r as useId};//# sourceMappingURL=a.map\n";
        let expected = "import { options, h } from './a.js';\nimport { x } from './b.js';\nexport {x,y} from './b.js';\n\
            /*! a 1 | MIT */\nexport const { use, useId } = ((n, h, t) => {const r=1;function C(){return n}\n\
            return { use: C, useId: r };\n})(options, h, x);\n";
        assert_eq!(opened("vendor/a.js", made).unwrap(), expected);
    }

    #[test]
    fn a_default_gets_its_own_name_or_the_files() {
        let named = opened("vendor/uplot.js", "var uPlot=1;\nexport default uPlot;\n").unwrap();
        assert_eq!(
            named,
            "export const { uPlot } = (() => {var uPlot=1;\n\nreturn { uPlot: uPlot };\n})();\n"
        );
        let unnamed = opened(
            "vendor/htm.js",
            "var n=1;export default function(s){return n}",
        )
        .unwrap();
        assert_eq!(
            unnamed,
            "export const { htm } = (() => {var n=1;\nreturn { htm: function(s){return n} };\n})();\n"
        );
    }

    #[test]
    fn what_it_cannot_read_is_said() {
        for text in ["", "var a=1;", "export const a=1;", "/*! a"] {
            assert!(opened("vendor/a.js", text).is_err(), "{text}");
        }
    }
}
