//! The console as it is sent: the files of `src/admin/ui/`, as few and as small as they can be without being rewritten.
//!
//! Four things are done to them, and nothing else. Lines that are only a comment are left out. What is never loaded apart is
//! joined: the stylesheets that the page names, the texts of a language, the modules that every page begins with and those
//! of each page (`build/modules.rs`). What its frame is painted with is put into the page. And all are compressed here, once,
//! so that it costs neither a start nor a visit. `src/admin/ui.rs` serves them, and its tests hold what is said here.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest as _, Sha256};

#[path = "build/modules.rs"]
mod modules;

const FROM: &str = "src/admin/ui";
const PAGE: &str = "index.html";
const STYLE: &str = "styles.css";
/// What the frame of the pages needs to be painted stands in the page itself: these, and this script.
const FIRST: [&str; 3] = ["styles/tokens.css", "styles/base.css", "styles/layout.css"];
const BOOT: &str = "boot.js";
/// What is for those who write the console.
const NOT_SENT: [&str; 4] = [
    "README.md",
    "pages/styleguide",
    "styles/pages/styleguide.css",
    "/styleguide.js",
];

#[allow(
    clippy::disallowed_methods,
    reason = "cargo says in the environment where to write"
)]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={FROM}");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build");
    let out = PathBuf::from(env::var("OUT_DIR")?).join("ui");
    match fs::remove_dir_all(&out) {
        Err(failed) if failed.kind() != io::ErrorKind::NotFound => return Err(failed.into()),
        _ => fs::create_dir_all(&out)?,
    }
    let mut files = Vec::new();
    gather(Path::new(FROM), "", &mut files)?;
    files.sort();
    let mut sent = join(&files)?;
    let version = version(&sent);
    let mut within = [String::new(), String::new()];
    for (_, page) in sent.iter_mut().filter(|(name, _)| name == PAGE) {
        // Every file stands below a path that changes with any of them.
        *page = page.replace("\"/ui/", &format!("\"/ui/~{version}/"));
        within = [hash_of(page, "style")?, hash_of(page, "script")?];
    }
    let [style, script] = within;
    let mut table = format!(
        "pub(super) const VERSION: &str = {version:?};\n\
         pub(super) const STYLE: &str = {style:?};\npub(super) const SCRIPT: &str = {script:?};\n\
         pub(super) static FILES: &[(&str, &[u8])] = &[\n"
    );
    for (at, (name, text)) in sent.iter().enumerate() {
        let path = out.join(format!("{at}.br"));
        fs::write(&path, compressed(text.as_bytes())?)?;
        writeln!(table, "    ({name:?}, include_bytes!({path:?})),")?;
    }
    table.push_str("];\n");
    fs::write(out.join("files.rs"), table)?;
    Ok(())
}

/// Every file below `folder`, by its path from the first.
fn gather(
    folder: &Path,
    above: &str,
    files: &mut Vec<(String, String)>,
) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = format!("{above}{}", entry.file_name().to_string_lossy());
        if NOT_SENT
            .iter()
            .any(|not| name.starts_with(not) || name.ends_with(not))
        {
            continue;
        }
        if entry.file_type()?.is_dir() {
            gather(&entry.path(), &format!("{name}/"), files)?;
        } else {
            let mut text = fs::read_to_string(entry.path())?;
            if has_comments(&name) {
                text = without_comments(&text).map_err(|why| format!("{FROM}/{name}: {why}"))?;
            }
            files.push((name, text));
        }
    }
    Ok(())
}

/// Ours have comments. What is in `vendor/` is sent as its makers wrote it, with its licence.
fn has_comments(name: &str) -> bool {
    !name.starts_with("vendor/") && (name.ends_with(".js") || name.ends_with(".css"))
}

/// Leaves out the lines that are nothing but a comment.
fn without_comments(text: &str) -> Result<String, &'static str> {
    let mut kept = String::with_capacity(text.len());
    let mut within = false;
    for line in text.lines() {
        let said = line.trim();
        let end = said.find("*/").map(|end| end + 2);
        if within || (said.starts_with("/*") && end.is_none_or(|end| end == said.len())) {
            within = end.is_none();
            if end.is_some_and(|end| end < said.len()) {
                return Err("something stands behind the end of a comment of several lines");
            }
        } else if !said.starts_with("//") {
            kept.extend([line, "\n"]);
        }
    }
    Ok(kept)
}

/// What is never loaded apart as one file; all else as it is.
fn join(files: &[(String, String)]) -> Result<Vec<(String, String)>, String> {
    let text = |name: &str| {
        let found = files.iter().find(|(known, _)| known == name);
        found
            .map(|(_, text)| text.as_str())
            .ok_or(format!("{FROM} has no {name}"))
    };
    let (page, style) = one_style(text(PAGE)?, text)?;
    let mut sent = vec![(PAGE.to_owned(), page), (STYLE.to_owned(), style)];
    let mut scripts = Vec::new();
    for (name, own) in files {
        if let Some(language) = name.strip_prefix("i18n/") {
            let Some(language) = language
                .strip_suffix(".js")
                .filter(|rest| !rest.contains('/'))
            else {
                continue;
            };
            let below = format!("i18n/{language}/");
            let parts = files.iter().filter(|(part, _)| part.starts_with(&below));
            let parts = parts.map(|(_, text)| text.as_str());
            let joined = one_language(own, parts)
                .ok_or(format!("{name}: its parts are not in the form that joins"))?;
            sent.push((name.clone(), joined));
        } else if name.ends_with(".js") && name != BOOT {
            scripts.push((name.as_str(), own.as_str()));
        } else if ![PAGE, BOOT].contains(&name.as_str())
            && (!name.ends_with(".css") || name == STYLE)
        {
            sent.push((name.clone(), own.clone()));
        }
    }
    sent.extend(modules::join(&scripts)?);
    sent.sort();
    Ok(sent)
}

/// The page with one stylesheet in place of those that it names, and that; what comes first stands in the page.
fn one_style<'a>(
    page: &str,
    text: impl Fn(&str) -> Result<&'a str, String>,
) -> Result<(String, String), String> {
    const LINK: &str = "<link rel=\"stylesheet\" href=\"/ui/";
    const SCRIPT: &str = "<script src=\"/ui/boot.js\"></script>";
    const BEHIND: &str = "<noscript>";
    let (mut lines, mut style) = (String::new(), String::new());
    for line in page.lines() {
        if line == SCRIPT {
            let first: Result<String, String> = FIRST.into_iter().map(&text).collect();
            lines += &format!(
                "<style>{}</style>\n<script>{}</script>\n",
                first?,
                text(BOOT)?
            );
            continue;
        }
        // The frame is painted without waiting for it; the modules wait.
        if line.starts_with(BEHIND) {
            lines += &format!("{LINK}{STYLE}\">\n");
        }
        match line
            .strip_prefix(LINK)
            .and_then(|rest| rest.strip_suffix("\">"))
        {
            Some(name) if FIRST.contains(&name) => {}
            Some(name) => style.push_str(text(name)?),
            None => match preloaded(line) {
                // A module that was joined is loaded with those it was joined with.
                Some((before, name, after)) => {
                    let line = format!("{before}{}{after}\n", modules::home(name));
                    if !lines.contains(&line) {
                        lines.push_str(&line);
                    }
                }
                None => lines.extend([line, "\n"]),
            },
        }
    }
    match lines.matches(&format!("{LINK}{STYLE}")).count() {
        1 => Ok((lines, style)),
        _ => Err(format!("{PAGE} has not one line that begins with {BEHIND}")),
    }
}

/// What a policy says of the one `KIND` that stands in the page (CSP Level 3, section 6.7.3.3).
fn hash_of(page: &str, kind: &str) -> Result<String, String> {
    let parts: Vec<&str> = page.split(&format!("<{kind}>")).collect();
    let [_, rest] = parts[..] else {
        return Err(format!("{PAGE} holds not one {kind}"));
    };
    let (text, _) = rest
        .split_once(&format!("</{kind}>"))
        .ok_or(format!("a {kind} of {PAGE} has no end"))?;
    Ok(format!("'sha256-{}'", BASE64.encode(Sha256::digest(text))))
}

/// A line of the page that names a module beforehand: what is before and behind the name.
fn preloaded(line: &str) -> Option<(&str, &str, &str)> {
    const BEFORE: &str = "<link rel=\"modulepreload\" href=\"/ui/";
    let rest = line.strip_prefix(BEFORE)?;
    let (name, _) = rest.split_once('"')?;
    Some((BEFORE, name, &rest[name.len()..]))
}

/// `import` lines and `...spread` lines give way to what they name: the members of the parts' objects.
fn one_language<'a>(own: &str, parts: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut joined = String::from("export default {\n");
    for part in parts {
        joined.push_str(members(part)?);
    }
    let own: Vec<&str> = own
        .lines()
        .filter(|line| !line.starts_with("import "))
        .collect();
    let own = own.join("\n") + "\n";
    for line in members(&own)?
        .lines()
        .filter(|line| !line.trim_start().starts_with("..."))
    {
        joined.extend([line, "\n"]);
    }
    joined.push_str("};\n");
    Some(joined)
}

fn members(text: &str) -> Option<&str> {
    let text = text
        .trim()
        .strip_prefix("export default {")?
        .strip_suffix("};")?;
    let whole = text.trim_end();
    (whole.is_empty() || whole.ends_with(',')).then_some(text)
}

fn version(files: &[(String, String)]) -> String {
    let mut hash = xxhash_rust::xxh3::Xxh3::new();
    for (name, text) in files {
        hash.update(name.as_bytes());
        hash.update(text.as_bytes());
    }
    format!("{:016x}", hash.digest())
}

fn compressed(text: &[u8]) -> io::Result<Vec<u8>> {
    let mut sent = Vec::new();
    let how = brotli::enc::BrotliEncoderParams {
        quality: 11,
        lgwin: 18,
        size_hint: text.len(),
        ..Default::default()
    };
    brotli::BrotliCompress(&mut &text[..], &mut sent, &how)?;
    Ok(sent)
}
