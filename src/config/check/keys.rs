//! Every key of a configuration file, as data: what may stand where.
//!
//! The shapes are checked against the tree before anything is read (`shape`), the readers only look at values,
//! and the test of the full example walks the same tables, so that no key can go undocumented.

use super::section::{Key, Section, Shape, key, list, table, value};

/// Under `gateway:`.
pub(crate) static GATEWAY: Section = Section {
    place: "in `gateway`",
    keys: &[
        list(
            "listen",
            &Shape::Either(&[Shape::Value, Shape::Table(&LISTEN)]),
        ),
        table("admin", &ADMIN),
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

static ADMIN: Section = Section {
    place: "in `admin`",
    keys: &[key(
        "listen",
        Shape::Either(&[Shape::Value, Shape::Table(&LISTEN)]),
    )],
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
        key("headers", Shape::Headers),
        list("expose", &Shape::Value),
        list("models", &Shape::Value),
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
    keys: &[value("header"), key("format", Shape::Scheme)],
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
        key(
            "bodies",
            Shape::Either(&[Shape::Value, Shape::Table(&BODIES)]),
        ),
        table("retention", &RETENTION),
    ],
};

static BODIES: Section = Section {
    place: "in `bodies`",
    keys: &[value("enabled"), value("max")],
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
        key("hash", Shape::Guarded),
        key("masked", Shape::Guarded),
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
