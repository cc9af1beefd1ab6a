//! The configuration as meant: it cannot be invalid. Names are resolved to indexes, inherited settings are filled in,
//! secrets are read, durations are `Duration`s, sizes are bytes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use crate::config::calendar::Calendar;
use crate::config::prices::Prices;
use crate::config::routes::Route;
use crate::config::secret::{KeyHash, Secret};
use crate::ir::{Format, Traits};

/// Everything under `gateway:`.
#[derive(Debug, Clone)]
pub struct Gateway {
    pub listen: Vec<Listen>,
    pub auth: AuthMode,
    /// `ADMIN_KEY` of the environment: opens the data plane as well (S2).
    pub admin_key: Option<Secret>,
    /// Seals the secrets that the database keeps, where the environment has it: `TIDEGATE_SECRET_KEY`.
    pub secret_key: Option<Secret>,
    /// `ADMIN_PASSWORD` of the environment: of the account `admin`.
    pub admin_password: Option<Secret>,
    /// Where the admin side alone listens. `None`: where everything does.
    pub admin_listen: Option<Listen>,
    pub trusted_proxies: Vec<IpNet>,
    pub limits: Limits,
    /// Whether `x-tidegate-route` is sent.
    pub debug_headers: bool,
    /// A loss in conversion is a 400.
    pub strict: bool,
    /// The model's name in answers.
    pub reply_model: ReplyModel,
    /// How often a waiting stream client is pinged. `None`: never.
    pub ping: Option<Duration>,
    /// `cors.origins`: exact origins, or `*`.
    pub cors_origins: Vec<String>,
    pub log: Log,
    pub providers: Vec<Provider>,
    pub models: Vec<Model>,
    /// In their order: the first that a request meets decides.
    pub routes: Vec<Route>,
    /// Index into `models`.
    pub default_model: Option<usize>,
    /// Index into `providers`.
    pub preferred_provider: Option<usize>,
    pub client_keys: Vec<ClientKey>,
    pub tenants: Vec<Tenant>,
    pub prices: Prices,
    /// Absolute directory of what is kept over restarts.
    pub data: PathBuf,
    pub database: Database,
    /// The file or the environment says which; else it is the one in `data`.
    pub database_told: bool,
    /// Index into `providers`: the demo vendor, where nobody has declared it.
    pub demo: Option<usize>,
    pub awaits: Awaits,
}

/// What nobody knows yet, because the database has not been read since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awaits {
    Nothing,
    /// Which client keys there are besides the file's.
    Keys,
    /// That, and which providers and models: what would be there without any must not answer in their place.
    Objects,
}

/// Where finished requests and their statistics are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// An absolute path.
    Sqlite(PathBuf),
    /// `postgres://…`, which may hold a password.
    Postgres(Secret),
}

/// Which name of the model an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyModel {
    /// The one that answered, as the vendor says it.
    Answered,
    /// The one that the client asked for.
    Requested,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// `host:port`, as Pingora takes it.
    pub addr: SocketAddr,
    pub tls: Option<TlsFiles>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    pub cert: PathBuf,
    pub key: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthMode {
    Auto,
    Keys,
    Open,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one request body, after decompression too.
    pub max_body: usize,
    /// Bytes of all request bodies that are held at once.
    pub max_body_in_flight: usize,
    /// From the end of the head to the end of the body.
    pub body_read: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    /// `None`: standard error.
    pub file: Option<PathBuf>,
    /// Whether every request gets an access line.
    pub requests: bool,
    /// So many bytes of every request's and every answer's body are kept. `None`: none are.
    pub bodies: Option<usize>,
    pub retention: Retention,
}

/// How long the rows of finished requests are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    pub days: u32,
    /// Bytes of all rows together. `None`: no limit.
    pub size: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Text,
    Json,
}

/// A vendor account.
#[derive(Debug, Clone)]
pub struct Provider {
    pub name: String,
    /// What it speaks, and where and how for each format. Never empty, no format twice.
    pub offers: Vec<Offer>,
    pub keys: Keys,
    /// Added to every request, over what we would send.
    pub headers: Vec<(String, String)>,
    /// Real model names that clients may use: spelled out, or globs.
    pub expose: Vec<Glob>,
    pub health: Option<ActiveHealth>,
    pub capabilities: Capabilities,
    pub tls: ProviderTls,
    pub enabled: bool,
    /// Another with a route's own keys: no name leads to it.
    pub of_route: bool,
    /// For endpoints that stand in no `models:` entry (real names).
    pub policy: Policy,
}

/// One format of a provider.
#[derive(Debug, Clone)]
pub struct Offer {
    pub format: Format,
    pub base: BaseUrl,
    pub auth: AuthHeader,
    /// What the vendor can do and how it wants it said.
    pub traits: Traits,
}

/// A vendor's base URL, taken apart. The path carries the version and never ends in a slash: `/v1`, `/api/v1beta/openai`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BaseUrl {
    pub tls: bool,
    /// A DNS name, an IPv4 address or an IPv6 address without brackets. Never empty.
    pub host: String,
    pub port: u16,
    pub path: String,
}

impl BaseUrl {
    /// `host[:port]` for `Host` and `:authority`; the port is left out where it is the scheme's own.
    pub fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        let usual = if self.tls { 443 } else { 80 };
        if self.port == usual {
            host
        } else {
            format!("{host}:{}", self.port)
        }
    }
}

/// How a key is presented: `{ header: Authorization, format: "Bearer {key}" }`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthHeader {
    pub header: String,
    /// Before and after the key.
    pub prefix: String,
    pub suffix: String,
}

#[derive(Debug, Clone)]
pub enum Keys {
    /// At least one; a vendor that asks for none has a single key with no value.
    Own(Vec<ProviderKey>),
    /// The client's own credential is sent on.
    Passthrough,
}

impl Keys {
    /// None with `passthrough`.
    pub fn own(&self) -> &[ProviderKey] {
        match self {
            Keys::Own(keys) => keys,
            Keys::Passthrough => &[],
        }
    }
}

#[derive(Debug, Clone)]
pub struct ProviderKey {
    /// `None`: no credential header is sent.
    pub value: Option<Secret>,
    pub weight: u32,
    pub enabled: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveHealth {
    /// Asked with GET, below the base URL's path.
    pub path: String,
    pub every: Duration,
}

/// What a provider's models can take. Requests that need what is `false` skip its endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    pub tools: bool,
    pub images: bool,
    /// Whether a trailing assistant turn is taken.
    pub prefill: bool,
    /// The file says so itself: a partial answer is gone on with (`resume: prefill`).
    pub continues: bool,
}

/// How a provider is reached over TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderTls {
    /// PEM bundle that replaces the system's roots for this provider.
    pub ca: Option<PathBuf>,
    /// Name for SNI and verification; the base URL's host by default.
    pub server_name: Option<String>,
    pub http: HttpVersions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HttpVersions {
    /// HTTP/2 where ALPN grants it, else HTTP/1.1. Without TLS: HTTP/1.1.
    Auto,
    Http1,
    /// HTTP/2 only; without TLS with prior knowledge.
    Http2,
}

/// A virtual model: the name clients ask for, and its pool of endpoints.
#[derive(Debug, Clone)]
pub struct Model {
    pub name: String,
    pub aliases: Vec<Glob>,
    pub balance: Balance,
    pub sticky: bool,
    pub resume: Resume,
    pub hedge: Option<Hedge>,
    /// Nothing is converted: only endpoints of the client's own format serve it (S1's `mode: direct`).
    pub direct: bool,
    /// Weight of each provider for the outer round robin, by provider index; 1 where absent.
    pub provider_weights: Vec<(usize, u32)>,
    /// Other virtual models, by index, tried after the last tier. Never leads back to itself.
    pub fallbacks: Vec<usize>,
    pub endpoints: Vec<Endpoint>,
    pub enabled: bool,
    /// Bounds of a whole request: `retry.max_attempts`, `retry.patience`, `retry.budget`, `timeouts.total`.
    pub policy: Policy,
    /// Made by us (`haiku`, `sonnet`, `opus`), not declared in the file.
    pub built_in: bool,
    /// The pool of a route alone: no name leads to it.
    pub of_route: bool,
}

/// What becomes of an answer that breaks off when the client has seen some of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Resume {
    /// An error.
    #[default]
    Off,
    /// Another endpoint goes on from the partial answer; one that cannot is asked anew.
    Prefill,
    /// Another endpoint is asked anew, and only what goes beyond is passed on.
    Restart,
}

/// A second endpoint is asked when the first token is late.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hedge {
    pub after: Duration,
    /// Hedges as a share of the requests of the last 10 s.
    pub budget: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Balance {
    /// Over providers by `provider_weights`, then over a provider's endpoints by `weight`.
    RoundRobin,
    /// Over endpoints by `weight`.
    Weighted,
    LeastBusy,
    Fastest,
}

/// One upstream model at one provider.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Index into `providers`.
    pub provider: usize,
    /// The name sent upstream; [`PASSED`]: the one that was asked for.
    pub model: String,
    /// Smaller is preferred.
    pub priority: u32,
    /// At least 1.
    pub weight: u32,
    /// Tokens; `None`: undeclared, every request is assumed to fit.
    pub max_context: Option<u64>,
    pub streaming: bool,
    pub non_streaming: bool,
    /// How much of it may be used until it is reset. `None`: no limit.
    pub quota: Option<Quota>,
    /// What is said of every conversation that goes there, in their order.
    pub set: Arc<[Setting]>,
    pub enabled: bool,
    /// With everything inherited filled in.
    pub policy: Policy,
}

/// In place of an endpoint's model: the name that was asked for goes on as it is.
pub const PASSED: &str = "*";

/// What may be used of an endpoint, or by a client, from one reset to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// At least 1; `None`: no limit.
    pub requests: Option<u64>,
    pub tokens: Option<u64>,
    /// Billionths of a USD. Never of an endpoint.
    pub nano_usd: Option<u64>,
    pub calendar: Calendar,
}

/// A value of requests that an endpoint's configuration decides, in the words of the provider's format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The names of the members that lead there.
    pub path: Vec<String>,
    /// JSON; `None`: it is left out.
    pub value: Option<String>,
}

/// What may stand at gateway, provider, model or endpoint; the innermost wins, setting by setting.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    pub timeouts: Timeouts,
    pub retry: Retry,
    pub cooldown: Cooldown,
    pub breaker: Breaker,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    pub connect: Duration,
    /// Of streams: from the request sent to the first content.
    pub first_token: Duration,
    /// Of non-streams: the whole answer.
    pub response: Duration,
    /// Between two events of a stream.
    pub idle: Duration,
    /// All attempts together, until content.
    pub total: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retry {
    /// Same-endpoint retries after the first try.
    pub retries: u32,
    /// Backoff: `base` doubles up to `max`.
    pub base: Duration,
    pub max: Duration,
    /// All attempts of a request, on any endpoint.
    pub max_attempts: u32,
    /// The longest wait for a cooling endpoint or key.
    pub patience: Duration,
    /// Same-endpoint retries as a share of the virtual model's requests of the last 10 s, 0.0 to 1.0.
    pub budget: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cooldown {
    pub base: Duration,
    pub max: Duration,
    pub probe_after: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// Requests in a row that must fail.
    pub failures: u32,
    pub open_for: Duration,
}

/// What a client authenticates with.
#[derive(Debug, Clone)]
pub struct ClientKey {
    pub name: String,
    /// Of its value, which is not kept.
    pub hash: KeyHash,
    /// How it is shown: `tg-…wxyz`.
    pub masked: String,
    /// Virtual models and exposed names it may call. `None`: all.
    pub models: Option<Vec<Glob>>,
    /// Seconds since the Unix epoch.
    pub expires: Option<u64>,
    pub allowance: Allowance,
    /// Index into `tenants`.
    pub tenant: Option<usize>,
    pub enabled: bool,
}

/// Whose keys share limits, and are switched off together.
#[derive(Debug, Clone)]
pub struct Tenant {
    pub name: String,
    pub allowance: Allowance,
    pub enabled: bool,
}

/// What a client key or a tenant may use. `None`: no limit; all are at least 1.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Allowance {
    /// Requests and tokens within any 60 s.
    pub rpm: Option<u64>,
    pub tpm: Option<u64>,
    /// Requests at once.
    pub concurrency: Option<u64>,
    /// Requests and tokens from one reset to the next.
    pub quota: Option<Arc<Quota>>,
    /// Money from one reset to the next: its `nano_usd` alone is set.
    pub budget: Option<Arc<Quota>>,
}

impl Allowance {
    pub fn is_unlimited(&self) -> bool {
        *self == Allowance::default()
    }
}

/// A name pattern: `*` stands for any run of characters, everything else for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    pattern: String,
}

impl Gateway {
    /// The providers that were declared.
    pub fn declared_providers(&self) -> impl Iterator<Item = &Provider> {
        self.providers.iter().filter(|provider| !provider.of_route)
    }

    /// The virtual models: those that clients can ask for.
    pub fn virtual_models(&self) -> impl Iterator<Item = &Model> {
        self.models.iter().filter(|model| !model.of_route)
    }
}

impl Glob {
    pub fn new(pattern: impl Into<String>) -> Glob {
        Glob {
            pattern: pattern.into(),
        }
    }

    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// Whether the pattern is a plain name.
    pub fn is_literal(&self) -> bool {
        !self.pattern.contains('*')
    }

    /// Characters that are not `*`: the longer, the more specific.
    pub fn literal_len(&self) -> usize {
        self.pattern.chars().filter(|c| *c != '*').count()
    }

    pub fn matches(&self, name: &str) -> bool {
        let mut parts = self.pattern.split('*');
        let Some(mut rest) = parts.next().and_then(|head| name.strip_prefix(head)) else {
            return false;
        };
        if self.is_literal() {
            return rest.is_empty();
        }
        let mut parts = parts.peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return rest.ends_with(part);
            }
            let Some(at) = rest.find(part) else {
                return false;
            };
            rest = rest.get(at + part.len()..).unwrap_or("");
        }
        true
    }
}
