//! Objects of the configuration in the database: what is written is read, once, in order, with its secrets sealed.

use std::path::Path;

use serde_json::{Value, json};
use tidegate::config::{Database, Kind, hidden};
use tidegate::store::{AuditQuestion, Author, Change, Cipher, Fault, Settled, Shelf, Store};

const OTHER: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const KEY: &str = "sk-0123456789-of-relay-a";

struct Room {
    store: Store,
    cipher: Cipher,
    runtime: tokio::runtime::Runtime,
}

impl Room {
    fn open(database: &Database, dir: &Path) -> Room {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let (store, cipher) = (
            Store::open(database, dir.to_owned()).unwrap(),
            Cipher::of(None, dir).unwrap(),
        );
        store.settle_now(&cipher).unwrap();
        Room {
            store,
            cipher,
            runtime: { runtime }.enable_all().build().unwrap(),
        }
    }

    fn shelf(&self) -> Shelf {
        self.runtime
            .block_on(self.store.shelf(&self.cipher))
            .unwrap()
    }

    fn change(&self, changes: &[Change], before: &Shelf) -> Result<i64, Fault> {
        let author = Author {
            account: "admin".into(),
            client: Some("127.0.0.1".into()),
        };
        let change = self.store.change(&self.cipher, (changes, before), &author);
        self.runtime.block_on(change)
    }

    fn names(&self, kind: Kind) -> Vec<String> {
        let shelf = self.shelf();
        let of_kind = shelf.objects.iter().filter(|object| object.kind == kind);
        of_kind.map(|object| object.name.clone()).collect()
    }
}

fn put(kind: Kind, name: &str, body: &Value) -> Change {
    Change::Put {
        kind,
        name: name.into(),
        body: hidden::hide(kind, name, body),
    }
}

fn provider() -> Value {
    json!({"name": "a", "base_url": "https://a.example.com", "keys": [KEY]})
}

pub(crate) fn all(database: &Database) {
    let dir = tempfile::tempdir().unwrap();
    let room = Room::open(database, dir.path());
    let empty = room.shelf();
    assert_eq!((empty.generation, empty.objects.len()), (0, 0));
    let route = |name: &str| put(Kind::Route, name, &json!({"name": name}));
    let first = [
        put(Kind::Provider, "a", &provider()),
        route("z"),
        route("b"),
    ];
    assert_eq!(room.change(&first, &empty).unwrap(), 1);
    let told = room.names(Kind::Route);
    assert_eq!(told, ["z", "b"], "of one change, in its order");

    let shelf = room.shelf();
    let a = shelf.find(Kind::Provider, "a").unwrap();
    assert_eq!((a.version, &a.locked), (1, &None));
    assert_eq!(a.body.shown["keys"], json!(["sk-…ay-a"]));
    let whole: Value = serde_json::from_str(&a.object().body).unwrap();
    assert_eq!(whole, provider());

    // Whoever has read before that is too late, and nothing of it is done.
    let late = [put(Kind::Tenant, "t", &json!({"name": "t"}))];
    assert!(matches!(room.change(&late, &empty), Err(Fault::Overtaken)));
    assert!(room.names(Kind::Tenant).is_empty());

    let order = Change::Order {
        kind: Kind::Route,
        names: vec!["b".into()],
    };
    room.change(&[order], &shelf).unwrap();
    assert_eq!(room.names(Kind::Route), ["b", "z"]);
    room.change(&[route("y"), route("b")], &room.shelf())
        .unwrap();
    assert_eq!(room.names(Kind::Route), ["b", "z", "y"]);
    let shelf = room.shelf();
    assert_eq!(shelf.find(Kind::Route, "b").unwrap().version, 2);
    let delete = Change::Delete {
        kind: Kind::Provider,
        name: "a".into(),
    };
    room.change(&[delete], &shelf).unwrap();
    assert_eq!(room.shelf().generation, 4);

    room.audited();
    room.change(&[put(Kind::Provider, "a", &provider())], &room.shelf())
        .unwrap();
    opened_by_another_key(database, dir.path());
}

impl Room {
    fn audited(&self) {
        let ask = |question: &AuditQuestion| {
            let audit = self.store.audit(question, 100);
            self.runtime.block_on(audit).unwrap()
        };
        let of_a = AuditQuestion {
            name: Some("a".into()),
            ..AuditQuestion::default()
        };
        let lines = ask(&of_a);
        let told: Vec<_> = lines
            .iter()
            .map(|line| (&*line.action, line.before.is_some(), line.after.is_some()))
            .collect();
        assert_eq!(told, [("delete", true, false), ("create", false, true)]);
        assert_eq!(lines[0].before, lines[1].after);
        assert!(!format!("{lines:?}").contains(KEY));
        let all = ask(&AuditQuestion::default());
        assert_eq!(all.len(), 7);
        let older = AuditQuestion {
            before: tidegate::id::RequestId::parse(&all[2].id),
            ..AuditQuestion::default()
        };
        assert_eq!(ask(&older).len(), 4);
    }
}

/// What was sealed with a key that is gone is locked, and everything else is there.
fn opened_by_another_key(database: &Database, dir: &Path) {
    let other = tempfile::tempdir().unwrap();
    let mut room = Room::open(database, dir);
    room.cipher = Cipher::of(Some(OTHER), other.path()).unwrap();
    let shelf = room.shelf();
    assert_eq!(shelf.objects.len(), 4);
    let a = shelf.find(Kind::Provider, "a").unwrap();
    assert!(a.locked.is_some() && a.body.secrets.is_empty());
    let settled = |room: &Room| room.store.settle_now(&room.cipher);
    assert!(matches!(settled(&room), Err(Fault::OtherKey { .. })));
    let refused = room.change(&[put(Kind::Provider, "b", &provider())], &shelf);
    assert!(
        matches!(refused, Err(Fault::OtherKey { .. })),
        "{refused:?}"
    );
    room.cipher = Cipher::of(None, other.path()).unwrap();
    assert!(matches!(settled(&room), Err(Fault::NoKey(_))));
    let refused = room.change(&[put(Kind::Provider, "b", &provider())], &shelf);
    assert!(matches!(refused, Err(Fault::NoKey(_))), "{refused:?}");
    assert_eq!(std::fs::read_dir(other.path()).unwrap().count(), 0);

    // The new key first, then alone.
    let old = std::fs::read_to_string(dir.join("secret.key")).unwrap();
    let both = format!("{OTHER},{}", old.trim());
    room.cipher = Cipher::of(Some(&both), other.path()).unwrap();
    assert_eq!(settled(&room).unwrap(), Settled::Anew(1));
    assert_eq!(settled(&room).unwrap(), Settled::Ours);
    assert_eq!(
        room.shelf().generation,
        shelf.generation + 1,
        "others read it again"
    );
    room.cipher = Cipher::of(Some(OTHER), other.path()).unwrap();
    assert_eq!(settled(&room).unwrap(), Settled::Ours);
    let shelf = room.shelf();
    let a = shelf.find(Kind::Provider, "a").unwrap();
    assert!(a.locked.is_none());
    assert!(a.object().body.contains(KEY));

    // Once nothing is left that the old one has sealed, another takes over.
    room.cipher = Cipher::of(Some(old.trim()), other.path()).unwrap();
    let gone = Change::Delete {
        kind: Kind::Provider,
        name: "a".into(),
    };
    room.change(&[gone, put(Kind::Provider, "b", &provider())], &shelf)
        .unwrap();
    assert_eq!(settled(&room).unwrap(), Settled::Ours);
}

/// What is on the disk holds no secret in plain text.
#[test]
fn no_file_of_the_database_holds_a_providers_key() {
    let dir = tempfile::tempdir().unwrap();
    let database = Database::Sqlite(dir.path().join("tidegate.db"));
    let room = Room::open(&database, dir.path());
    let change = [put(Kind::Provider, "a", &provider())];
    room.change(&change, &room.shelf()).unwrap();
    let mut looked = 0;
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let found = |what: &str| {
            bytes
                .windows(what.len())
                .any(|part| part == what.as_bytes())
        };
        assert!(!found(KEY));
        looked += usize::from(found("a.example.com"));
    }
    assert!(looked > 0, "the object is in one of them");
}
