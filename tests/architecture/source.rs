//! A Rust file as the rules see it: every path that it names, and the few shapes that a rule speaks of.
//!
//! Parsed, not searched: a name in a comment or a string is no arrow, one inside a macro call is. What stands under
//! `#[cfg(test)]` is marked, since some rules leave tests alone.

use std::collections::HashMap;

use proc_macro2::{TokenStream, TokenTree};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// One file.
#[derive(Debug)]
pub struct Source {
    /// From the package's root, with `/`: `src/route/pick.rs`.
    pub path: String,
    /// Where the file stands in the tree of modules: `["route", "pick"]`; empty for `lib.rs` and what is not in `src/`.
    pub module: Vec<String>,
    pub lines: usize,
    /// Lines of `//!` that the file opens with.
    pub head: usize,
    pub named: Vec<Named>,
    pub matches: Vec<Match>,
    /// Names of the enums that the file declares.
    pub enums: Vec<String>,
    /// `macro_rules!` items, by line.
    pub macros: Vec<usize>,
    /// Attributes without spaces and values: `deny(clippy::panic)`, `ignore`.
    pub attributes: Vec<Attribute>,
}

/// A path that a file names, resolved.
#[derive(Debug)]
pub struct Named {
    pub target: Target,
    pub line: usize,
    pub test: bool,
}

#[derive(Debug)]
pub enum Target {
    /// In this package, from its root: `["ir", "Format"]`.
    Inside(Vec<String>),
    /// In another crate, the crate's name first.
    Outside(Vec<String>),
    /// A name of the file's own, or one alone that needs no path: `["Serialize"]`.
    Local(Vec<String>),
}

/// A `match` that ends in an arm for everything else.
#[derive(Debug)]
pub struct Match {
    pub line: usize,
    pub test: bool,
    /// The type part of the patterns in the other arms: `Fault` of `Fault::Timeout`.
    pub types: Vec<String>,
}

#[derive(Debug)]
pub struct Attribute {
    pub text: String,
    pub line: usize,
    pub test: bool,
}

impl Source {
    /// Reads the text of the file at `path`. Panics if it does not parse: then it does not compile either.
    pub fn parse(path: &str, text: &str) -> Source {
        let file = syn::parse_file(text).unwrap_or_else(|e| panic!("{path} does not parse: {e}"));
        let module = module_of(path);
        let mut reader = Reader::new(&module);
        // A file of tests is declared under `#[cfg(test)]` elsewhere.
        reader.tests = usize::from(module.last().is_some_and(|m| m == "tests"));
        reader.visit_file(&file);
        Source {
            path: path.to_owned(),
            module,
            lines: text.lines().count(),
            head: text.lines().take_while(|l| l.starts_with("//!")).count(),
            named: reader.named,
            matches: reader.matches,
            enums: reader.enums,
            macros: reader.macros,
            attributes: reader.attributes,
        }
    }

    /// The room that the file belongs to; `None` outside of `src/` and for `lib.rs`.
    pub fn room(&self) -> Option<&str> {
        self.module.first().map(String::as_str)
    }
}

fn module_of(path: &str) -> Vec<String> {
    let Some(inner) = path.strip_prefix("src/") else {
        return Vec::new();
    };
    let inner = inner.trim_end_matches(".rs").trim_end_matches("/mod");
    if inner == "lib" {
        return Vec::new();
    }
    inner.split('/').map(str::to_owned).collect()
}

struct Reader {
    /// The module that the reader stands in, inline modules included.
    module: Vec<String>,
    /// How many `#[cfg(test)]` items enclose the place.
    tests: usize,
    /// Names that the file declares or imports, and what an import renames: they shadow crates.
    local: HashMap<String, String>,
    named: Vec<Named>,
    matches: Vec<Match>,
    enums: Vec<String>,
    macros: Vec<usize>,
    attributes: Vec<Attribute>,
}

impl Reader {
    fn new(module: &[String]) -> Reader {
        Reader {
            module: module.to_vec(),
            tests: 0,
            local: HashMap::new(),
            named: Vec::new(),
            matches: Vec::new(),
            enums: Vec::new(),
            macros: Vec::new(),
            attributes: Vec::new(),
        }
    }

    fn name(&mut self, path: Vec<String>, line: usize) {
        let target = self.resolve(path);
        self.named.push(Named {
            target,
            line,
            test: self.tests > 0,
        });
    }

    fn resolve(&self, path: Vec<String>) -> Target {
        let mut base = self.module.clone();
        let mut rest = path.as_slice();
        match rest.first().map(String::as_str) {
            Some("crate" | "tidegate") => {
                base.clear();
                rest = &rest[1..];
            }
            Some("self") => rest = &rest[1..],
            Some("super") => {
                while rest.first().is_some_and(|s| s == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            Some(first) if rest.len() < 2 || self.local.contains_key(first) => {
                return Target::Local(path);
            }
            Some(first) if first.starts_with(char::is_lowercase) => return Target::Outside(path),
            _ => return Target::Local(path),
        }
        base.extend(rest.iter().cloned());
        Target::Inside(base)
    }

    /// Paths in tokens that are not parsed: two or more names joined by `::`, or, with `single`, also one alone.
    fn tokens(&mut self, tokens: TokenStream, single: bool) {
        let mut path: Vec<String> = Vec::new();
        let mut line = 0;
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Punct(p) if p.as_char() == ':' => colons += 1,
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.flush(&mut path, line, single);
                    }
                    if path.is_empty() {
                        line = ident.span().start().line;
                    }
                    path.push(plain(&ident));
                    colons = 0;
                }
                other => {
                    self.flush(&mut path, line, single);
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream(), single);
                    }
                }
            }
        }
        self.flush(&mut path, line, single);
    }

    fn flush(&mut self, path: &mut Vec<String>, line: usize, single: bool) {
        let whole = std::mem::take(path);
        if whole.len() > 1 || (single && whole.len() == 1) {
            self.name(whole, line);
        }
    }

    fn use_tree(&mut self, tree: &syn::UseTree, prefix: &mut Vec<String>) {
        match tree {
            syn::UseTree::Path(p) => {
                prefix.push(plain(&p.ident));
                self.use_tree(&p.tree, prefix);
                prefix.pop();
            }
            syn::UseTree::Group(g) => {
                for tree in &g.items {
                    self.use_tree(tree, prefix);
                }
            }
            syn::UseTree::Name(n) => self.use_leaf(&n.ident, prefix),
            syn::UseTree::Rename(r) => self.use_leaf(&r.ident, prefix),
            syn::UseTree::Glob(g) => {
                let mut path = prefix.clone();
                path.push("*".to_owned());
                self.import(path, g.span().start().line);
            }
        }
    }

    fn use_leaf(&mut self, ident: &syn::Ident, prefix: &[String]) {
        let mut path = prefix.to_vec();
        if ident != "self" {
            path.push(plain(ident));
        }
        self.import(path, ident.span().start().line);
    }

    /// Like [`name`](Reader::name), but a crate alone (`use tokio;`) is an arrow too.
    fn import(&mut self, path: Vec<String>, line: usize) {
        if path.len() == 1 && !matches!(path[0].as_str(), "crate" | "self" | "super") {
            self.named.push(Named {
                target: Target::Outside(path),
                line,
                test: self.tests > 0,
            });
        } else {
            self.name(path, line);
        }
    }

    fn declare(&mut self, item: &syn::Item) {
        match item {
            syn::Item::Mod(m) => {
                self.local.insert(m.ident.to_string(), m.ident.to_string());
            }
            syn::Item::Use(u) => self.declare_use(&u.tree, 0),
            _ => {}
        }
    }

    fn declare_use(&mut self, tree: &syn::UseTree, depth: usize) {
        match tree {
            syn::UseTree::Path(p) => self.declare_use(&p.tree, depth + 1),
            syn::UseTree::Group(g) => g.items.iter().for_each(|t| self.declare_use(t, depth)),
            // `use tokio;` brings the crate's own name: no shadow.
            syn::UseTree::Name(n) if depth > 0 => {
                self.local.insert(plain(&n.ident), plain(&n.ident));
            }
            syn::UseTree::Rename(r) => {
                self.local.insert(plain(&r.rename), plain(&r.ident));
            }
            syn::UseTree::Name(_) | syn::UseTree::Glob(_) => {}
        }
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_file(&mut self, file: &'ast syn::File) {
        file.items.iter().for_each(|item| self.declare(item));
        visit::visit_file(self, file);
    }

    fn visit_item(&mut self, item: &'ast syn::Item) {
        let test = usize::from(attributes_of(item).iter().any(is_test));
        self.tests += test;
        visit::visit_item(self, item);
        self.tests -= test;
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let inline = item.content.is_some();
        if inline {
            self.module.push(item.ident.to_string());
        }
        visit::visit_item_mod(self, item);
        if inline {
            self.module.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.use_tree(&item.tree, &mut Vec::new());
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        self.import(vec![plain(&item.ident)], item.ident.span().start().line);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.enums.push(item.ident.to_string());
        visit::visit_item_enum(self, item);
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        if item.mac.path.is_ident("macro_rules") {
            self.macros.push(item.span().start().line);
        }
        visit::visit_item_macro(self, item);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let line = path.span().start().line;
        let segments: Vec<String> = path.segments.iter().map(|s| plain(&s.ident)).collect();
        self.name(segments, line);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, mac: &'ast syn::Macro) {
        self.tokens(mac.tokens.clone(), false);
        visit::visit_macro(self, mac);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone(), list.path.is_ident("derive"));
        }
        let text = match &attribute.meta {
            syn::Meta::List(l) => l
                .path
                .get_ident()
                .map(|i| format!("{i}({})", l.tokens).replace(' ', "")),
            other => other.path().get_ident().map(ToString::to_string),
        };
        self.attributes.extend(text.map(|text| Attribute {
            text,
            line: attribute.span().start().line,
            test: self.tests > 0,
        }));
        visit::visit_attribute(self, attribute);
    }

    fn visit_expr_match(&mut self, expr: &'ast syn::ExprMatch) {
        let mut types = Types::default();
        for arm in &expr.arms {
            types.visit_pat(&arm.pat);
        }
        if expr.arms.iter().any(|arm| catches_all(&arm.pat)) {
            let real = |name: String| self.local.get(&name).cloned().unwrap_or(name);
            self.matches.push(Match {
                line: expr.span().start().line,
                test: self.tests > 0,
                types: types.0.into_iter().map(real).collect(),
            });
        }
        visit::visit_expr_match(self, expr);
    }
}

/// Collects the type part of the paths in a pattern.
#[derive(Default)]
struct Types(Vec<String>);

impl<'ast> Visit<'ast> for Types {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        if let Some(owner) = path.segments.iter().rev().nth(1) {
            self.0.push(owner.ident.to_string());
        }
    }

    fn visit_pat_guard(&mut self, pat: &'ast syn::PatGuard) {
        self.visit_pat(&pat.pat);
    }
}

fn catches_all(pat: &syn::Pat) -> bool {
    match pat {
        syn::Pat::Wild(_) => true,
        // A lower-case name binds; an upper-case one is a constant or a variant.
        syn::Pat::Ident(p) => {
            p.subpat.is_none() && p.ident.to_string().starts_with(char::is_lowercase)
        }
        syn::Pat::Or(p) => p.cases.iter().any(catches_all),
        syn::Pat::Paren(p) => catches_all(&p.pat),
        // Also an arm with a guard: the compiler does not count on it either.
        _ => false,
    }
}

fn is_test(attribute: &syn::Attribute) -> bool {
    match &attribute.meta {
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::List(list) if list.path.is_ident("cfg") => list
            .tokens
            .clone()
            .into_iter()
            .any(|t| t.to_string() == "test"),
        _ => false,
    }
}

fn attributes_of(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(i) => &i.attrs,
        syn::Item::Enum(i) => &i.attrs,
        syn::Item::Fn(i) => &i.attrs,
        syn::Item::Impl(i) => &i.attrs,
        syn::Item::Mod(i) => &i.attrs,
        syn::Item::Static(i) => &i.attrs,
        syn::Item::Struct(i) => &i.attrs,
        syn::Item::Trait(i) => &i.attrs,
        syn::Item::Type(i) => &i.attrs,
        syn::Item::Use(i) => &i.attrs,
        _ => &[],
    }
}

/// The name without `r#`.
fn plain(ident: &proc_macro2::Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").map_or(text.clone(), str::to_owned)
}
