use http::{Method, Uri};

use super::{EVENTS, LIST, WHOLE};
use crate::demo::dialect::{Dialect, Target, What};

/// Gemini's paths for vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::demo) enum Embed {
    One,
    Batch,
}

/// What a path of this API asks for, and the method for it: `…/models/MODEL:ACTION` behind any version, and the lists
/// of models behind a version that only this API has.
pub(in crate::demo) fn target(uri: &Uri) -> Option<(Target, Method)> {
    let Some((model, action)) = address(uri.path()) else {
        let end = behind_own_version(uri.path())?;
        let listed = end == "models" || end.starts_with("models/");
        let target = Target {
            dialect: &WHOLE,
            what: What::Models,
            model: None,
        };
        return listed.then_some((target, Method::GET));
    };
    let mut dialect: &'static dyn Dialect = &WHOLE;
    let what = match action {
        "generateContent" => What::Conversation,
        "streamGenerateContent" => {
            let events = uri
                .query()
                .is_some_and(|q| q.split('&').any(|p| p == "alt=sse"));
            dialect = if events { &EVENTS } else { &LIST };
            What::Conversation
        }
        "countTokens" => What::CountTokens,
        "embedContent" => What::Embed(Embed::One),
        _ => What::Embed(Embed::Batch),
    };
    let target = Target {
        dialect,
        what,
        model: Some(decoded(model)),
    };
    Some((target, Method::POST))
}

/// The model that a path of this API names.
pub(in crate::demo) fn named_model(path: &str) -> Option<String> {
    address(path).map(|(model, _)| decoded(model))
}

/// Whether the path stands behind a version that only this API has.
pub(in crate::demo) fn is_its_version(path: &str) -> bool {
    behind_own_version(path).is_some()
}

/// The model, still encoded, and what to do with it. Models of other vendors may have colons and slashes in their names.
fn address(path: &str) -> Option<(&str, &str)> {
    const ACTIONS: [&str; 5] = [
        "generateContent",
        "streamGenerateContent",
        "countTokens",
        "embedContent",
        "batchEmbedContents",
    ];
    let (_, rest) = path.split_once("/models/")?;
    let (model, action) = rest.rsplit_once(':')?;
    (ACTIONS.contains(&action) && !model.is_empty()).then_some((model, action))
}

/// What stands behind a version that only this API has.
fn behind_own_version(path: &str) -> Option<&str> {
    let versions = ["/v1beta/", "/v1alpha/", "/v1beta1/"].into_iter();
    let ends = versions.filter_map(|version| Some(path.split_once(version)?.1));
    ends.max_by_key(|end| end.len())
}

/// Without percent signs; what is not encoded as it should be stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|d| std::str::from_utf8(d).ok());
        let byte = digits.and_then(|d| u8::from_str_radix(d, 16).ok());
        rest = match byte.filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                after.get(2..).unwrap_or_default()
            }
            None => {
                bytes.push(*first);
                after
            }
        };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_the_model_and_what_to_do_behind_any_version() {
        for (path, model) in [
            ("/v1beta/models/demo:generateContent", "demo"),
            ("/team/v1/models/demo:countTokens", "demo"),
            ("/v1beta/models/demo%2Fa:b:embedContent", "demo/a:b"),
            (
                "/v1beta1/projects/p/publishers/google/models/demo:generateContent",
                "demo",
            ),
        ] {
            assert_eq!(named_model(path).as_deref(), Some(model), "{path}");
        }
        assert_eq!(named_model("/v1/models/qwen:7b"), None);
        assert_eq!(named_model("/v1beta/models/:generateContent"), None);
    }

    #[test]
    fn lists_of_models_are_this_apis_behind_its_own_versions_only() {
        let found = |path: &'static str| target(&Uri::from_static(path)).is_some();
        assert!(found("/v1beta/models") && found("/v1beta/models/demo"));
        assert!(!found("/v1/models") && !found("/v1beta/nothing"));
        assert!(is_its_version("/v1beta/nothing") && !is_its_version("/v1/models"));
    }

    #[test]
    fn what_is_not_encoded_well_stays_as_it_is() {
        assert_eq!(decoded("a%20b%zz%4"), "a b%zz%4");
    }
}
