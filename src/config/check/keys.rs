//! Every key of a configuration file, as data: what may stand where, and what is not built yet.
//!
//! The shapes are checked against the tree before anything is read (`shape`), the readers only look at values,
//! and the test of the full example walks the same tables, so that no key can go undocumented.

use super::pingora;

/// A mapping with known keys.
pub(crate) struct Section {
    /// For messages: "unknown key `x` {place}".
    pub place: &'static str,
    pub keys: &'static [Key],
}

pub(crate) struct Key {
    pub name: &'static str,
    pub shape: Shape,
}

/// What may stand at a place.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    /// A single value.
    Value,
    /// A single value that is never shown.
    Secret,
    Table(&'static Section),
    /// A list of these.
    List(&'static Shape),
    /// A mapping whose keys are the reader's own, to single values: header names, provider names.
    Names,
    /// The same, to these.
    NamesOf(&'static Shape),
    /// A single value or one of the others, by the kind of the node.
    Either(&'static [Shape]),
    /// Either this, or a mapping from format names to this.
    PerFormat(&'static Shape),
    /// Whatever YAML can say that JSON can.
    Any,
    /// Not built yet.
    Later,
    /// One of Pingora's own settings.
    Pingora(pingora::Kind),
}

const fn value(name: &'static str) -> Key {
    Key {
        name,
        shape: Shape::Value,
    }
}

const fn later(name: &'static str) -> Key {
    Key {
        name,
        shape: Shape::Later,
    }
}

const fn table(name: &'static str, section: &'static Section) -> Key {
    Key {
        name,
        shape: Shape::Table(section),
    }
}

const fn list(name: &'static str, of: &'static Shape) -> Key {
    Key {
        name,
        shape: Shape::List(of),
    }
}

const fn key(name: &'static str, shape: Shape) -> Key {
    Key { name, shape }
}

/// Under `gateway:`.
pub(crate) static GATEWAY: Section = Section {
    place: "in `gateway`",
    keys: &[
        list(
            "listen",
            &Shape::Either(&[Shape::Value, Shape::Table(&LISTEN)]),
        ),
        later("admin"),
        // Its URL may hold a password.
        Key {
            name: "database",
            shape: Shape::Secret,
        },
        value("auth"),
        list("trusted_proxies", &Shape::Value),
        table("limits", &LIMITS),
        value("debug_headers"),
        table("timeouts", &TIMEOUTS),
        table("retry", &RETRY),
        table("cooldown", &COOLDOWN),
        table("breaker", &BREAKER),
        value("ping"),
        value("strict"),
        value("reply_model"),
        list("providers", &Shape::Table(&PROVIDER)),
        list("models", &Shape::Table(&MODEL)),
        list("routes", &Shape::Table(&ROUTE)),
        value("default_model"),
        key("prices", Shape::NamesOf(&Shape::Table(&PRICE))),
        list("tenants", &Shape::Table(&TENANT)),
        table("log", &LOG),
        table("cors", &CORS),
        value("preferred_provider"),
        list("client_keys", &Shape::Table(&CLIENT_KEY)),
        value("data"),
    ],
};

static LISTEN: Section = Section {
    place: "in a listener",
    keys: &[value("addr"), table("tls", &LISTEN_TLS)],
};

static LISTEN_TLS: Section = Section {
    place: "in `tls` of a listener",
    keys: &[value("cert"), value("key")],
};

static LIMITS: Section = Section {
    place: "in `limits`",
    keys: &[
        value("max_body"),
        value("max_body_in_flight"),
        value("body_read"),
    ],
};

static TIMEOUTS: Section = Section {
    place: "in `timeouts`",
    keys: &[
        value("connect"),
        value("first_token"),
        value("response"),
        value("idle"),
        value("total"),
    ],
};

static RETRY: Section = Section {
    place: "in `retry`",
    keys: &[
        value("retries"),
        value("base"),
        value("max"),
        value("max_attempts"),
        value("patience"),
        value("budget"),
    ],
};

static COOLDOWN: Section = Section {
    place: "in `cooldown`",
    keys: &[value("base"), value("max"), value("probe_after")],
};

static BREAKER: Section = Section {
    place: "in `breaker`",
    keys: &[value("failures"), value("open_for")],
};

static PROVIDER: Section = Section {
    place: "in a provider",
    keys: &[
        value("name"),
        key(
            "format",
            Shape::Either(&[Shape::Value, Shape::List(&Shape::Value)]),
        ),
        key("base_url", Shape::PerFormat(&Shape::Value)),
        key("keys", KEYS),
        key("auth", Shape::PerFormat(&Shape::Table(&AUTH))),
        key("headers", Shape::Names),
        list("expose", &Shape::Value),
        table("health", &HEALTH),
        table("capabilities", &CAPABILITIES),
        table("tls", &PROVIDER_TLS),
        value("http"),
        table("timeouts", &TIMEOUTS),
        table("retry", &RETRY),
        table("cooldown", &COOLDOWN),
        table("breaker", &BREAKER),
        value("enabled"),
    ],
};

/// A list of keys, or `passthrough`.
const KEYS: Shape = Shape::Either(&[
    Shape::Secret,
    Shape::List(&Shape::Either(&[
        Shape::Secret,
        Shape::Table(&PROVIDER_KEY),
    ])),
]);

static PROVIDER_KEY: Section = Section {
    place: "in a provider key",
    keys: &[
        key("value", Shape::Secret),
        value("weight"),
        value("enabled"),
    ],
};

static AUTH: Section = Section {
    place: "in `auth` of a provider",
    keys: &[value("header"), value("format")],
};

static HEALTH: Section = Section {
    place: "in `health`",
    keys: &[table("active", &ACTIVE)],
};

static ACTIVE: Section = Section {
    place: "in `health.active`",
    keys: &[value("path"), value("every")],
};

static CAPABILITIES: Section = Section {
    place: "in `capabilities`",
    keys: &[
        value("tools"),
        value("images"),
        value("prefill"),
        value("reasoning"),
        value("default_max_tokens"),
        value("max_completion_tokens"),
        value("developer_role"),
        value("echo_reasoning"),
        value("json_schema"),
        value("custom_tools"),
        value("url_images"),
        value("videos"),
        value("outcome_images"),
        value("cache_control"),
        value("cache_breakpoints"),
        value("web_search_options"),
        value("parallel_switch"),
        value("stream_usage"),
        value("adaptive_thinking"),
        value("system_turns"),
        value("call_signatures"),
        value("thinking_level"),
    ],
};

static PROVIDER_TLS: Section = Section {
    place: "in `tls` of a provider",
    keys: &[value("ca"), value("server_name")],
};

static MODEL: Section = Section {
    place: "in a model",
    keys: &[
        value("name"),
        list("aliases", &Shape::Value),
        value("balance"),
        value("sticky"),
        value("mode"),
        key("provider_weights", Shape::Names),
        value("resume"),
        table("hedge", &HEDGE),
        list("fallbacks", &Shape::Value),
        list("endpoints", &Shape::Table(&ENDPOINT)),
        table("timeouts", &TIMEOUTS),
        table("retry", &RETRY),
        table("cooldown", &COOLDOWN),
        table("breaker", &BREAKER),
        value("enabled"),
    ],
};

static HEDGE: Section = Section {
    place: "in `hedge`",
    keys: &[value("after"), value("budget")],
};

static ENDPOINT: Section = Section {
    place: "in an endpoint",
    keys: &[
        value("provider"),
        value("model"),
        value("priority"),
        value("weight"),
        value("retries"),
        value("max_context"),
        value("streaming"),
        value("non_streaming"),
        key("set", Shape::NamesOf(&Shape::Any)),
        table("quota", &QUOTA),
        table("timeouts", &TIMEOUTS),
        table("retry", &RETRY),
        table("cooldown", &COOLDOWN),
        table("breaker", &BREAKER),
        value("enabled"),
    ],
};

static QUOTA: Section = Section {
    place: "in `quota`",
    keys: &[
        value("requests"),
        value("tokens"),
        value("reset"),
        value("time_zone"),
    ],
};

/// A single value, or a list of them.
const VALUES: Shape = Shape::Either(&[Shape::Value, Shape::List(&Shape::Value)]);

static ROUTE: Section = Section {
    place: "in a route",
    keys: &[
        value("name"),
        table("when", &WHEN),
        key(
            "use",
            Shape::Either(&[Shape::Value, Shape::Table(&ENDPOINT)]),
        ),
        value("mode"),
        key(
            "keys",
            Shape::Either(&[
                Shape::Secret,
                Shape::List(&Shape::Either(&[
                    Shape::Secret,
                    Shape::Table(&PROVIDER_KEY),
                ])),
                Shape::NamesOf(&KEYS),
            ]),
        ),
    ],
};

static WHEN: Section = Section {
    place: "in `when` of a route",
    keys: &[
        key("model", VALUES),
        key("model_contains", VALUES),
        key("header", Shape::NamesOf(&VALUES)),
        key("client_key", VALUES),
        key("format", VALUES),
        value("tokens_over"),
        value("tokens_under"),
        value("tools"),
        value("images"),
        value("stream"),
        key("body", Shape::NamesOf(&VALUES)),
    ],
};

static LOG: Section = Section {
    place: "in `log`",
    keys: &[
        value("format"),
        value("file"),
        value("requests"),
        later("bodies"),
        table("retention", &RETENTION),
    ],
};

static RETENTION: Section = Section {
    place: "in `retention`",
    keys: &[value("days"), value("size")],
};

static CORS: Section = Section {
    place: "in `cors`",
    keys: &[list("origins", &Shape::Value)],
};

static CLIENT_KEY: Section = Section {
    place: "in a client key",
    keys: &[
        value("name"),
        key("value", Shape::Secret),
        list("models", &Shape::Value),
        value("expires"),
        table("limits", &ALLOWANCE),
        value("tenant"),
        value("enabled"),
    ],
};

static TENANT: Section = Section {
    place: "in a tenant",
    keys: &[value("name"), table("limits", &ALLOWANCE), value("enabled")],
};

static ALLOWANCE: Section = Section {
    place: "in `limits` of a client key or tenant",
    keys: &[
        value("rpm"),
        value("tpm"),
        value("concurrency"),
        table("quota", &QUOTA),
        table("budget", &BUDGET),
    ],
};

static BUDGET: Section = Section {
    place: "in `budget`",
    keys: &[value("usd"), value("reset"), value("time_zone")],
};

static PRICE: Section = Section {
    place: "in a price",
    keys: &[
        value("input"),
        value("cached"),
        value("cache_write"),
        value("output"),
        value("reasoning"),
        key("audio", AUDIO),
        table("long", &LONG_PRICE),
    ],
};

static LONG_PRICE: Section = Section {
    place: "in `long` of a price",
    keys: &[
        value("over"),
        value("input"),
        value("cached"),
        value("cache_write"),
        value("output"),
        value("reasoning"),
        key("audio", AUDIO),
    ],
};

/// One rate for both ways, or one each.
const AUDIO: Shape = Shape::Either(&[Shape::Value, Shape::Table(&AUDIO_PRICE)]);

static AUDIO_PRICE: Section = Section {
    place: "in `audio` of a price",
    keys: &[value("input"), value("output")],
};

/// What other gateways call it.
pub(super) const SYNONYMS: &[(&str, &str)] = &[
    ("api_key", "keys"),
    ("api_keys", "keys"),
    ("apikey", "keys"),
    ("key", "keys"),
    ("url", "base_url"),
    ("api_base", "base_url"),
    ("endpoint", "base_url"),
    ("type", "format"),
    ("kind", "format"),
    ("protocol", "format"),
    ("upstream", "provider"),
    ("alias", "aliases"),
    ("strategy", "balance"),
    ("fallback", "fallbacks"),
    ("timeout", "timeouts"),
    ("custom_headers", "headers"),
    ("expires_at", "expires"),
    ("stream_support", "streaming"),
    ("non_stream_support", "non_streaming"),
    ("max_context_length", "max_context"),
    ("address", "addr"),
    ("token", "value"),
    ("max_retries", "retries"),
    ("rate_limit", "quota"),
    ("requests_per_period", "requests"),
    ("tokens_per_period", "tokens"),
    ("period_cron", "reset"),
    ("cron", "reset"),
    ("timezone", "time_zone"),
    ("requests_per_minute", "rpm"),
    ("tokens_per_minute", "tpm"),
    ("rpm_limit", "rpm"),
    ("tpm_limit", "tpm"),
    ("max_parallel_requests", "concurrency"),
    ("parallel", "concurrency"),
    ("max_budget", "budget"),
    ("team", "tenant"),
    ("cache_read", "cached"),
];

impl Section {
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}

/// The sections in which a key of this name may stand, outermost first.
pub(super) fn homes(name: &str) -> Vec<&'static str> {
    let mut homes = Vec::new();
    each_section(&GATEWAY, &mut |section| {
        let built = section
            .key(name)
            .is_some_and(|key| !matches!(key.shape, Shape::Later));
        if built && !homes.contains(&section.place) {
            homes.push(section.place);
        }
    });
    homes
}

fn each_section(section: &'static Section, visit: &mut dyn FnMut(&'static Section)) {
    visit(section);
    for key in section.keys {
        each_shape(key.shape, visit);
    }
}

fn each_shape(shape: Shape, visit: &mut dyn FnMut(&'static Section)) {
    match shape {
        Shape::Table(section) => each_section(section, visit),
        Shape::List(of) | Shape::PerFormat(of) | Shape::NamesOf(of) => each_shape(*of, visit),
        Shape::Either(shapes) => shapes.iter().for_each(|shape| each_shape(*shape, visit)),
        Shape::Value
        | Shape::Secret
        | Shape::Names
        | Shape::Any
        | Shape::Later
        | Shape::Pingora(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::pingora::TOP;
    use super::*;
    use crate::config::file::Node;
    use crate::config::text::Text;
    use crate::config::yaml;

    /// Strikes the keys that stand in a tree off the list of all.
    fn strike(node: &Node, shape: Shape, missing: &mut Vec<(&'static str, &'static str)>) {
        match shape {
            Shape::Table(section) => {
                for entry in node.entries() {
                    let key = section.key(&entry.key.text).unwrap();
                    missing.retain(|known| *known != (section.place, key.name));
                    strike(&entry.node, key.shape, missing);
                }
            }
            Shape::List(of) => node
                .items()
                .iter()
                .for_each(|item| strike(item, *of, missing)),
            Shape::PerFormat(of) if super::super::shape::is_per_format(node) => {
                node.entries()
                    .iter()
                    .for_each(|entry| strike(&entry.node, *of, missing));
            }
            Shape::PerFormat(of) => strike(node, *of, missing),
            Shape::Either(shapes) => shapes
                .iter()
                .for_each(|shape| strike(node, *shape, missing)),
            Shape::NamesOf(of) => node
                .entries()
                .iter()
                .for_each(|entry| strike(&entry.node, *of, missing)),
            _ => {}
        }
    }

    #[test]
    fn the_full_example_shows_every_key() {
        let example = include_str!("../../../conf/full.yaml");
        let (root, _) = yaml::parse(&Text::new("full.yaml", example));
        let mut missing = Vec::new();
        each_section(&TOP, &mut |section| {
            missing.extend(section.keys.iter().map(|key| (section.place, key.name)))
        });
        strike(&root.unwrap(), Shape::Table(&TOP), &mut missing);
        // What cannot be shown in place is shown in comments: keys that are not built yet, and what needs files.
        let comments: Vec<&str> = example
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("# "))
            .collect();
        missing.retain(|(_, name)| {
            !comments
                .iter()
                .any(|line| line.contains(&format!("{name}:")))
        });
        missing.retain(|(_, name)| *name != "s2n_config_cache_size");
        assert!(missing.is_empty(), "not in conf/full.yaml: {missing:?}");
    }

    #[test]
    fn every_synonym_leads_to_a_key() {
        for (other, ours) in SYNONYMS {
            assert!(!homes(ours).is_empty(), "{other} -> {ours}");
        }
    }
}
