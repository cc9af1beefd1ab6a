//! Opaque state that a client's format cannot hold, until its conversation goes on.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::clock::Tick;
use crate::ir::{Body, Part};
use crate::wire::convert::{CallNote, Issuer, Keepsake, Memory, SealNote};
use crate::wire::provenance::Mark;

/// Bytes that are kept at most; the oldest half goes when they are reached.
const ROOM: usize = 64 << 20;
/// A conversation that rests for longer goes on without.
const LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// What an entry costs beside its texts.
const ENTRY: usize = 160;

/// Keepsakes by who was given them. Bounded in bytes and in time.
#[derive(Debug, Default)]
pub struct Vault {
    shelves: Mutex<Shelves>,
    /// Something was kept.
    used: AtomicBool,
}

/// Two halves: new ones go to the young; when it is full it becomes the old one, and the old one is forgotten.
#[derive(Debug, Default)]
struct Shelves {
    young: Shelf,
    old: Shelf,
}

#[derive(Debug, Default)]
struct Shelf {
    seals: FxHashMap<u64, (Tick, SealNote)>,
    calls: FxHashMap<u64, (Tick, CallNote)>,
    bytes: usize,
}

impl Vault {
    /// Keeps what an answer left. `scope`: who the answer is for; nobody else finds it.
    pub fn keep(&self, scope: u64, keepsakes: Vec<Keepsake>, now: Tick) {
        if keepsakes.is_empty() {
            return;
        }
        self.used.store(true, Ordering::Relaxed);
        let mut shelves = self.shelves.lock();
        for keepsake in keepsakes {
            let young = &mut shelves.young;
            match keepsake {
                Keepsake::Seal { seal, note } => {
                    young.bytes +=
                        ENTRY + note.seal.len() + note.item.as_ref().map_or(0, String::len);
                    young.seals.insert(seal_key(scope, &seal), (now, note));
                }
                Keepsake::Call { id, note } => {
                    young.bytes += ENTRY + size(&note);
                    young.calls.insert(key(scope, &id), (now, note));
                }
            }
            if young.bytes > ROOM / 2 {
                shelves.old = std::mem::take(&mut shelves.young);
            }
        }
    }

    /// Answers of one format go to clients of another, whose later turns hold what no vendor of theirs has issued.
    pub fn will_be_used(&self) {
        self.used.store(true, Ordering::Relaxed);
    }

    /// Whether there is anything to be remembered at all: mostly there is not, where nothing is converted.
    pub fn is_used(&self) -> bool {
        self.used.load(Ordering::Relaxed)
    }

    /// Whose opaque state the first of these marks is that somebody remembers.
    pub fn issuer(&self, scope: u64, marks: &[Mark<'_>], now: Tick) -> Option<Issuer> {
        let shelves = self.shelves.lock();
        marks.iter().find_map(|mark| match mark {
            Mark::Seal(seal) => shelves.seal(scope, seal, now).map(|note| note.issuer),
            Mark::Call(id) => shelves.call(scope, id, now).map(|note| note.issuer),
        })
    }

    /// What is remembered for that scope.
    pub fn memory(&self, scope: u64, now: Tick) -> Remembered<'_> {
        Remembered {
            vault: self,
            scope,
            now,
        }
    }
}

fn key(scope: u64, name: &str) -> u64 {
    xxh3_64_with_seed(name.as_bytes(), scope)
}

/// The same for both alphabets of base64, with and without its padding (RFC 4648, sections 3.2 and 5).
fn seal_key(scope: u64, seal: &str) -> u64 {
    let standard = |b: u8| match b {
        b'-' => b'+',
        b'_' => b'/',
        b => b,
    };
    let bytes: Vec<u8> = seal.trim_end_matches('=').bytes().map(standard).collect();
    xxh3_64_with_seed(&bytes, scope)
}

fn size(note: &CallNote) -> usize {
    let of = |part: &Part<'_>| match &part.body {
        Body::Thinking(thinking) => {
            let summaries: usize = thinking.summaries.iter().map(|text| text.len()).sum();
            let seal = thinking.seal.as_ref().map_or(0, |seal| seal.value.len());
            ENTRY + thinking.text.len() + summaries + seal
        }
        _ => ENTRY,
    };
    let seal = note.seal.as_ref().map_or(0, String::len);
    seal + note.before.iter().map(of).sum::<usize>()
}

/// A scope's view of the vault.
#[derive(Debug, Clone, Copy)]
pub struct Remembered<'v> {
    vault: &'v Vault,
    scope: u64,
    now: Tick,
}

impl Memory for Remembered<'_> {
    fn seal(&self, seal: &str) -> Option<SealNote> {
        let shelves = self.vault.shelves.lock();
        shelves.seal(self.scope, seal, self.now).cloned()
    }

    fn call(&self, id: &str) -> Option<CallNote> {
        let shelves = self.vault.shelves.lock();
        shelves.call(self.scope, id, self.now).cloned()
    }
}

impl Shelves {
    fn seal(&self, scope: u64, seal: &str, now: Tick) -> Option<&SealNote> {
        let key = seal_key(scope, seal);
        let found = self.young.seals.get(&key).or(self.old.seals.get(&key));
        fresh(found, now)
    }

    fn call(&self, scope: u64, id: &str, now: Tick) -> Option<&CallNote> {
        let key = key(scope, id);
        let found = self.young.calls.get(&key).or(self.old.calls.get(&key));
        fresh(found, now)
    }
}

fn fresh<T>(found: Option<&(Tick, T)>, now: Tick) -> Option<&T> {
    found
        .filter(|(at, _)| now.since(*at) < LIFE)
        .map(|(_, note)| note)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::ir::Format;

    fn note() -> SealNote {
        SealNote {
            issuer: Issuer {
                vendor: 1,
                format: Format::Gemini,
            },
            seal: String::new(),
            redacted: false,
            item: None,
        }
    }

    fn seal(name: String) -> Vec<Keepsake> {
        vec![Keepsake::Seal {
            seal: name,
            note: note(),
        }]
    }

    #[test]
    fn what_is_kept_is_found_by_its_own_scope_for_a_day() {
        let vault = Vault::default();
        let now = clock::now();
        vault.keep(1, seal("s".into()), now);
        assert_eq!(vault.memory(1, now).seal("s"), Some(note()));
        vault.keep(1, seal("a-b_==".into()), now);
        assert!(vault.memory(1, now).seal("a+b/").is_some());
        assert_eq!(vault.memory(2, now).seal("s"), None);
        assert_eq!(vault.memory(1, now).call("s"), None);
        assert_eq!(vault.memory(1, now + LIFE).seal("s"), None);
    }

    #[test]
    fn the_first_mark_that_is_remembered_tells_whose_state_it_is() {
        let vault = Vault::default();
        let now = clock::now();
        vault.keep(1, seal("s".into()), now);
        let marks = [Mark::Call("s".into()), Mark::Seal("s".into())];
        assert_eq!(vault.issuer(1, &marks, now), Some(note().issuer));
        assert_eq!(vault.issuer(1, &marks[..1], now), None);
        assert_eq!(vault.issuer(2, &marks, now), None);
        assert_eq!(vault.issuer(1, &marks, now + LIFE), None);
    }

    #[test]
    fn the_oldest_goes_when_there_is_no_room() {
        let vault = Vault::default();
        let now = clock::now();
        let most = ROOM / 2 / ENTRY;
        for n in 0..most * 2 + 3 {
            vault.keep(1, seal(n.to_string()), now);
        }
        assert_eq!(vault.memory(1, now).seal("0"), None);
        assert!(vault.memory(1, now).seal(&(most * 2).to_string()).is_some());
        let shelves = vault.shelves.lock();
        assert!(shelves.young.bytes + shelves.old.bytes <= ROOM + 2 * ENTRY);
    }
}
