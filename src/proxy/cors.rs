//! Cross-origin requests of browsers (the Fetch standard's CORS protocol), for the configured origins.

use http::HeaderMap;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};

/// What a page of an allowed origin is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsAnswer {
    origin: HeaderValue,
    /// The headers that a preflight asked for; `None` for the request itself.
    preflight: Option<Option<HeaderValue>>,
}

impl CorsAnswer {
    /// What to tell the sender of these headers; `None` where there is no origin or it is not allowed.
    pub fn to(headers: &HeaderMap, method: &str, allowed: &[String]) -> Option<CorsAnswer> {
        let origin = headers.get(ORIGIN)?;
        let known = allowed
            .iter()
            .any(|known| known == "*" || known.as_bytes() == origin.as_bytes());
        let preflight = method == "OPTIONS" && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        known.then(|| CorsAnswer {
            origin: origin.clone(),
            preflight: preflight.then(|| headers.get(ACCESS_CONTROL_REQUEST_HEADERS).cloned()),
        })
    }

    pub fn is_preflight(&self) -> bool {
        self.preflight.is_some()
    }

    /// Puts the answer on a head.
    pub fn mark(&self, head: &mut HeaderMap) {
        head.insert(ACCESS_CONTROL_ALLOW_ORIGIN, self.origin.clone());
        head.append(VARY, HeaderValue::from_static("Origin"));
        let Some(asked) = &self.preflight else {
            let exposed = "x-request-id, x-upstream-request-id, x-tidegate-route, x-tidegate-dropped, x-tidegate-count, retry-after, retry-after-ms, request-id";
            head.insert(
                ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static(exposed),
            );
            return;
        };
        head.insert(
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static("GET, POST, OPTIONS"),
        );
        if let Some(asked) = asked {
            head.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        }
        head.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn only_allowed_origins_are_answered() {
        let allowed = vec!["https://app.example".to_owned()];
        let from = |origin| CorsAnswer::to(&headers(&[("origin", origin)]), "POST", &allowed);
        assert!(from("https://app.example").is_some());
        assert!(from("https://app.example.evil").is_none());
        assert!(CorsAnswer::to(&headers(&[]), "POST", &allowed).is_none());
        assert!(
            CorsAnswer::to(
                &headers(&[("origin", "https://x")]),
                "POST",
                &["*".to_owned()]
            )
            .is_some()
        );
    }

    #[test]
    fn a_preflight_is_told_the_headers_it_asked_for() {
        let asked = headers(&[
            ("origin", "https://x"),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "x-api-key,content-type"),
        ]);
        let answer = CorsAnswer::to(&asked, "OPTIONS", &["*".to_owned()]).unwrap();
        assert!(answer.is_preflight());
        let mut head = HeaderMap::new();
        answer.mark(&mut head);
        assert_eq!(
            head["access-control-allow-headers"],
            "x-api-key,content-type"
        );
    }
}
