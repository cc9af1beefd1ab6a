use crate::config::{BodyPath, Glob, Route, When};
use crate::ir::Format;

/// What routes ask of a request.
pub trait Facts {
    /// The model that was asked for.
    fn model(&self) -> &str;
    /// The name of the client key, where one was needed.
    fn client_key(&self) -> Option<&str>;
    fn format(&self) -> Format;
    /// Of the input, estimated.
    fn tokens(&self) -> u64;
    fn tools(&self) -> bool;
    fn images(&self) -> bool;
    fn stream(&self) -> bool;
    /// Whether a value of that header (its name in lower case) fits.
    fn header(&self, name: &str, fits: &dyn Fn(&str) -> bool) -> bool;
    /// Whether a value at that place of the body fits: a text as it is, everything else as JSON.
    fn body(&self, path: &BodyPath, fits: &dyn Fn(&str) -> bool) -> bool;
}

/// The first of the routes whose conditions the request meets.
pub fn first<'r>(routes: &'r [Route], facts: &dyn Facts) -> Option<&'r Route> {
    routes.iter().find(|route| meets(&route.when, facts))
}

/// What is cheap is asked first; the body is read last, and only where everything else holds.
fn meets(when: &When, facts: &dyn Facts) -> bool {
    let is = |wanted: Option<bool>, has: bool| wanted.is_none_or(|wanted| wanted == has);
    is(when.tools, facts.tools())
        && is(when.images, facts.images())
        && is(when.stream, facts.stream())
        && when.tokens_over.is_none_or(|than| facts.tokens() > than)
        && when.tokens_under.is_none_or(|than| facts.tokens() < than)
        && (when.formats.is_empty() || when.formats.contains(&facts.format()))
        && when.means(facts.model())
        && (when.client_keys.is_empty()
            || facts
                .client_key()
                .is_some_and(|name| any(&when.client_keys, name)))
        && when
            .headers
            .iter()
            .all(|(name, globs)| facts.header(name, &|value| any(globs, value)))
        && when
            .body
            .iter()
            .all(|(path, globs)| facts.body(path, &|value| any(globs, value)))
}

fn any(globs: &[Glob], value: &str) -> bool {
    globs.iter().any(|glob| glob.matches(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Target;

    /// A request as a test describes it.
    struct Asked {
        model: &'static str,
        key: Option<&'static str>,
        tokens: u64,
        tools: bool,
        header: (&'static str, &'static str),
        body: (&'static str, &'static str),
    }

    impl Facts for Asked {
        fn model(&self) -> &str {
            self.model
        }
        fn client_key(&self) -> Option<&str> {
            self.key
        }
        fn format(&self) -> Format {
            Format::Anthropic
        }
        fn tokens(&self) -> u64 {
            self.tokens
        }
        fn tools(&self) -> bool {
            self.tools
        }
        fn images(&self) -> bool {
            false
        }
        fn stream(&self) -> bool {
            true
        }
        fn header(&self, name: &str, fits: &dyn Fn(&str) -> bool) -> bool {
            name == self.header.0 && fits(self.header.1)
        }
        fn body(&self, path: &BodyPath, fits: &dyn Fn(&str) -> bool) -> bool {
            Ok(path) == BodyPath::parse(self.body.0).as_ref() && fits(self.body.1)
        }
    }

    const ASKED: Asked = Asked {
        model: "openrouter/GPT-4o",
        key: Some("ci"),
        tokens: 500,
        tools: true,
        header: ("x-team", "search"),
        body: ("metadata.tier", "gold"),
    };

    fn globs(patterns: &[&str]) -> Vec<Glob> {
        patterns.iter().copied().map(Glob::new).collect()
    }

    fn when(change: impl FnOnce(&mut When)) -> When {
        let mut when = When::default();
        change(&mut when);
        when
    }

    #[test]
    fn without_conditions_every_request_is_meant() {
        assert!(meets(&When::default(), &ASKED));
    }

    #[test]
    fn each_condition_holds_or_fails_by_itself() {
        let path = BodyPath::parse("metadata.tier").unwrap();
        let cases = [
            (when(|w| w.models = globs(&["x", "openrouter/*"])), true),
            (when(|w| w.models = globs(&["gpt-4o"])), false),
            (when(|w| w.model_contains = vec!["gpt-4".into()]), true),
            (when(|w| w.model_contains = vec!["claude".into()]), false),
            (
                when(|w| w.headers = vec![("x-team".into(), globs(&["se*"]))]),
                true,
            ),
            (
                when(|w| w.headers = vec![("x-team".into(), globs(&["ads"]))]),
                false,
            ),
            (
                when(|w| w.headers = vec![("x-other".into(), globs(&["*"]))]),
                false,
            ),
            (when(|w| w.client_keys = globs(&["ci"])), true),
            (when(|w| w.client_keys = globs(&["prod"])), false),
            (when(|w| w.formats = vec![Format::Anthropic]), true),
            (when(|w| w.formats = vec![Format::Gemini]), false),
            (when(|w| w.tokens_over = Some(499)), true),
            (when(|w| w.tokens_over = Some(500)), false),
            (when(|w| w.tokens_under = Some(501)), true),
            (when(|w| w.tokens_under = Some(500)), false),
            (when(|w| w.tools = Some(true)), true),
            (when(|w| w.tools = Some(false)), false),
            (when(|w| w.images = Some(false)), true),
            (when(|w| w.stream = Some(false)), false),
            (
                when(|w| w.body = vec![(path.clone(), globs(&["gold"]))]),
                true,
            ),
            (
                when(|w| w.body = vec![(path.clone(), globs(&["silver"]))]),
                false,
            ),
        ];
        for (when, meant) in cases {
            assert_eq!(meets(&when, &ASKED), meant, "{when:?}");
        }
    }

    #[test]
    fn all_conditions_have_to_hold() {
        let both = when(|w| {
            w.client_keys = globs(&["ci"]);
            w.tokens_over = Some(1_000);
        });
        assert!(!meets(&both, &ASKED));
        assert!(!meets(
            &when(|w| w.client_keys = globs(&["*"])),
            &Asked { key: None, ..ASKED }
        ));
    }

    #[test]
    fn the_first_route_that_is_met_decides() {
        let route = |name: &str, when| Route {
            name: name.into(),
            when,
            target: Target::Asked,
            direct: false,
        };
        let routes = [
            route("a", when(|w| w.tools = Some(false))),
            route("b", When::default()),
            route("c", When::default()),
        ];
        assert_eq!(first(&routes, &ASKED).map(|route| &*route.name), Some("b"));
        assert!(first(&routes[..1], &ASKED).is_none());
    }
}
