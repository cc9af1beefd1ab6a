//! Objects as they are shown: those of the file, of the database, and those that nobody has declared.

use serde_json::{Value, json};

use super::house::LeftOut;
use crate::config::{self, Declared, Home, Kind, Loaded, hidden};
use crate::store::Stored;

/// An object as it is shown.
#[derive(Debug, Clone)]
pub struct View {
    pub kind: Kind,
    pub name: String,
    pub home: Home,
    /// With secrets masked.
    pub body: Value,
    /// What the database knows of it; nothing of an object of the file.
    pub stored: Option<Facts>,
    /// Why it is not in force, where that is because of what is wrong with it.
    pub fault: Option<String>,
    /// Of a shipped price: where the vendor says it, and when that was read.
    pub source: Option<(String, String)>,
}

#[derive(Debug, Clone)]
pub struct Facts {
    pub etag: String,
    /// Milliseconds since the Unix epoch.
    pub created_at: i64,
    pub updated_at: i64,
}

pub(super) fn of_file(declared: &Declared) -> View {
    View {
        kind: declared.kind,
        name: declared.name.clone(),
        home: declared.home,
        body: shown(
            declared.kind,
            hidden::hide(declared.kind, &declared.name, &declared.body).shown,
        ),
        stored: None,
        fault: None,
        source: None,
    }
}

/// What holds where nobody has said anything.
pub(super) fn shipped(kind: Kind) -> Box<dyn Iterator<Item = View>> {
    let view = move |name: String, body, source| View {
        kind,
        name,
        home: Home::BuiltIn,
        body,
        stored: None,
        fault: None,
        source,
    };
    match kind {
        Kind::Price => Box::new(
            config::shipped_prices()
                .into_iter()
                .map(move |price| view(price.name, price.body, Some((price.source, price.date)))),
        ),
        Kind::Setting => {
            let all = config::default_settings().into_iter();
            Box::new(all.map(move |(name, body)| view(name.to_owned(), body, None)))
        }
        _ => Box::new(std::iter::empty()),
    }
}

/// The models that are there while nobody declares others of their names.
pub(super) fn built_in(loaded: &Loaded) -> impl Iterator<Item = View> + '_ {
    let gateway = &loaded.gateway;
    let declared = |name: &str| {
        let mut all = loaded.declared.iter();
        all.any(|one| one.kind == Kind::Model && one.name == name)
    };
    let built_in = gateway.virtual_models();
    let built_in = built_in.filter(move |model| !declared(&model.name));
    built_in.map(|model| {
        let endpoints = model.endpoints.iter().map(|endpoint| {
            let provider = gateway.providers.get(endpoint.provider);
            json!({
                "provider": provider.map(|provider| &provider.name),
                "model": endpoint.model,
                "priority": endpoint.priority,
                "weight": endpoint.weight,
            })
        });
        let aliases = model.aliases.iter().map(|alias| alias.pattern());
        View {
            kind: Kind::Model,
            name: model.name.clone(),
            home: Home::BuiltIn,
            body: json!({
                "name": model.name,
                "aliases": aliases.collect::<Vec<_>>(),
                "endpoints": endpoints.collect::<Vec<_>>(),
            }),
            stored: None,
            fault: None,
            source: None,
        }
    })
}

pub(super) fn of_database(stored: &Stored, home: Home, left_out: &[LeftOut]) -> View {
    let mut out = left_out.iter();
    let fault = out.find(|out| out.kind == stored.kind && out.name == stored.name);
    View {
        kind: stored.kind,
        name: stored.name.clone(),
        home,
        body: shown(stored.kind, stored.body.shown.clone()),
        stored: Some(Facts {
            etag: stored.etag(),
            created_at: stored.created_at,
            updated_at: stored.updated_at,
        }),
        fault: fault.map(|out| out.why.clone()),
        source: None,
    }
}

/// Without the hash of a client key: nobody needs to see it.
fn shown(kind: Kind, mut body: Value) -> Value {
    if let (Kind::ClientKey, Value::Object(members)) = (kind, &mut body) {
        members.remove("hash");
    }
    body
}
