//! The page that shows the document: three files in the binary, which take everything else from the API itself.

use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};

use super::frame;
use super::problem::{Problem, Why};

const PAGE: &str = include_str!("page/docs.html");
const FILES: &[(&str, &str, &str)] = &[
    (
        "docs.js",
        "text/javascript; charset=utf-8",
        include_str!("page/docs.js"),
    ),
    (
        "docs.css",
        "text/css; charset=utf-8",
        include_str!("page/docs.css"),
    ),
];

/// `GET /docs`.
pub(super) async fn page() -> Response {
    served("text/html; charset=utf-8", PAGE)
}

/// `GET /docs/NAME`.
pub(super) async fn file(Path(name): Path<String>) -> Response {
    match FILES.iter().find(|(known, ..)| *known == name) {
        Some((_, media_type, text)) => served(media_type, text),
        None => Problem::new(Why::NotFound, "There is nothing at this path.").into_response(),
    }
}

fn served(media_type: &'static str, text: &'static str) -> Response {
    let mut answer = text.into_response();
    let headers = answer.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        axum::http::HeaderValue::from_static(media_type),
    );
    headers.insert(CONTENT_SECURITY_POLICY, frame::PAGE);
    // Another version of the binary has other files.
    let each_time = axum::http::HeaderValue::from_static("no-cache");
    headers.insert(CACHE_CONTROL, each_time);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_takes_nothing_from_elsewhere_and_holds_no_script_or_style() {
        let files = FILES.iter().map(|(_, _, text)| *text);
        for text in files.chain([PAGE]) {
            for elsewhere in ["http:", "https:", "url(", "@import", "innerHTML", "eval("] {
                assert!(!text.contains(elsewhere), "{elsewhere}");
            }
        }
        for inline in ["<style", "style=", " onclick", "javascript:"] {
            assert!(!PAGE.contains(inline), "{inline}");
        }
        let named = PAGE.matches("/docs/").count();
        assert_eq!(named, FILES.len());
        for (name, ..) in FILES {
            assert!(PAGE.contains(&["\"/docs/", name, "\""].concat()), "{name}");
        }
    }
}
