//! Where objects are changed: each change is tried on before it is written, written only if nobody was faster, and put in
//! force at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use serde_json::{Map, Value};

use crate::admin::cascade;
use crate::admin::condition::Condition;
use crate::admin::house::{House, Tried};
use crate::admin::trouble::Trouble;
use crate::admin::view::{View, built_in, of_database, of_file, shipped};
use crate::config::hidden::{self, Hidden};
use crate::config::{Home, Kind};
use crate::store::{Author, Change, Cipher, Fault, Shelf, Store, Stored};

/// How often a change is tried where others are always faster.
const TRIES: usize = 5;

/// Objects, seen and changed.
pub struct Desk {
    store: Arc<Store>,
    cipher: Arc<Cipher>,
    house: Arc<dyn House>,
    /// As they were read last: what is looked at while the database is away.
    last: Mutex<Option<Shelf>>,
    /// One change at a time in this process; between processes the database sees to it.
    turn: tokio::sync::Mutex<()>,
}

/// What an object takes with it when it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum With {
    Nothing,
    /// Endpoints of a provider, and models that have no others.
    WhatHangsOnIt,
}

/// What has come of a change.
#[derive(Debug)]
pub struct Done {
    pub shelf: Shelf,
    /// What takes effect at the next start only.
    pub restart: Vec<String>,
    /// The object was not there before.
    pub made: bool,
    /// Built-in models that are there no more.
    pub gone: Vec<String>,
}

impl Desk {
    pub fn new(store: Arc<Store>, cipher: Arc<Cipher>, house: Arc<dyn House>) -> Desk {
        Desk {
            store,
            cipher,
            house,
            last: Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    pub fn house(&self) -> &Arc<dyn House> {
        &self.house
    }

    /// All of the database's objects, at one moment.
    ///
    /// # Errors
    /// The database is away.
    pub async fn shelf(&self) -> Result<Shelf, Trouble> {
        let shelf = self.store.shelf(&self.cipher).await?;
        *self.last.lock() = Some(shelf.clone());
        Ok(shelf)
    }

    /// The same to look at: while the database is away, as it was when it was read last.
    async fn seen(&self) -> Result<Shelf, Trouble> {
        let read = self.shelf().await;
        read.or_else(|trouble| self.last.lock().clone().ok_or(trouble))
    }

    /// All objects of a kind: the file's, in their order, then the database's.
    ///
    /// # Errors
    /// The database is away, and was never read.
    pub async fn list(&self, kind: Kind) -> Result<Vec<View>, Trouble> {
        let shelf = self.seen().await?;
        Ok(self.views(kind, &shelf))
    }

    /// The object in force; of the database, where `stored`.
    ///
    /// # Errors
    /// There is none; the database is away, and was never read.
    pub async fn show(&self, kind: Kind, name: &str, stored: bool) -> Result<View, Trouble> {
        let shelf = self.seen().await?;
        let views = self.views(kind, &shelf);
        let fits = |view: &View| view.name == name && (!stored || view.stored.is_some());
        let found = views.into_iter().find(fits);
        found.ok_or_else(|| Trouble::NoObject(kind, name.to_owned()))
    }

    /// The same after a change, as the database has it.
    ///
    /// # Errors
    /// Somebody has deleted it meanwhile.
    pub fn view_of(&self, done: &Done, kind: Kind, name: &str) -> Result<View, Trouble> {
        let views = self.views(kind, &done.shelf);
        let found = views
            .into_iter()
            .find(|view| view.name == name && view.stored.is_some());
        found.ok_or_else(|| Trouble::NoObject(kind, name.to_owned()))
    }

    fn views(&self, kind: Kind, shelf: &Shelf) -> Vec<View> {
        let loaded = self.house.loaded();
        let left_out = self.house.left_out();
        let declared = loaded.declared.iter().filter(|one| one.kind == kind);
        let outside = declared.filter(|one| matches!(one.home, Home::File | Home::Environment));
        let mut views: Vec<View> = outside.map(of_file).collect();
        if kind == Kind::Model {
            views.extend(built_in(&loaded));
        }
        for stored in shelf.objects.iter().filter(|object| object.kind == kind) {
            let wins = |view: &View| matches!(view.home, Home::File | Home::Environment);
            let shadowed = views
                .iter()
                .any(|view| view.name == stored.name && wins(view));
            let home = match shadowed {
                true => Home::Shadowed,
                false => Home::Database,
            };
            views.push(of_database(stored, home, &left_out));
        }
        let shipped: Vec<View> = shipped(kind)
            .filter(|one| views.iter().all(|view| view.name != one.name))
            .collect();
        views.extend(shipped);
        views
    }

    /// Writes an object anew, or for the first time.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn put(
        &self,
        (kind, name): (Kind, &str),
        body: Value,
        condition: &Condition,
        author: &Author,
    ) -> Result<Done, Trouble> {
        let made = AtomicBool::new(false);
        let done = self.change(author, |shelf| {
            let was = shelf.find(kind, name);
            condition.holds(was)?;
            made.store(was.is_none(), Ordering::Relaxed);
            let body = prepared((kind, name), body.clone(), was)?;
            let name = name.to_owned();
            Ok(vec![Change::Put { kind, name, body }])
        });
        let done = done.await?;
        let made = made.load(Ordering::Relaxed);
        Ok(Done { made, ..done })
    }

    /// Changes members of an object (RFC 7396).
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn patch(
        &self,
        (kind, name): (Kind, &str),
        patch: &Value,
        condition: &Condition,
        author: &Author,
    ) -> Result<Done, Trouble> {
        self.change(author, |shelf| {
            let was = self.stored(shelf, kind, name)?;
            condition.holds(Some(was))?;
            let mut body = was.body.shown.clone();
            merge(&mut body, patch);
            let body = prepared((kind, name), body, Some(was))?;
            let name = name.to_owned();
            Ok(vec![Change::Put { kind, name, body }])
        })
        .await
    }

    /// Changes the list of a provider's keys. `edit` says whether there was what it looked for.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn edit_keys(
        &self,
        name: &str,
        edit: impl Fn(&mut Vec<Value>) -> bool,
        author: &Author,
    ) -> Result<Done, Trouble> {
        let kind = Kind::Provider;
        self.change(author, |shelf| {
            let was = self.stored(shelf, kind, name)?;
            let mut body = hidden::reveal(&was.body);
            let mut keys = match body.get_mut("keys").map(Value::take) {
                None | Some(Value::Null) => Vec::new(),
                Some(Value::Array(keys)) => keys,
                Some(Value::String(word)) if word == "passthrough" => {
                    let text =
                        "clients bring their own keys (`passthrough`): there are none to change";
                    return Err(Trouble::field(kind, name, "keys", text));
                }
                Some(one) => vec![one],
            };
            if !edit(&mut keys) {
                return Err(Trouble::field(
                    kind,
                    name,
                    "keys",
                    "there is no key of this number",
                ));
            }
            if let Value::Object(members) = &mut body {
                match keys.is_empty() {
                    true => drop(members.remove("keys")),
                    false => drop(members.insert("keys".to_owned(), Value::Array(keys))),
                }
            }
            let name = name.to_owned();
            let body = hidden::hide(kind, &name, &body);
            Ok(vec![Change::Put { kind, name, body }])
        })
        .await
    }

    /// Takes an object out of the database; with what hangs on it, where that is told.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn delete(
        &self,
        (kind, name): (Kind, &str),
        with: With,
        condition: &Condition,
        author: &Author,
    ) -> Result<Done, Trouble> {
        self.change(author, |shelf| {
            let was = self.stored(shelf, kind, name)?;
            condition.holds(Some(was))?;
            let mut changes = match (kind, with) {
                (Kind::Provider, With::WhatHangsOnIt) => cascade::of_provider(shelf, name),
                (Kind::Model, With::WhatHangsOnIt) => cascade::of_model(shelf, name),
                _ => Vec::new(),
            };
            let name = name.to_owned();
            changes.push(Change::Delete { kind, name });
            Ok(changes)
        })
        .await
        .map_err(|trouble| trouble.in_use(kind, name))
    }

    /// Puts objects of a kind first, in this order.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn order(
        &self,
        kind: Kind,
        names: &[String],
        author: &Author,
    ) -> Result<Done, Trouble> {
        self.change(author, |shelf| {
            for name in names {
                self.stored(shelf, kind, name)?;
            }
            let names = names.to_vec();
            Ok(vec![Change::Order { kind, names }])
        })
        .await
    }

    fn stored<'s>(&self, shelf: &'s Shelf, kind: Kind, name: &str) -> Result<&'s Stored, Trouble> {
        if let Some(stored) = shelf.find(kind, name) {
            return Ok(stored);
        }
        let loaded = self.house.loaded();
        let mut declared = loaded.declared.iter();
        let home = declared
            .find(|one| one.kind == kind && one.name == name)
            .map(|one| one.home);
        Err(match home {
            Some(home @ (Home::File | Home::Environment)) => Trouble::ReadOnly { kind, home },
            _ if shipped(kind).any(|one| one.name == name) => Trouble::ReadOnly {
                kind,
                home: Home::BuiltIn,
            },
            _ => Trouble::NoObject(kind, name.to_owned()),
        })
    }

    /// Makes the changes that `plan` makes of the objects as they are. Nothing is written that could not be in force.
    ///
    /// # Errors
    /// [`Trouble`].
    pub async fn change(
        &self,
        author: &Author,
        plan: impl Fn(&Shelf) -> Result<Vec<Change>, Trouble>,
    ) -> Result<Done, Trouble> {
        let _turn = self.turn.lock().await;
        for _ in 0..TRIES {
            let shelf = self.shelf().await?;
            let changes = plan(&shelf)?;
            changes.iter().try_for_each(check_name)?;
            let Tried { restart, .. } = self.try_on(&shelf, &changes).await?;
            let written = self
                .store
                .change(&self.cipher, (&changes, &shelf), author)
                .await;
            match written {
                Err(Fault::Overtaken) => continue,
                written => written?,
            };
            let shelf = self.shelf().await?;
            let before = self.house.loaded();
            self.put_on(shelf.clone()).await?;
            let now = self.house.loaded();
            let is_there = |name: &String| now.gateway.models.iter().any(|m| m.name == *name);
            let gone = built_in(&before).map(|view| view.name);
            return Ok(Done {
                shelf,
                restart,
                made: false,
                gone: gone.filter(|name| !is_there(name)).collect(),
            });
        }
        Err(Trouble::Overtaken)
    }

    /// What is wrong with these changes, or what would be in force with them. Writes nothing.
    ///
    /// # Errors
    /// [`Trouble::Wrong`].
    pub async fn try_on(&self, shelf: &Shelf, changes: &[Change]) -> Result<Tried, Trouble> {
        let objects = shelf.after(changes);
        let touched: Vec<(Kind, String)> = changes.iter().filter_map(touched).collect();
        let house = self.house.clone();
        let tried = tokio::task::spawn_blocking(move || {
            let tried = house.try_on(&objects, &touched);
            tried.map_err(|report| Trouble::wrong(&report, &objects))
        });
        tried.await.unwrap_or(Err(Trouble::Inside))
    }

    async fn put_on(&self, shelf: Shelf) -> Result<(), Trouble> {
        let house = self.house.clone();
        let put = tokio::task::spawn_blocking(move || house.put_on(&shelf));
        let put = put.await.map_err(|_| Trouble::Inside)?;
        put.map_err(|refusal| Trouble::NotInForce(refusal.to_string()))
    }

    /// Writes into the audit log what is no change of an object; a database that is away is told to the log.
    pub async fn note(&self, note: &crate::store::Note<'_>, author: &Author) {
        if let Err(e) = self.store.note(note, author).await {
            let action = note.action;
            log::error!(
                "the audit log has no line of {action} by {}: {e}",
                author.account
            );
        }
    }
}

/// What one database would refuse, and a terminal obey.
fn check_name(change: &Change) -> Result<(), Trouble> {
    match change {
        Change::Put { kind, name, .. } if name.contains(char::is_control) => Err(Trouble::field(
            *kind,
            &name.escape_debug().to_string(),
            "name",
            "a name holds no control characters",
        )),
        _ => Ok(()),
    }
}

fn touched(change: &Change) -> Option<(Kind, String)> {
    match change {
        Change::Put { kind, name, .. } => Some((*kind, name.clone())),
        Change::Delete { .. } | Change::Order { .. } => None,
    }
}

/// A body as it is kept: with its name, and with the secrets that were sent back masked.
fn prepared(
    (kind, name): (Kind, &str),
    mut body: Value,
    was: Option<&Stored>,
) -> Result<Hidden, Trouble> {
    if !matches!(kind, Kind::Price | Kind::Setting) {
        let Value::Object(members) = &mut body else {
            return Err(Trouble::field(kind, name, "", "an object is expected"));
        };
        match members.get("name") {
            None => drop(members.insert("name".to_owned(), name.into())),
            Some(said) if said == name => {}
            Some(_) => {
                let text = "the name cannot be changed: make a new object, and delete this one";
                return Err(Trouble::field(kind, name, "name", text));
            }
        }
        if let (None, Some(why)) = (was, taken(kind, name)) {
            return Err(Trouble::field(kind, name, "name", why));
        }
        if kind == Kind::ClientKey {
            keep_hash(members, was);
        }
    }
    let kept = hidden::keep(kind, name, &mut body, was.map(|was| &was.body));
    kept.map_err(|places| {
        let text = "a masked secret stands for the one that was there, and there is none like it: say it in full";
        let place = places.first().map_or("", String::as_str);
        Trouble::field(kind, name, &place.trim_start_matches('/').replace('/', "."), text)
    })?;
    Ok(hidden::hide(kind, name, &body))
}

/// Names that stand for something else already.
fn taken(kind: Kind, name: &str) -> Option<&'static str> {
    match (kind, name) {
        (Kind::Route, "order") => {
            Some("`/routes/order` is the order of all routes: take another name")
        }
        (Kind::ClientKey, "admin") => {
            Some("`admin` is who comes with the admin key: take another name")
        }
        _ => None,
    }
}

/// Who changes a client key says nothing of its value, or a new one.
fn keep_hash(members: &mut Map<String, Value>, was: Option<&Stored>) {
    if members.contains_key("value") || members.contains_key("hash") {
        return;
    }
    for name in ["hash", "masked"] {
        if let Some(kept) = was.and_then(|was| was.body.shown.get(name)) {
            members.insert(name.to_owned(), kept.clone());
        }
    }
}

/// RFC 7396.
fn merge(body: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *body = patch.clone();
        return;
    };
    if !body.is_object() {
        *body = Value::Object(Map::new());
    }
    let Value::Object(members) = body else {
        return;
    };
    for (name, value) in patch {
        if value.is_null() {
            members.remove(name);
        } else {
            merge(members.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_merges_as_rfc_7396_says() {
        for (body, patch, merged) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": "b", "b": "c"}),
                json!({"a": null}),
                json!({"b": "c"}),
            ),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (
                json!({"e": null}),
                json!({"a": 1}),
                json!({"e": null, "a": 1}),
            ),
            (
                json!([1, 2]),
                json!({"a": "b", "c": null}),
                json!({"a": "b"}),
            ),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
        ] {
            let mut body = body;
            merge(&mut body, &patch);
            assert_eq!(body, merged);
        }
    }
}
