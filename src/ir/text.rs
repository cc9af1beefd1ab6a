use std::borrow::Cow;

/// Text of a conversation: borrowed from the document that it was read from wherever nothing was escaped in it.
pub type Str<'a> = Cow<'a, str>;

/// Where in its document something was said: the offset of its value. [`At::NOWHERE`] for what was never written down.
///
/// Values carry it so that a loss can be told by its path without making paths for what is not lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct At(pub u32);

impl At {
    pub const NOWHERE: At = At(u32::MAX);

    /// Put back by the gateway: the request does not say it, so that nobody misses it.
    pub const OURS: At = At(u32::MAX - 1);
}

impl Default for At {
    fn default() -> At {
        At::NOWHERE
    }
}

/// A value, and where it was said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said<T> {
    pub at: At,
    pub value: T,
}

impl<T> Said<T> {
    pub fn new(at: At, value: T) -> Said<T> {
        Said { at, value }
    }
}

/// A piece of JSON as it was written: a schema, arguments, a number with all its digits. Valid by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Json<'a>(pub Str<'a>);

impl Json<'_> {
    pub const EMPTY_OBJECT: Json<'static> = Json(Cow::Borrowed("{}"));

    /// A zero or nothing at all: what vendors take where a penalty or a bias is not said.
    pub fn says_nothing(&self) -> bool {
        let text = self.0.trim();
        let inner = text
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        let is_zero = text.parse::<f64>().is_ok_and(|number| number == 0.0);
        is_zero || inner.is_some_and(|inner| inner.trim().is_empty())
    }

    pub fn into_owned(self) -> Json<'static> {
        Json(Cow::Owned(self.0.into_owned()))
    }
}

impl Default for Json<'_> {
    fn default() -> Self {
        Json::EMPTY_OBJECT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_and_empty_objects_say_nothing() {
        for (json, nothing) in [
            ("0", true),
            ("-0.00", true),
            ("{ }", true),
            ("0.1", false),
            (r#"{"1":0}"#, false),
            ("\"0\"", false),
        ] {
            assert_eq!(Json(json.into()).says_nothing(), nothing, "{json}");
        }
    }
}
