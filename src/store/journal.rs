//! The journal of quotas, budgets and rates: a line of JSON for every change, the last one of a name holds.
//!
//! It is one process's: who owns it holds a lock beside it ([`Owned`]), as long as it lives, and reads no more what it has
//! written itself. Whoever writes a line, also a command, locks the directory for that moment, so that a command's line is
//! never lost to a journal that is written anew at that moment. What cannot be read is passed over: a torn last line costs
//! what it would have said.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::line::{Counters, Line, Name, lines, print};
use super::private;

const NAME: &str = "quotas.journal";
const LOCK: &str = "quotas.lock";
/// A journal that has grown so long is written anew, if half of it would be enough.
const LONG: u64 = 256 << 10;

/// A journal, and how far it was read.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    /// The file that was read, and how much of it.
    read: Option<(u64, u64)>,
    /// How long it was when it was last written anew.
    anew: u64,
}

/// That a journal is this process's and no other's. The system takes it back when the process ends, however.
#[derive(Debug)]
pub(super) struct Owned {
    _lock: File,
}

/// Held while the journal is written.
struct Locked {
    _directory: File,
}

impl Journal {
    /// The journal below the gateway's data directory. Nothing is read or made.
    pub fn below(data: &Path) -> Journal {
        Journal {
            path: data.join(NAME),
            read: None,
            anew: 0,
        }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory that it is in.
    pub fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// Makes it this process's, unless it is another's. Makes the directory too.
    ///
    /// # Errors
    /// Nothing can be written there.
    pub(super) fn own(&self) -> io::Result<Option<Owned>> {
        private::folder(self.directory())?;
        private::shut(&self.path);
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(false);
        let lock = private::open(options, &self.directory().join(LOCK))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Owned { _lock: lock })),
            Err(TryLockError::WouldBlock) => Ok(None),
            // Some file systems have no locks: then nobody can tell.
            Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => {
                Ok(Some(Owned { _lock: lock }))
            }
            Err(TryLockError::Error(e)) => Err(e),
        }
    }

    /// All that it says, as of now. Of no journal: nothing.
    ///
    /// # Errors
    /// It is there and cannot be read.
    pub fn load(&mut self) -> io::Result<Counters> {
        let mut counters = Counters::new();
        self.read = None;
        for line in self.news()? {
            let name = line.name();
            if let Some(kept) = line.kept() {
                counters.insert(name, kept);
            } else if let Some(kept) = counters.get_mut(&name).filter(|_| line.reset) {
                kept.reset(Duration::from_secs(u64::try_from(line.at).unwrap_or(0)));
            }
        }
        Ok(counters)
    }

    /// Asks for a quota to be reset: of the gateway that runs, or of its next start.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn ask_reset(&self, name: &Name, now: Duration) -> io::Result<()> {
        let line = Line {
            reset: true,
            ..Line::of(name, now)
        };
        let _locked = self.lock()?;
        self.append(&[line]).map(drop)
    }

    /// Appends what has changed, and says whose reset others have asked for since the last time. `all` is what a new
    /// journal would have to say, should this one be too long.
    ///
    /// # Errors
    /// It cannot be written.
    pub(super) fn keep(
        &mut self,
        changes: impl FnOnce(&[Name]) -> Counters,
        all: impl FnOnce() -> Counters,
        now: Duration,
    ) -> io::Result<Counters> {
        if !self.path.exists() {
            let changed = changes(&[]);
            if !changed.is_empty() {
                let _locked = self.lock()?;
                self.write_anew(&changed, now)?;
            }
            return Ok(changed);
        }
        let _locked = self.lock()?;
        let asked = self.news()?;
        let asked: Vec<Name> = asked.iter().filter(|l| l.reset).map(Line::name).collect();
        let changed = changes(&asked);
        if changed.is_empty() {
            return Ok(changed);
        }
        let lines: Vec<Line> = lines(&changed, now).collect();
        if self.append(&lines)? > LONG.max(2 * self.anew) {
            self.write_anew(&all(), now)?;
        } else {
            self.news()?;
        }
        Ok(changed)
    }

    /// Writes it anew, with only what holds.
    ///
    /// # Errors
    /// It cannot be written; the old one is as it was.
    pub(super) fn compact(&mut self, all: &Counters, now: Duration) -> io::Result<()> {
        let _locked = self.lock()?;
        self.write_anew(all, now)
    }

    fn lock(&self) -> io::Result<Locked> {
        private::folder(self.directory())?;
        let directory = File::open(self.directory())?;
        // Some file systems have no locks; then a reset by hand may have to be asked for twice.
        directory.lock().or_else(|e| match e.kind() {
            io::ErrorKind::Unsupported => Ok(()),
            _ => Err(e),
        })?;
        Ok(Locked {
            _directory: directory,
        })
    }

    /// The lines that were added since the last time, or all of them where it is another file by now.
    fn news(&mut self) -> io::Result<Vec<Line>> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                self.read = None;
                return Ok(Vec::new());
            }
            Err(e) => return Err(e),
        };
        let meta = file.metadata()?;
        let known = self
            .read
            .filter(|(inode, read)| *inode == meta.ino() && *read <= meta.len());
        let from = known.map_or(0, |(_, read)| read);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        // The beginning of a line is left for the next time.
        let whole = bytes
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        bytes.truncate(whole);
        self.read = Some((meta.ino(), from + u64::try_from(whole).unwrap_or(0)));
        let mut torn = 0_u32;
        let lines = bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty());
        let lines = lines.filter_map(|line| {
            let read = serde_json::from_slice(line).ok();
            torn += u32::from(read.is_none());
            read
        });
        let lines: Vec<Line> = lines.collect();
        if torn > 0 {
            let path = self.path.display();
            log::warn!("{path}: {torn} lines cannot be read and are passed over");
        }
        Ok(lines)
    }

    /// Appends in one write, and to the disk. The length by then.
    fn append(&self, lines: &[Line]) -> io::Result<u64> {
        let mut options = OpenOptions::new();
        let options = options.read(true).append(true).create(true);
        let mut file = private::open(options, &self.path)?;
        let length = file.metadata()?.len();
        let mut text = Vec::new();
        if length > 0 {
            let mut last = [0];
            file.seek(SeekFrom::Start(length - 1))?;
            file.read_exact(&mut last)?;
            // Somebody was killed in mid-line.
            if last != *b"\n" {
                text.push(b'\n');
            }
        }
        print(lines, &mut text)?;
        file.write_all(&text)?;
        file.sync_data()?;
        Ok(length + u64::try_from(text.len()).unwrap_or(0))
    }

    fn write_anew(&mut self, all: &Counters, now: Duration) -> io::Result<()> {
        let fresh = self.path.with_extension("new");
        let mut text = Vec::new();
        print(&lines(all, now).collect::<Vec<_>>(), &mut text)?;
        let mut options = OpenOptions::new();
        let options = options.write(true).create(true).truncate(true);
        let mut file = private::open(options, &fresh)?;
        file.write_all(&text)?;
        file.sync_all()?;
        std::fs::rename(&fresh, &self.path)?;
        if let Some(directory) = self.path.parent() {
            File::open(directory)?.sync_all()?;
        }
        let inode = file.metadata()?.ino();
        self.anew = u64::try_from(text.len()).unwrap_or(0);
        self.read = Some((inode, self.anew));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Amount, Past, Term, Used, Window};
    use crate::live::{MeterName, Owner};
    use crate::store::Kept;

    const NOW: Duration = Duration::from_secs(1_000);

    fn name(pool: &str) -> Name {
        Name::Endpoint(MeterName {
            pool: pool.into(),
            provider: "p".into(),
            model: "x/y".into(),
        })
    }

    fn kept(requests: u64) -> Kept {
        Kept::Window {
            used: Used {
                window: Window {
                    began: 0,
                    ends: 2_000,
                },
                amount: Amount {
                    requests,
                    tokens: 10 * requests,
                    nano_usd: 7 * requests,
                },
            },
            reserved: Amount {
                requests: 1,
                tokens: 2,
                nano_usd: 3,
            },
        }
    }

    fn counters(of: &[(&str, u64)]) -> Counters {
        of.iter().map(|(pool, n)| (name(pool), kept(*n))).collect()
    }

    fn keep(journal: &mut Journal, changed: &[(&str, u64)]) -> Vec<Name> {
        let mut asked = Vec::new();
        let changes = |names: &[Name]| {
            asked = names.to_vec();
            counters(changed)
        };
        journal.keep(changes, || counters(changed), NOW).unwrap();
        asked
    }

    #[test]
    fn the_last_line_of_a_name_holds() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::below(&dir.path().join("data"));
        assert!(journal.load().unwrap().is_empty());
        keep(&mut journal, &[]);
        assert!(!journal.path().exists(), "nothing to say");
        keep(&mut journal, &[("a", 1), ("b", 5)]);
        keep(&mut journal, &[("a", 2)]);
        let loaded = Journal::below(&dir.path().join("data")).load().unwrap();
        assert_eq!(loaded, counters(&[("a", 2), ("b", 5)]));
    }

    #[test]
    fn endpoints_keys_and_tenants_have_lines_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let owners = [Owner::Key("same".into()), Owner::Tenant("same".into())];
        let terms = owners.into_iter().flat_map(|owner| {
            let name = move |term| Name::Term((owner.clone(), term));
            Term::BOTH.map(name)
        });
        let names = terms.chain([name("same")]).zip(1..);
        let all: Counters = names.map(|(name, n)| (name, kept(n))).collect();
        assert_eq!(all.len(), 5);
        let mut journal = Journal::below(dir.path());
        let changes = |_: &[Name]| all.clone();
        journal.keep(changes, Counters::new, NOW).unwrap();
        assert_eq!(Journal::below(dir.path()).load().unwrap(), all);
    }

    /// Journals of gateways that had quotas of endpoints only.
    #[test]
    fn a_line_of_before_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::below(dir.path());
        let line = r#"{"at":1,"pool":"a","provider":"p","model":"x/y","used":{"since":0,"until":9,"requests":2,"tokens":3}}"#;
        std::fs::write(journal.path(), format!("{line}\n")).unwrap();
        let loaded = journal.load().unwrap();
        assert_eq!(used(&loaded[&name("a")]).amount.tokens, 3);
    }

    fn used(kept: &Kept) -> Used {
        match kept {
            Kept::Window { used, .. } => *used,
            Kept::Rate(_) => panic!("a rate"),
        }
    }

    #[test]
    fn a_rate_is_read_as_it_was_written_and_a_reset_ends_it() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::below(dir.path());
        let past = |n: i64| Past {
            until: 10 * n,
            requests: 3,
            tokens: 4_000,
        };
        let (key, tenant) = (Owner::Key("k".into()), Owner::Tenant("k".into()));
        let all: Counters = [
            (
                Name::Rate(key.clone()),
                Kept::Rate(vec![past(99), past(100)]),
            ),
            (Name::Rate(tenant), Kept::Rate(Vec::new())),
            (Name::Term((key.clone(), Term::Quota)), kept(1)),
        ]
        .into();
        let changes = |_: &[Name]| all.clone();
        journal.keep(changes, Counters::new, NOW).unwrap();
        assert_eq!(Journal::below(dir.path()).load().unwrap(), all);
        let of_key = Name::Rate(key);
        journal.ask_reset(&of_key, NOW).unwrap();
        let loaded = Journal::below(dir.path()).load().unwrap();
        assert_eq!(loaded[&of_key], Kept::Rate(Vec::new()));
        assert_eq!(loaded.values().filter(|k| **k == kept(1)).count(), 1);
    }

    #[test]
    fn a_reset_is_heard_once_by_who_runs_and_by_who_starts() {
        let dir = tempfile::tempdir().unwrap();
        let mut running = Journal::below(dir.path());
        keep(&mut running, &[("a", 7)]);
        Journal::below(dir.path())
            .ask_reset(&name("a"), NOW)
            .unwrap();
        let started = Journal::below(dir.path()).load().unwrap();
        assert_eq!(used(&started[&name("a")]).amount, Amount::default());
        assert_eq!(used(&started[&name("a")]).window.began, 1_000);
        assert_eq!(keep(&mut running, &[]), [name("a")]);
        assert!(keep(&mut running, &[("a", 1)]).is_empty());
        assert_eq!(running.load().unwrap(), counters(&[("a", 1)]));
    }

    #[test]
    fn a_torn_line_costs_itself_alone() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::below(dir.path());
        keep(&mut journal, &[("a", 1)]);
        let whole = std::fs::read(journal.path()).unwrap();
        for cut in 1..whole.len() {
            let mut torn = whole.clone();
            torn.extend(&whole[..cut]);
            std::fs::write(journal.path(), &torn).unwrap();
            let mut again = Journal::below(dir.path());
            assert_eq!(again.load().unwrap(), counters(&[("a", 1)]), "{cut}");
            keep(&mut again, &[("b", 2)]);
            assert_eq!(
                again.load().unwrap(),
                counters(&[("a", 1), ("b", 2)]),
                "{cut}"
            );
        }
        std::fs::write(journal.path(), b"\xff\xfe\n{}\n\n[1]\n").unwrap();
        assert!(journal.load().unwrap().is_empty());
    }

    #[test]
    fn a_long_journal_is_written_anew_and_no_reset_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let mut journal = Journal::below(dir.path());
        let mut heard = 0;
        for n in 1..2_500 {
            if n % 100 == 0 {
                Journal::below(dir.path())
                    .ask_reset(&name("a"), NOW)
                    .unwrap();
            }
            heard += keep(&mut journal, &[("a", n)]).len();
        }
        assert_eq!(heard, 24);
        assert!(std::fs::metadata(journal.path()).unwrap().len() <= LONG);
        assert_eq!(journal.load().unwrap(), counters(&[("a", 2_499)]));
    }

    #[test]
    fn it_is_one_owners_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let journal = Journal::below(&dir.path().join("data"));
        let owned = journal.own().unwrap();
        assert!(owned.is_some());
        assert!(Journal::below(journal.directory()).own().unwrap().is_none());
        drop(owned);
        assert!(Journal::below(journal.directory()).own().unwrap().is_some());
    }

    #[test]
    fn where_nothing_can_be_written_it_says_so() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let mut journal = Journal::below(&file);
        let ended = journal.keep(|_| counters(&[("a", 1)]), Counters::new, NOW);
        assert!(ended.is_err());
    }
}
