//! Who may call: client keys, the admin key, and what `auto` makes of a caller without one.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use http::header::{AUTHORIZATION, HeaderName};
use ipnet::IpNet;
use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::clock;
use crate::config::{AuthMode, Awaits, Gateway, Glob, Secret};
use crate::proxy::loopback::is_direct_loopback;
use crate::proxy::paths::percent_decoded;

static OWN_KEY: HeaderName = HeaderName::from_static("x-tidegate-key");
static API_KEY: HeaderName = HeaderName::from_static("x-api-key");
static GOOG_API_KEY: HeaderName = HeaderName::from_static("x-goog-api-key");

/// What a request says of its sender.
#[derive(Clone, Copy)]
pub struct Caller<'a> {
    pub headers: &'a HeaderMap,
    pub query: Option<&'a str>,
    /// The peer of the connection.
    pub peer: Option<IpAddr>,
    /// The host that was asked for where the request line says it: HTTP/2's `:authority`, or an absolute target.
    pub authority: Option<&'a str>,
}

/// A caller that was let in, and by what.
#[derive(Debug, Clone)]
pub struct Admitted {
    pub who: Who,
    /// The header whose credential opened the door: it is ours, and goes to no vendor.
    pub by: Option<HeaderName>,
}

impl From<Who> for Admitted {
    fn from(who: Who) -> Admitted {
        Admitted { who, by: None }
    }
}

/// A caller that was let in.
#[derive(Debug, Clone)]
pub enum Who {
    /// By this client key.
    Key(Arc<Known>),
    /// By the admin key of the environment.
    Admin,
    /// Nobody was asked.
    Anyone,
}

impl Who {
    pub fn name(&self) -> Option<Arc<str>> {
        match self {
            Who::Key(key) => Some(key.name.clone()),
            Who::Admin => Some("admin".into()),
            Who::Anyone => None,
        }
    }

    pub fn tenant(&self) -> Option<Arc<str>> {
        match self {
            Who::Key(key) => key.tenant.clone(),
            Who::Admin | Who::Anyone => None,
        }
    }

    /// Which models this caller may use. `None`: all.
    pub fn models(&self) -> Option<&[Glob]> {
        match self {
            Who::Key(key) => key.models.as_deref(),
            Who::Admin | Who::Anyone => None,
        }
    }

    pub fn may_use(&self, model: &str) -> bool {
        self.models()
            .is_none_or(|globs| globs.iter().any(|glob| glob.matches(model)))
    }
}

/// A client key as it is kept: its value only as a hash.
#[derive(Debug)]
pub struct Known {
    pub name: Arc<str>,
    hash: KeyDigest,
    /// Which of the configuration's client keys it is.
    pub index: usize,
    pub tenant: Option<Arc<str>>,
    /// Its own, or its tenant's.
    pub has_budget: bool,
    tenant_enabled: bool,
    models: Option<Vec<Glob>>,
    expires: Option<u64>,
    enabled: bool,
}

impl Known {
    fn may_enter(&self) -> Result<(), Denied> {
        if !self.enabled {
            Err(Denied::Disabled)
        } else if !self.tenant_enabled {
            Err(Denied::TenantDisabled)
        } else if self.expires.is_some_and(|at| at <= clock::wall().as_secs()) {
            Err(Denied::Expired)
        } else {
            Ok(())
        }
    }
}

/// Why a caller was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error(
        "no API key was sent; send a client key as `Authorization: Bearer`, `x-api-key` or `x-goog-api-key`"
    )]
    NoKey,
    #[error("this API key is not known here")]
    UnknownKey,
    #[error("this API key has expired")]
    Expired,
    #[error("this API key is disabled")]
    Disabled,
    #[error("the tenant of this API key is disabled")]
    TenantDisabled,
    #[error(
        "no client key exists yet, so only direct callers from this machine are served; \
         add one under `client_keys` in the configuration, or set ADMIN_KEY, and send it as `Authorization: Bearer`"
    )]
    LoopbackOnly,
    #[error(
        "the database, which may know this caller, has not been read since the gateway has started; try again in a moment"
    )]
    NotYet,
}

/// The rules, made from the configuration.
#[derive(Debug)]
pub struct Access {
    mode: AuthMode,
    /// There may be more keys than these.
    awaits: bool,
    /// By the first eight bytes of the hash; the rest is compared in constant time.
    keys: FxHashMap<u64, Vec<Arc<Known>>>,
    admin: Option<KeyDigest>,
    trusted_proxies: Vec<IpNet>,
}

impl Access {
    pub fn new(gateway: &Gateway) -> Access {
        let mut keys: FxHashMap<u64, Vec<Arc<Known>>> = FxHashMap::default();
        for (index, key) in gateway.client_keys.iter().enumerate() {
            let tenant = key.tenant.and_then(|tenant| gateway.tenants.get(tenant));
            let budget = tenant.and_then(|tenant| tenant.allowance.budget.as_ref());
            let hash = words(key.hash.bytes());
            keys.entry(bucket(&hash)).or_default().push(Arc::new(Known {
                name: key.name.as_str().into(),
                index,
                tenant: tenant.map(|tenant| tenant.name.as_str().into()),
                has_budget: budget.is_some() || key.allowance.budget.is_some(),
                tenant_enabled: tenant.is_none_or(|tenant| tenant.enabled),
                hash,
                models: key.models.clone(),
                expires: key.expires,
                enabled: key.enabled,
            }));
        }
        Access {
            mode: gateway.auth,
            awaits: gateway.awaits != Awaits::Nothing,
            keys,
            admin: gateway.admin_key.as_ref().map(Secret::reveal).map(digest),
            trusted_proxies: gateway.trusted_proxies.clone(),
        }
    }

    /// Lets a caller in, or says why not. A key of ours is noticed also where none is needed, so that it goes to no vendor.
    ///
    /// # Errors
    /// [`Denied`], with a text for the caller.
    pub fn admit(&self, caller: Caller<'_>) -> Result<Admitted, Denied> {
        match self.mode {
            AuthMode::Keys => self.by_key(caller).map_err(|denied| match denied {
                Denied::UnknownKey if self.awaits => Denied::NotYet,
                denied => denied,
            }),
            // Whether anybody is asked depends on what is not known yet.
            AuthMode::Auto if self.awaits => self.by_key(caller).map_err(|denied| match denied {
                Denied::NoKey | Denied::UnknownKey => Denied::NotYet,
                denied => denied,
            }),
            AuthMode::Auto if !self.keys.is_empty() => self.by_key(caller),
            // Nobody is asked, but our own keys are known where they are presented.
            AuthMode::Open => Ok(self.by_key(caller).unwrap_or(Who::Anyone.into())),
            AuthMode::Auto => match self.by_key(caller) {
                Ok(admitted) => Ok(admitted),
                Err(_) if is_direct_loopback(caller) => Ok(Who::Anyone.into()),
                Err(_) => Err(Denied::LoopbackOnly),
            },
        }
    }

    /// Lets the owner of a client key in, for whoever wants to know what would become of its request.
    ///
    /// # Errors
    /// [`Denied`], as to one who presents it.
    pub fn admit_named(&self, name: &str) -> Result<Admitted, Denied> {
        let mut all = self.keys.values().flatten();
        let key = all.find(|key| &*key.name == name);
        let key = key.ok_or(Denied::UnknownKey)?;
        key.may_enter()?;
        Ok(Who::Key(key.clone()).into())
    }

    /// Whether a caller may see what is the operator's alone (metrics): the admin key, or a direct loopback caller.
    pub fn admit_operator(&self, caller: Caller<'_>) -> bool {
        let is_admin = |value: &str| {
            self.admin
                .is_some_and(|admin| bool::from(digest(value).ct_eq(&admin)))
        };
        credentials(caller).any(|(_, value)| is_admin(&value)) || is_direct_loopback(caller)
    }

    /// The caller's own address: the peer's, or what trusted proxies say it is (the last address in
    /// `X-Forwarded-For` that is not a trusted proxy itself).
    pub fn client_address(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> Option<IpAddr> {
        let mut address = peer?;
        if !self.trusts(address) {
            return Some(address);
        }
        let lines = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|line| line.to_str().ok());
        let hops: Vec<&str> = lines
            .flat_map(|line| line.split(','))
            .map(str::trim)
            .collect();
        for hop in hops.iter().rev() {
            let Ok(hop) = hop.parse::<IpAddr>() else {
                break;
            };
            address = hop;
            if !self.trusts(address) {
                break;
            }
        }
        Some(address)
    }

    /// Whether a trusted proxy says that the client's own connection is encrypted.
    pub fn forwarded_over_tls(&self, headers: &HeaderMap, peer: Option<IpAddr>) -> bool {
        let says = headers.get("x-forwarded-proto");
        peer.is_some_and(|peer| self.trusts(peer)) && says.is_some_and(|scheme| scheme == "https")
    }

    fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.trusted_proxies
            .iter()
            .any(|net| net.contains(&address))
    }

    fn by_key(&self, caller: Caller<'_>) -> Result<Admitted, Denied> {
        let mut denied = Denied::NoKey;
        if self.keys.is_empty() && self.admin.is_none() {
            return Err(match credentials(caller).next() {
                Some(_) => Denied::UnknownKey,
                None => Denied::NoKey,
            });
        }
        for (by, value) in credentials(caller) {
            let hash = digest(&value);
            let admitted = |who| {
                Ok(Admitted {
                    who,
                    by: by.cloned(),
                })
            };
            if self
                .admin
                .is_some_and(|admin| bool::from(hash.ct_eq(&admin)))
            {
                return admitted(Who::Admin);
            }
            let found = self.keys.get(&bucket(&hash)).into_iter().flatten();
            match found
                .into_iter()
                .find(|key| bool::from(key.hash.ct_eq(&hash)))
            {
                None if denied == Denied::NoKey => denied = Denied::UnknownKey,
                None => {}
                Some(key) => match key.may_enter() {
                    Err(why) => denied = why,
                    Ok(()) => return admitted(Who::Key(key.clone())),
                },
            }
        }
        Err(denied)
    }
}

/// SHA-256, in words: compared in constant time, these take an eighth of what bytes do.
type KeyDigest = [u64; 4];

fn digest(value: &str) -> KeyDigest {
    words(&Sha256::digest(value.as_bytes()).into())
}

fn words(hash: &[u8; 32]) -> KeyDigest {
    let (words, _) = hash.as_chunks::<8>();
    std::array::from_fn(|at| words.get(at).map_or(0, |word| u64::from_le_bytes(*word)))
}

fn bucket(hash: &KeyDigest) -> u64 {
    let [first, ..] = hash;
    *first
}

/// What a request presents for credentials: never to be stored.
pub(super) fn presented(caller: Caller<'_>) -> Vec<String> {
    // Where `x-tidegate-key` is sent, the others are its sender's own with a vendor.
    let names = [&OWN_KEY, &AUTHORIZATION, &API_KEY, &GOOG_API_KEY];
    let headers = names.iter().filter_map(|name| caller.headers.get(*name));
    let headers = headers.filter_map(|value| Some(bare_credential(value.to_str().ok()?)));
    let asked = caller.query.and_then(key_of_query);
    let headers = headers.map(Cow::Borrowed);
    headers.chain(asked).map(Cow::into_owned).collect()
}

/// Every credential that a request presents, in each habit, with the header that carries it (`None`: the query).
/// `x-tidegate-key` alone counts where it is sent: the other headers then carry the caller's own vendor credential.
fn credentials<'a>(
    caller: Caller<'a>,
) -> impl Iterator<Item = (Option<&'static HeaderName>, Cow<'a, str>)> {
    let text = |name: &'static HeaderName| {
        let value = caller.headers.get(name)?.to_str().ok()?;
        Some((Some(name), Cow::Borrowed(bare_credential(value))))
    };
    let own = text(&OWN_KEY);
    let rest = own.is_none();
    let others = [&AUTHORIZATION, &API_KEY, &GOOG_API_KEY]
        .into_iter()
        .filter_map(text);
    let asked = caller
        .query
        .and_then(key_of_query)
        .map(|value| (None, value));
    own.into_iter()
        .chain(others.chain(asked).filter(move |_| rest))
        .filter(|(_, value)| !value.is_empty())
}

/// The value of `key` in a query.
fn key_of_query(query: &str) -> Option<Cow<'_, str>> {
    query.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        is_key(name).then(|| percent_decoded(value))
    })
}

/// Whether a query's parameter of this name, as written, carries a credential.
pub fn is_key(name: &str) -> bool {
    percent_decoded(name) == "key"
}

/// A credential without its scheme.
pub fn bare_credential(value: &str) -> &str {
    match value.split_once(' ') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("bearer") => rest.trim(),
        _ => value.trim(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(
                http::HeaderName::try_from(*name).unwrap(),
                value.parse().unwrap(),
            );
        }
        map
    }

    fn access(mode: AuthMode, keys: &[(&str, bool, Option<u64>)]) -> Access {
        let mut access = Access {
            awaits: false,
            mode,
            keys: FxHashMap::default(),
            admin: None,
            trusted_proxies: Vec::new(),
        };
        for (value, enabled, expires) in keys {
            let hash = digest(value);
            access
                .keys
                .entry(bucket(&hash))
                .or_default()
                .push(Arc::new(Known {
                    name: "k".into(),
                    index: 0,
                    tenant: None,
                    has_budget: false,
                    tenant_enabled: true,
                    hash,
                    models: None,
                    expires: *expires,
                    enabled: *enabled,
                }));
        }
        access
    }

    fn caller<'a>(
        headers: &'a HeaderMap,
        query: Option<&'a str>,
        peer: Option<IpAddr>,
    ) -> Caller<'a> {
        Caller {
            headers,
            query,
            peer,
            authority: None,
        }
    }

    const HERE: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST));

    #[test]
    fn a_key_is_taken_in_each_habit() {
        let access = access(AuthMode::Keys, &[("tg-1", true, None)]);
        for (name, value) in [
            ("authorization", "Bearer tg-1"),
            ("authorization", "bearer  tg-1"),
            ("x-api-key", "tg-1"),
            ("x-goog-api-key", "tg-1"),
            ("x-tidegate-key", "tg-1"),
        ] {
            assert!(
                access
                    .admit(caller(&headers(&[(name, value)]), None, None))
                    .is_ok(),
                "{name}"
            );
        }
        assert!(
            access
                .admit(caller(&headers(&[]), Some("alt=sse&%6Bey=tg%2D1"), None))
                .is_ok()
        );
        assert_eq!(
            access.admit(caller(&headers(&[]), None, None)).unwrap_err(),
            Denied::NoKey
        );
        assert_eq!(
            access
                .admit(caller(&headers(&[("x-api-key", "tg-2")]), None, None))
                .unwrap_err(),
            Denied::UnknownKey
        );
    }

    #[test]
    fn an_expired_or_disabled_key_says_so() {
        let access = access(
            AuthMode::Keys,
            &[("old", true, Some(1)), ("off", false, None)],
        );
        assert_eq!(
            access
                .admit(caller(&headers(&[("x-api-key", "old")]), None, None))
                .unwrap_err(),
            Denied::Expired
        );
        assert_eq!(
            access
                .admit(caller(&headers(&[("x-api-key", "off")]), None, None))
                .unwrap_err(),
            Denied::Disabled
        );
    }

    #[test]
    fn the_gateways_own_header_leaves_the_others_to_the_vendor() {
        let access = access(AuthMode::Keys, &[("tg-1", true, None)]);
        let both = headers(&[
            ("x-tidegate-key", "wrong"),
            ("authorization", "Bearer tg-1"),
        ]);
        assert_eq!(
            access.admit(caller(&both, None, None)).unwrap_err(),
            Denied::UnknownKey
        );
    }

    #[test]
    fn auto_without_keys_serves_only_direct_loopback_callers() {
        let access = access(AuthMode::Auto, &[]);
        let admit = |pairs: &[(&str, &str)], peer| {
            access.admit(caller(&headers(pairs), None, peer)).is_ok()
        };
        assert!(admit(
            &[("host", "localhost:8899"), ("x-api-key", "any")],
            HERE
        ));
        assert!(admit(
            &[("host", "[::1]:8899")],
            Some("::1".parse().unwrap())
        ));
        assert!(admit(
            &[("host", "127.0.0.1"), ("origin", "http://localhost:3000")],
            HERE
        ));
        assert!(!admit(
            &[("host", "localhost")],
            Some("10.0.0.9".parse().unwrap())
        ));
        assert!(
            !admit(&[("host", "gateway.example.com")], HERE),
            "DNS rebinding"
        );
        assert!(!admit(
            &[("host", "localhost"), ("origin", "https://evil.example")],
            HERE
        ));
        assert!(!admit(&[("host", "localhost"), ("origin", "null")], HERE));
        assert!(!admit(
            &[("host", "localhost"), ("x-forwarded-for", "1.2.3.4")],
            HERE
        ));
        assert!(!admit(&[], HERE), "who names no host may mean any");
        let none = HeaderMap::new();
        for (authority, served) in [("localhost:8899", true), ("evil.example", false)] {
            let caller = Caller {
                authority: Some(authority),
                ..caller(&none, None, HERE)
            };
            assert_eq!(access.admit(caller).is_ok(), served, "{authority}");
        }
    }

    #[test]
    fn forwarded_addresses_count_only_from_trusted_proxies() {
        let mut access = access(AuthMode::Open, &[]);
        access.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
        let forwarded = headers(&[
            ("x-forwarded-for", "6.6.6.6, 1.2.3.4"),
            ("x-forwarded-for", "10.0.0.2"),
        ]);
        let seen = |peer: &str| {
            access
                .client_address(&forwarded, Some(peer.parse().unwrap()))
                .unwrap()
                .to_string()
        };
        assert_eq!(
            seen("10.0.0.1"),
            "1.2.3.4",
            "what the client itself wrote further left does not count"
        );
        assert_eq!(seen("9.9.9.9"), "9.9.9.9");
    }
}
