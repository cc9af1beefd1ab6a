//! The web UI: the files of `ui/`, in the binary.
//!
//! The page names every file below a path that changes with any of them, so that a browser keeps them for good and yet
//! never mixes two versions. Where it stands in the UI is the page's own matter: all of its paths are the same page.

use std::collections::BTreeMap;
use std::io::Write as _;

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
use rust_embed::Embed;
use xxhash_rust::xxh3::Xxh3;

use super::frame;
use super::problem::{Problem, Why};

#[derive(Embed)]
#[folder = "src/admin/ui"]
#[exclude = "*.md"]
#[exclude = "pages/styleguide*"]
struct Files;

const PAGE: &str = "index.html";
/// Before the version, which stands before a file's name.
const MARK: &str = "~";
const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Another version of the binary has another page.
const EACH_TIME: HeaderValue = HeaderValue::from_static("no-cache");

/// A file as it is sent.
struct Sent {
    media_type: &'static str,
    plain: Bytes,
    gzip: Bytes,
}

struct Ui {
    version: String,
    files: BTreeMap<String, Sent>,
}

static UI: Lazy<Ui> = Lazy::new(Ui::read);

impl Ui {
    fn read() -> Ui {
        let named = |name: &str| Files::get(name).map(|file| file.data);
        let mut hash = Xxh3::new();
        for name in Files::iter() {
            hash.update(name.as_bytes());
            hash.update(&named(&name).unwrap_or_default());
        }
        let version = format!("{:016x}", hash.digest());
        let sent = |name: &str| {
            let mut text = named(name).unwrap_or_default().into_owned();
            if name == PAGE {
                let page = String::from_utf8_lossy(&text);
                let below = format!("\"/ui/{MARK}{version}/");
                text = page.replace("\"/ui/", &below).into_bytes();
            }
            Sent {
                media_type: media_type(name),
                gzip: compressed(&text),
                plain: text.into(),
            }
        };
        let files = Files::iter().map(|name| (name.to_string(), sent(&name)));
        Ui {
            files: files.collect(),
            version,
        }
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

fn compressed(text: &[u8]) -> Bytes {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    // Writing to a vector cannot fail.
    gzip.write_all(text).unwrap_or_default();
    gzip.finish().unwrap_or_default().into()
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
    // A page of before an upgrade gets what there is now.
    let kept = match version == UI.version {
        true => FOR_GOOD,
        false => EACH_TIME,
    };
    sent(name, &headers, kept)
}

fn sent(name: &str, asked: &HeaderMap, kept: HeaderValue) -> Response {
    let Some(file) = UI.files.get(name) else {
        return Problem::new(Why::NotFound, "There is nothing at this path.").into_response();
    };
    let takes_gzip = asked.get_all(ACCEPT_ENCODING).iter().any(|takes| {
        let takes = takes.to_str().unwrap_or_default().split(',');
        takes
            .map(str::trim)
            .any(|takes| takes == "gzip" || takes.starts_with("gzip;") && takes != "gzip;q=0")
    });
    let zipped = takes_gzip && file.gzip.len() < file.plain.len();
    let bytes = if zipped { &file.gzip } else { &file.plain };
    let mut answer = bytes.clone().into_response();
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.media_type));
    headers.insert(CONTENT_SECURITY_POLICY, frame::PAGE);
    headers.insert(CACHE_CONTROL, kept);
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if zipped {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_and_its_files_hold_no_script_or_style_and_take_nothing_from_elsewhere() {
        for (name, file) in UI
            .files
            .iter()
            .filter(|(name, _)| !name.starts_with("vendor/"))
        {
            let text = String::from_utf8_lossy(&file.plain);
            for inline in [
                "<style",
                "style=\"",
                "onclick=\"",
                "javascript:",
                "innerHTML",
                "eval(",
                "@import",
            ] {
                assert!(!text.contains(inline), "{name}: {inline}");
            }
        }
    }

    #[test]
    fn every_file_that_one_of_them_names_is_there() {
        let quoted = |text: &str| -> Vec<String> {
            let parts = text.split(['"', '\'', '`']);
            let names = parts.filter(|part| part.starts_with("./") || part.starts_with("../"));
            let names = names.filter(|part| part.ends_with(".js") && !part.contains("${"));
            names.map(str::to_owned).collect()
        };
        for (name, file) in UI.files.iter().filter(|(name, _)| name.ends_with(".js")) {
            let folder: Vec<&str> = name.split('/').collect();
            for other in quoted(&String::from_utf8_lossy(&file.plain)) {
                let mut path = folder[..folder.len() - 1].to_vec();
                for step in other.split('/') {
                    match step {
                        "." => {}
                        ".." => drop(path.pop()),
                        step => path.push(step),
                    }
                }
                let path = path.join("/");
                assert!(UI.files.contains_key(&path), "{name}: {path}");
            }
        }
        let page = String::from_utf8_lossy(&UI.files[PAGE].plain);
        let before = format!("\"/ui/{MARK}{}/", UI.version);
        for rest in page.split(&before).skip(1) {
            let named = rest.split('"').next().unwrap();
            assert!(UI.files.contains_key(named), "{named}");
        }
    }
}
