//! What foreign configurations are carried into: vendor accounts, pools, and what stands beside them.

use serde_json::{Map, Value as Json, json};

use super::note::Notes;
use crate::config::check::{self, REQUEST_PATHS};
use crate::config::file::{Entry, Node};
use crate::config::objects::{Kind, Object};

pub(super) type Members = Map<String, Json>;

/// A weight beyond this is refused.
const MAX_WEIGHT: f64 = 1_000_000.0;

/// Everything that one import declares.
#[derive(Default)]
pub(super) struct Cargo {
    accounts: Vec<Account>,
    pub pools: Vec<Pool>,
    pub client_keys: Vec<Json>,
    pub routes: Vec<Json>,
    pub prices: Members,
    pub settings: Members,
}

/// A vendor account: whatever has the same of everything is one.
struct Account {
    name: String,
    body: Members,
    /// How many of the same stand before it: a pool that has two of one account needs two.
    nth: usize,
    expose: Vec<String>,
}

/// A virtual model.
#[derive(Default)]
pub(super) struct Pool {
    pub name: String,
    pub body: Members,
    pub endpoints: Vec<Members>,
}

impl Cargo {
    /// The provider for an account. Its name is `wanted`, unless another has that: then its host's, or a number is added.
    pub(super) fn provider(&mut self, wanted: &str, body: Members, nth: usize) -> String {
        let known = self
            .accounts
            .iter()
            .find(|one| one.nth == nth && one.body == body);
        if let Some(known) = known {
            return known.name.clone();
        }
        let wanted = cleaned(wanted);
        let host = host_label(&body);
        let numbered = (2_usize..).map(|n| format!("{wanted}-{n}"));
        let mut names = [wanted.clone()]
            .into_iter()
            .chain(host.filter(|_| nth == 0))
            .chain(numbered);
        let taken = |name: &String| self.accounts.iter().any(|one| one.name == *name);
        let name = names
            .find(|name| !name.is_empty() && !taken(name))
            .unwrap_or_default();
        self.accounts.push(Account {
            name: name.clone(),
            body,
            nth,
            expose: Vec::new(),
        });
        name
    }

    /// The provider of an endpoint: another of the same account where the pool has this model of it already.
    pub(super) fn provider_in(
        &mut self,
        pool: &Pool,
        wanted: &str,
        body: &Members,
        model: &str,
    ) -> String {
        for nth in 0.. {
            let name = self.provider(wanted, body.clone(), nth);
            let stands = |endpoint: &Members| {
                endpoint.get("provider") == Some(&json!(name))
                    && endpoint.get("model") == Some(&json!(model))
            };
            if !pool.endpoints.iter().any(stands) {
                return name;
            }
        }
        String::new()
    }

    pub(super) fn has_provider(&self, name: &str) -> bool {
        self.accounts.iter().any(|one| one.name == name)
    }

    /// Real names of a provider that clients may use.
    pub(super) fn expose(&mut self, provider: &str, pattern: &str) {
        let account = self.accounts.iter_mut().find(|one| one.name == provider);
        if let Some(account) = account.filter(|one| !one.expose.iter().any(|p| p == pattern)) {
            account.expose.push(pattern.to_owned());
        }
    }

    pub(super) fn objects(self) -> Vec<Object> {
        let named = |kind, name: &str, mut body: Members| {
            body.insert("name".to_owned(), json!(name));
            object(kind, name, &Json::Object(body))
        };
        let mut objects = Vec::new();
        for account in self.accounts {
            let mut body = account.body;
            if !account.expose.is_empty() {
                body.insert("expose".to_owned(), json!(account.expose));
            }
            objects.push(named(Kind::Provider, &account.name, body));
        }
        for pool in self.pools {
            let mut body = pool.body;
            body.insert("endpoints".to_owned(), json!(pool.endpoints));
            objects.push(named(Kind::Model, &pool.name, body));
        }
        for (kind, list) in [
            (Kind::Route, self.routes),
            (Kind::ClientKey, self.client_keys),
        ] {
            for body in list {
                let name = body.get("name").and_then(Json::as_str).unwrap_or_default();
                objects.push(object(kind, name, &body));
            }
        }
        for (kind, map) in [(Kind::Price, self.prices), (Kind::Setting, self.settings)] {
            objects.extend(map.iter().map(|(name, body)| object(kind, name, body)));
        }
        objects
    }
}

fn object(kind: Kind, name: &str, body: &Json) -> Object {
    Object {
        kind,
        name: name.to_owned(),
        body: body.to_string(),
    }
}

impl Pool {
    /// A member that all endpoints have alike stands at the model.
    pub(super) fn lift(&mut self, key: &str) {
        let Some(first) = self
            .endpoints
            .first()
            .and_then(|endpoint| endpoint.get(key))
            .cloned()
        else {
            return;
        };
        if self
            .endpoints
            .iter()
            .all(|endpoint| endpoint.get(key) == Some(&first))
        {
            self.endpoints
                .iter_mut()
                .for_each(|endpoint| drop(endpoint.remove(key)));
            match key {
                "retries" => self
                    .body
                    .insert("retry".to_owned(), json!({ "retries": first })),
                _ => self.body.insert(key.to_owned(), first),
            };
        }
    }
}

/// A text as the name of a provider.
pub(super) fn cleaned(text: &str) -> String {
    let fine = |c: char| !(c.is_whitespace() || c.is_control() || matches!(c, '/' | '*'));
    let text: String = text
        .trim()
        .chars()
        .map(|c| if fine(c) { c } else { '-' })
        .collect();
    let mut end = text.len().min(100);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end)
        .unwrap_or_default()
        .trim_matches('-')
        .to_owned()
}

/// Whether a virtual model can be called that.
pub(super) fn is_model_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 128
        && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '*')
}

fn host_label(body: &Members) -> Option<String> {
    label_of(body.get("base_url")?.as_str()?)
}

/// What a vendor would be called by its URL: `https://api.example.com/v1` is `example`.
pub(super) fn label_of(url: &str) -> Option<String> {
    let (_, rest) = url.split_once("://")?;
    let authority = rest.split('/').next()?;
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, _)| host);
    let plain = host
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    if !plain || host.is_empty() {
        return None;
    }
    let number = host
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    if number || !host.contains('.') {
        return Some(authority.replace([':', '.'], "-"));
    }
    let labels: Vec<&str> = host
        .split('.')
        .filter(|label| !matches!(*label, "api" | "www"))
        .collect();
    labels.first().map(|label| (*label).to_owned())
}

/// A URL without the path of a request, which our base URLs do not have.
pub(super) fn base_of(url: &str) -> String {
    let url = url.trim().trim_end_matches('/');
    let end = REQUEST_PATHS.iter().find(|end| url.ends_with(*end));
    let base = end.and_then(|end| url.strip_suffix(end)).unwrap_or(url);
    // `/v1/chat` is left of a path that ends in `/completions`.
    base.strip_suffix("/chat")
        .filter(|_| end.is_some())
        .unwrap_or(base)
        .to_owned()
}

/// Seconds as a duration.
pub(super) fn seconds(value: f64) -> String {
    match value.fract() == 0.0 {
        true => format!("{value}s"),
        false => format!("{}ms", (value * 1000.0).round()),
    }
}

/// Weights that may be shares as the whole numbers that ours are.
pub(super) fn whole_weights(weights: &[f64]) -> Vec<u64> {
    let fraction = weights.iter().any(|weight| weight.fract() != 0.0);
    let most = weights.iter().copied().fold(0.0, f64::max);
    let factor = match (fraction, most) {
        (true, _) => 100.0,
        (false, most) if most > MAX_WEIGHT => MAX_WEIGHT / most,
        _ => 1.0,
    };
    weights
        .iter()
        .map(|weight| (weight * factor).round().clamp(1.0, MAX_WEIGHT) as u64)
        .collect()
}

/// Readers of single values. `None`: there is none, or it is none of these, which was noted.
impl Notes<'_> {
    /// The entries of what should be a mapping.
    pub(super) fn entries<'n>(&mut self, node: &'n Node) -> &'n [Entry] {
        if !node.is_map() && !node.is_null() {
            self.left_out(
                node.span,
                format!("expected a mapping, found {}", node.kind()),
            );
        }
        node.entries()
    }

    /// The items of what should be a list.
    pub(super) fn items<'n>(&mut self, node: &'n Node) -> &'n [Node] {
        if !node.is_list() && !node.is_null() {
            self.left_out(node.span, format!("expected a list, found {}", node.kind()));
        }
        node.items()
    }

    pub(super) fn text(&mut self, node: &Node) -> Option<String> {
        let text = node.text().map(str::trim);
        if text.is_none() && !node.is_null() {
            self.left_out(node.span, format!("expected text, found {}", node.kind()));
        }
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    }

    /// Not negative.
    pub(super) fn number(&mut self, node: &Node) -> Option<f64> {
        if node.is_null() {
            return None;
        }
        let number = node.text().and_then(|text| text.trim().parse::<f64>().ok());
        let number = number.filter(|number| number.is_finite() && *number >= 0.0);
        if number.is_none() {
            self.left_out(node.span, "expected a number");
        }
        number
    }

    pub(super) fn whole(&mut self, node: &Node, least: u64) -> Option<u64> {
        let number = self.number(node)?;
        if number.fract() != 0.0 || number >= 9e15 {
            self.left_out(node.span, "expected a whole number");
            return None;
        }
        let whole = number as u64;
        if whole < least {
            self.left_out(node.span, format!("is at least {least} here"));
            return None;
        }
        Some(whole)
    }

    pub(super) fn flag(&mut self, node: &Node) -> Option<bool> {
        let text = node.text().map(str::to_ascii_lowercase);
        match text.as_deref() {
            Some("true" | "yes" | "on" | "1") => Some(true),
            Some("false" | "no" | "off" | "0") => Some(false),
            _ => {
                if !node.is_null() {
                    self.left_out(node.span, "expected true or false");
                }
                None
            }
        }
    }

    /// Headers that a vendor gets. `carried`: those that hold its key.
    pub(super) fn headers(&mut self, node: &Node, carried: &[&str]) -> Members {
        let mut headers = Members::new();
        for Entry { key, node } in self.entries(node) {
            let name = key.text.as_str();
            if check::is_ours(name) {
                self.left_out(key.span, "the gateway sets this header itself");
            } else if carried.iter().any(|other| other.eq_ignore_ascii_case(name)) {
                self.left_out(key.span, "this header carries the provider's key here");
            } else if headers.keys().any(|other| other.eq_ignore_ascii_case(name)) {
                self.left_out(key.span, "this header is given twice");
            } else if let Some(value) = self.text(node) {
                headers.insert(name.to_owned(), json!(value));
            }
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(url: &str) -> Members {
        let Json::Object(members) = json!({"base_url": url}) else {
            unreachable!()
        };
        members
    }

    #[test]
    fn an_account_is_one_provider_and_names_never_collide() {
        let mut cargo = Cargo::default();
        let mut name = |wanted: &str, url: &str, nth| cargo.provider(wanted, account(url), nth);
        assert_eq!(
            name("provider-1", "https://api.one.example/v1", 0),
            "provider-1"
        );
        assert_eq!(name("other", "https://api.one.example/v1", 0), "provider-1");
        assert_eq!(name("provider-1", "https://two.example/v1", 0), "two");
        assert_eq!(name("two", "https://two.other.example/v1", 0), "two-2");
        assert_eq!(
            name("provider-1", "https://api.one.example/v1", 1),
            "provider-1-2"
        );
        assert_eq!(
            name("my relay/a *", "https://three.example", 0),
            "my-relay-a"
        );
        assert_eq!(name("///", "https://10.0.0.1:8000/v1", 0), "10-0-0-1-8000");
    }

    #[test]
    fn urls_lose_the_path_of_a_request() {
        assert_eq!(
            base_of("https://a.example/v1/chat/completions/"),
            "https://a.example/v1"
        );
        assert_eq!(base_of("https://a.example/v1"), "https://a.example/v1");
        assert_eq!(base_of("https://a.example/chat"), "https://a.example/chat");
    }

    #[test]
    fn shares_become_whole_weights() {
        assert_eq!(whole_weights(&[0.9, 0.1, 0.001]), [90, 10, 1]);
        assert_eq!(whole_weights(&[3.0, 1.0]), [3, 1]);
        assert_eq!(
            whole_weights(&[10_000_000.0, 5_000_000.0]),
            [1_000_000, 500_000]
        );
        assert_eq!(
            (seconds(60.0), seconds(1.5)),
            ("60s".to_owned(), "1500ms".to_owned())
        );
    }
}
