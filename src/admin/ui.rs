//! The web UI: the files of `ui/`, in the binary, as `build.rs` has joined and compressed them.
//!
//! The page names every file below a path that changes with any of them, so that a browser keeps them for good and yet
//! never mixes two versions. Where it stands in the UI is the page's own matter: all of its paths are the same page.
//!
//! Browsers take brotli where nobody between can read along: of https and of this machine. Others get gzip, made when it
//! is first asked for.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::OnceLock;

use axum::extract::Path;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, VARY,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use once_cell::sync::Lazy;

use super::frame;
use super::problem::{Problem, Why};

/// `VERSION`, and `FILES`: a name and its text by brotli, each.
mod embedded {
    include!(concat!(env!("OUT_DIR"), "/ui/files.rs"));
}

const PAGE: &str = "index.html";
/// Before the version, which stands before a file's name.
const MARK: &str = "~";
const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Another version of the binary has another page.
const EACH_TIME: HeaderValue = HeaderValue::from_static("no-cache");

/// The console's page has its own: beside what comes from here, the style and the script that stand in it, by their hashes.
static POLICY: Lazy<HeaderValue> = Lazy::new(|| {
    let files = frame::PAGE;
    let files = files.to_str().unwrap_or_default();
    let with = |policy: String, kind: &str, hash: &str| {
        policy.replace(&format!("{kind} 'self'"), &format!("{kind} 'self' {hash}"))
    };
    let policy = with(files.to_owned(), "style-src", embedded::STYLE);
    let policy = with(policy, "script-src", embedded::SCRIPT);
    HeaderValue::try_from(policy).unwrap_or(frame::PAGE)
});

/// A file as it is sent.
struct Sent {
    media_type: &'static str,
    brotli: &'static [u8],
    plain: OnceLock<Bytes>,
    gzip: OnceLock<Bytes>,
}

static FILES: Lazy<BTreeMap<&str, Sent>> = Lazy::new(|| {
    let sent = |&(name, brotli)| {
        let file = Sent {
            media_type: media_type(name),
            brotli,
            plain: OnceLock::new(),
            gzip: OnceLock::new(),
        };
        (name, file)
    };
    embedded::FILES.iter().map(sent).collect()
});

impl Sent {
    fn plain(&self) -> &Bytes {
        self.plain.get_or_init(|| {
            let mut text = Vec::new();
            // What the build has compressed is whole, and writing to a vector cannot fail.
            brotli::BrotliDecompress(&mut &self.brotli[..], &mut text).unwrap_or_default();
            text.into()
        })
    }

    fn gzip(&self) -> &Bytes {
        self.gzip.get_or_init(|| {
            let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
            gzip.write_all(self.plain()).unwrap_or_default();
            gzip.finish().unwrap_or_default().into()
        })
    }
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, end)| end) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("json" | "webmanifest") => "application/json",
        Some("png") => "image/png",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// `GET /` and every path of the UI that names no file.
pub(super) async fn page(headers: HeaderMap) -> Response {
    sent(PAGE, &headers, EACH_TIME)
}

/// `GET /ui/…`.
pub(super) async fn below(Path(path): Path<String>, headers: HeaderMap) -> Response {
    let Some((version, name)) = path
        .strip_prefix(MARK)
        .and_then(|path| path.split_once('/'))
    else {
        return page(headers).await;
    };
    // A page of before an upgrade gets what there is now, as far as it is still apart; it is never kept itself.
    let kept = match version == embedded::VERSION {
        true => FOR_GOOD,
        false => EACH_TIME,
    };
    sent(name, &headers, kept)
}

fn sent(name: &str, asked: &HeaderMap, kept: HeaderValue) -> Response {
    let Some(file) = FILES.get(name) else {
        return Problem::new(Why::NotFound, "There is nothing at this path.").into_response();
    };
    let (bytes, coding) = if takes(asked, "br") {
        (Bytes::from_static(file.brotli), Some("br"))
    } else if takes(asked, "gzip") {
        (file.gzip().clone(), Some("gzip"))
    } else {
        (file.plain().clone(), None)
    };
    let mut answer = bytes.into_response();
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.media_type));
    let policy = match name {
        PAGE => POLICY.clone(),
        _ => frame::PAGE,
    };
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    headers.insert(CACHE_CONTROL, kept);
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if let Some(coding) = coding {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static(coding));
    }
    answer
}

/// Whether the client names `coding` and does not rule it out.
fn takes(asked: &HeaderMap, coding: &str) -> bool {
    let values = asked.get_all(ACCEPT_ENCODING).iter();
    let mut named = values
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .map(|one| one.split_once(';').unwrap_or((one, "")));
    named.any(|(name, weight)| {
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1");
        name.trim().eq_ignore_ascii_case(coding) && weight.parse() != Ok(0.0)
    })
}

/// How the build joins scripts, for its tests.
#[cfg(test)]
#[path = "../../build/modules.rs"]
mod modules;

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn the_page_and_its_files_hold_no_script_or_style_and_take_nothing_from_elsewhere() {
        let files = written();
        for (path, text) in &files {
            for inline in [
                "<style",
                "style=\"",
                "onclick=\"",
                "javascript:",
                "innerHTML",
                "eval(",
                "@import",
            ] {
                assert!(!text.contains(inline), "{}: {inline}", path.display());
            }
        }
        assert!(files.len() > 100, "{}", files.len());
    }

    #[test]
    fn every_file_that_one_of_them_names_is_there() {
        let quoted = |text: &str| -> Vec<String> {
            let parts = text.split(['"', '\'', '`']);
            let names = parts.filter(|part| part.starts_with("./") || part.starts_with("../"));
            let names = names.filter(|part| part.ends_with(".js") && !part.contains("${"));
            names.map(str::to_owned).collect()
        };
        for (name, file) in FILES.iter().filter(|(name, _)| name.ends_with(".js")) {
            let folder: Vec<&str> = name.split('/').collect();
            for other in quoted(&String::from_utf8_lossy(file.plain())) {
                let mut path = folder[..folder.len() - 1].to_vec();
                for step in other.split('/') {
                    match step {
                        "." => {}
                        ".." => drop(path.pop()),
                        step => path.push(step),
                    }
                }
                let path = path.join("/");
                assert!(FILES.contains_key(path.as_str()), "{name}: {path}");
            }
        }
        let page = String::from_utf8_lossy(FILES[PAGE].plain());
        let before = format!("\"/ui/{MARK}{}/", embedded::VERSION);
        for rest in page.split(&before).skip(1) {
            let named = rest.split('"').next().unwrap();
            assert!(FILES.contains_key(named), "{named}");
        }
    }

    /// By gzip, too: that is what a browser gets that reaches the gateway by http over a network.
    #[test]
    fn all_files_together_are_under_250_kb_as_they_are_sent() {
        let sum = |size: fn(&Sent) -> usize| FILES.values().map(size).sum::<usize>();
        let (brotli, gzip) = (sum(|file| file.brotli.len()), sum(|file| file.gzip().len()));
        assert!(brotli < 250_000, "{brotli} bytes by brotli");
        assert!(gzip < 250_000, "{gzip} bytes by gzip");
        for (name, file) in FILES.iter() {
            assert!(file.brotli.len() < file.plain().len(), "{name}");
            assert!(file.gzip().len() < file.plain().len(), "{name}");
        }
        println!(
            "{} files: {brotli} bytes by brotli, {gzip} by gzip",
            FILES.len()
        );
    }

    #[test]
    fn what_a_client_takes_is_what_it_gets() {
        let coding = |takes: &str| {
            let mut asked = HeaderMap::new();
            asked.insert(ACCEPT_ENCODING, takes.parse().unwrap());
            let answer = sent(PAGE, &asked, EACH_TIME);
            let said = answer.headers().get(CONTENT_ENCODING);
            said.map(|said| said.to_str().unwrap().to_owned())
        };
        assert_eq!(coding("gzip, deflate, br, zstd").as_deref(), Some("br"));
        assert_eq!(coding("gzip, br;q=0").as_deref(), Some("gzip"));
        assert_eq!(coding("gzip;q=0.5").as_deref(), Some("gzip"));
        assert_eq!(coding("gzip; q=0, br; q=0.0"), None);
        assert_eq!(coding("identity"), None);
    }

    /// The same texts in each language, in one file each.
    #[test]
    fn both_languages_have_the_same_texts_and_the_texts_of_every_page() {
        let keys = |name: &str| -> Vec<String> {
            let text = String::from_utf8_lossy(FILES[name].plain()).into_owned();
            assert!(
                text.lines().all(|line| !line.starts_with("import ")),
                "{name}"
            );
            let mut keys = text
                .split("':")
                .filter_map(|before| before.rsplit('\'').next());
            let mut keys: Vec<String> = keys
                .by_ref()
                .filter(|key| key.contains('.') && !key.contains(' '))
                .map(str::to_owned)
                .collect();
            keys.sort();
            keys
        };
        let english = keys("i18n/en.js");
        assert!(english.len() > 1000, "{}", english.len());
        assert_eq!(english, keys("i18n/zh.js"));
        let mut once = english.clone();
        once.dedup();
        assert_eq!(english, once);
    }

    /// `build.rs` leaves out the lines that look like a comment: none of them may be a template's text.
    #[test]
    fn no_line_of_a_template_looks_like_a_comment() {
        let mut templates = 0;
        for (path, script) in written() {
            if path.extension().is_none_or(|end| end != "js") {
                continue;
            }
            for line in lines_of_templates(&script) {
                let said = script.lines().nth(line).unwrap().trim();
                let comment = said.starts_with("//") || said.starts_with("/*");
                assert!(!comment, "{}:{}: {said}", path.display(), line + 1);
                templates += 1;
            }
        }
        assert!(templates > 100, "{templates}");
    }

    /// The files as they are written, but those of others.
    fn written() -> Vec<(PathBuf, String)> {
        let mut folders = vec![PathBuf::from(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/src/admin/ui"
        ))];
        let mut files = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                let end = path.extension().and_then(|end| end.to_str());
                match end {
                    _ if path.is_dir() => {
                        folders.extend((!path.ends_with("vendor")).then_some(path))
                    }
                    Some("js" | "css" | "html" | "svg") => {
                        let text = std::fs::read_to_string(&path).unwrap();
                        files.push((path, text));
                    }
                    _ => {}
                }
            }
        }
        files
    }

    enum Place {
        /// With so many braces open.
        Code(usize),
        Template,
    }

    /// The lines, from 0, that begin within the text of a template.
    fn lines_of_templates(script: &str) -> Vec<usize> {
        let (mut rest, mut line, mut found) = (script, 0, Vec::new());
        let mut places = vec![Place::Code(0)];
        let mut before = '(';
        while let Some(next) = rest.chars().next() {
            let mut taken = next.len_utf8();
            match (places.last_mut().unwrap(), next) {
                (Place::Template, '\\') => taken = 2,
                (Place::Template, '`') => drop(places.pop()),
                (Place::Template, '$') if rest.starts_with("${") => {
                    places.push(Place::Code(0));
                    taken = 2;
                }
                (Place::Code(_), '`') => places.push(Place::Template),
                (Place::Code(braces), '{') => *braces += 1,
                (Place::Code(0), '}') => drop(places.pop()),
                (Place::Code(braces), '}') => *braces -= 1,
                (Place::Code(_), '/') if rest.starts_with("//") => taken = rest.find('\n').unwrap(),
                (Place::Code(_), '/') if rest.starts_with("/*") => {
                    taken = rest.find("*/").unwrap() + 2;
                }
                (Place::Code(_), '/') if "(,=:[!&|?{};>".contains(before) => {
                    taken = literal(rest, '/')
                }
                (Place::Code(_), '\'' | '"') => taken = literal(rest, next),
                _ => {}
            }
            before = if next.is_whitespace() { before } else { next };
            for _ in rest[..taken].matches('\n') {
                line += 1;
                if matches!(places.last(), Some(Place::Template)) {
                    found.push(line);
                }
            }
            rest = &rest[taken..];
        }
        assert!(matches!(places[..], [Place::Code(0)]), "{script}");
        found
    }

    /// The length of a string, or of a regular expression.
    fn literal(text: &str, end: char) -> usize {
        let (mut escaped, mut class) = (true, false);
        for (at, next) in text.char_indices() {
            match next {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '[' if end == '/' => class = true,
                ']' => class = false,
                next if next == end && !class => return at + 1,
                _ => {}
            }
        }
        text.len()
    }
}
