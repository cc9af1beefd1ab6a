//! Rows on their way to a database that is away: a file that is only appended to, and read in order when it is back.
//!
//! A row is its length (4 bytes), a checksum of what follows (8 bytes, XXH3), and JSON; numbers are little-endian. What a
//! crash or a full disk has torn at the end is passed over, and cut off before the next row.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::row::Row;

const NAME: &str = "records.spool";
/// Days of a busy gateway. A database that is away for longer is not coming back by itself.
const MOST: u64 = 4 << 30;
/// No row is as long; what says so is torn.
const LONGEST: usize = 16 << 20;
const HEAD: usize = 12;
/// Bytes that are read at once, but for the last row: bodies are large.
const AT_ONCE: u64 = 16 << 20;
/// Gateways that share a folder.
const MOST_BESIDE: u32 = 16;

pub(super) struct Spool {
    path: PathBuf,
    file: Option<File>,
    /// Where the next row is appended: the end of the last whole one.
    end: u64,
    /// Everything before it is in the database.
    read: u64,
    /// Something was written since it was last asked for.
    dirty: bool,
}

impl Spool {
    /// The spool below the data directory, with what an earlier process has left in it.
    pub(super) fn below(data: &Path) -> Spool {
        let mut spool = Spool {
            path: data.join(NAME),
            file: None,
            end: 0,
            read: 0,
            dirty: false,
        };
        if spool.path.exists()
            && let Err(e) = spool.open()
        {
            log::error!("cannot read {}: {e}", spool.path.display());
        }
        spool
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn is_empty(&self) -> bool {
        self.read >= self.end
    }

    /// Bytes that wait.
    pub(super) fn waiting(&self) -> u64 {
        self.end.saturating_sub(self.read)
    }

    /// Appends rows, all or none of them.
    ///
    /// # Errors
    /// The disk is full, or the folder cannot be written; or the spool is as long as it may become.
    pub(super) fn append(&mut self, rows: &[Row]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(rows.len() * 1024);
        for row in rows {
            let from = bytes.len();
            bytes.extend_from_slice(&[0; HEAD]);
            serde_json::to_writer(&mut bytes, row)?;
            let (length, sum) = {
                let said = bytes.get(from + HEAD..).unwrap_or_default();
                (u32::try_from(said.len()).unwrap_or(u32::MAX), xxh3_64(said))
            };
            let head = length.to_le_bytes().into_iter().chain(sum.to_le_bytes());
            for (slot, byte) in bytes.iter_mut().skip(from).zip(head) {
                *slot = byte;
            }
        }
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        // Tells where it ends, too.
        self.open()?;
        if self.end.saturating_add(length) > MOST {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                "the spool is full",
            ));
        }
        let end = self.end;
        let written = self.open().and_then(|file| {
            file.seek(SeekFrom::Start(end))?;
            file.write_all(&bytes)
        });
        match written {
            Ok(()) => {
                self.end += length;
                self.dirty = true;
            }
            Err(_) => self.cut(),
        }
        written
    }

    /// The file, if it should be brought to the disk. A crash of the process takes nothing of what was written; so that a
    /// power cut takes little, somebody who may wait does this now and then. The disk may be slow: appending is not.
    pub(super) fn unsynced(&mut self) -> Option<File> {
        let file = self.file.as_ref().filter(|_| self.dirty)?;
        self.dirty = false;
        file.try_clone().ok()
    }

    /// The next rows, at most so many, and where they end. What is torn ends the spool.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn next(&mut self, most: usize) -> io::Result<(Vec<Row>, u64)> {
        let (from, end, path) = (self.read, self.end, self.path.clone());
        let path = path.display();
        let file = self.open()?;
        file.seek(SeekFrom::Start(from))?;
        let mut input = io::BufReader::with_capacity(256 << 10, file);
        let (mut rows, mut at, mut torn) = (Vec::new(), from, false);
        while rows.len() < most && at < end && at - from < AT_ONCE {
            let Some((row, length)) = read_row(&mut input)? else {
                log::warn!(
                    "{path}: the last {} bytes are torn and are passed over",
                    end - at
                );
                torn = true;
                break;
            };
            at += length;
            match row {
                Some(row) => rows.push(row),
                None => log::warn!("{path}: a row that cannot be read is passed over"),
            }
        }
        if torn {
            self.end = at;
            self.cut();
        }
        Ok((rows, at))
    }

    /// Everything up to there is in the database. A spool that is through is emptied.
    pub(super) fn done(&mut self, until: u64) {
        self.read = until.min(self.end);
        if self.is_empty() {
            (self.read, self.end) = (0, 0);
            self.cut();
        }
    }

    /// The first of the names below the folder that nobody else writes: two gateways may share one.
    fn open(&mut self) -> io::Result<&mut File> {
        if self.file.is_none() {
            let folder = self.path.parent().unwrap_or(Path::new("."));
            std::fs::create_dir_all(folder)?;
            for path in names(folder) {
                let mut options = OpenOptions::new();
                let options = options.read(true).write(true).create(true);
                let file = options.truncate(false).open(&path)?;
                if is_taken(&file)? {
                    continue;
                }
                self.end = whole(&file, &path)?;
                self.path = path;
                self.file = Some(file);
                break;
            }
        }
        self.file
            .as_mut()
            .ok_or_else(|| io::ErrorKind::ResourceBusy.into())
    }

    /// Takes over what a gateway beside us has left, now that it is gone and nothing of our own waits. Whether there was
    /// something.
    pub(super) fn adopt(&mut self) -> bool {
        if !self.is_empty() {
            return false;
        }
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let left = |path: &PathBuf| std::fs::metadata(path).is_ok_and(|meta| meta.len() > 0);
        let others = names(folder).filter(|path| *path != self.path);
        for path in others.filter(left).collect::<Vec<_>>() {
            let mut options = OpenOptions::new();
            let Ok(file) = options.read(true).write(true).open(&path) else {
                continue;
            };
            if !is_taken(&file).is_ok_and(|taken| !taken) {
                continue;
            }
            if let Ok(end) = whole(&file, &path) {
                (self.read, self.end) = (0, end);
                (self.file, self.path) = (Some(file), path);
                return true;
            }
        }
        false
    }

    /// What cannot be cut off is written over.
    fn cut(&mut self) {
        let end = self.end;
        if let Some(file) = &mut self.file
            && let Err(e) = file.set_len(end)
        {
            log::debug!("{}: {e}", self.path.display());
        }
    }
}

/// Every name that a spool of this folder may have.
fn names(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let folder = folder.to_owned();
    let others = (2..=MOST_BESIDE).map(|n| format!("records.{n}.spool"));
    let names = std::iter::once(NAME.to_owned()).chain(others);
    names.map(move |name| folder.join(name))
}

/// Whether another process writes it; if not, it is ours from now on.
fn is_taken(file: &File) -> io::Result<bool> {
    // What is no file holds no rows, and is everybody's.
    if !file.metadata()?.is_file() {
        return Ok(false);
    }
    match file.try_lock() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        // Some file systems have no locks.
        Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => Ok(false),
        Err(TryLockError::Error(e)) => Err(e),
    }
}

/// Where the last whole row ends. What is torn behind it is cut off: nobody would find a row behind that.
fn whole(file: &File, path: &Path) -> io::Result<u64> {
    let length = file.metadata()?.len();
    let mut input = io::BufReader::with_capacity(256 << 10, file);
    let mut at = 0;
    while at < length {
        let Some((_, bytes)) = read_row(&mut input)? else {
            let torn = length - at;
            log::warn!(
                "{}: the last {torn} bytes are torn and are passed over",
                path.display()
            );
            file.set_len(at)?;
            break;
        };
        at += bytes;
    }
    Ok(at)
}

/// A row that is whole, and its length; none in it where it is not one of ours. `None`: torn.
fn read_row(input: &mut impl Read) -> io::Result<Option<(Option<Row>, u64)>> {
    let mut head = [0; HEAD];
    if !filled(input, &mut head)? {
        return Ok(None);
    }
    let [a, b, c, d, sum @ ..] = head;
    let length = usize::try_from(u32::from_le_bytes([a, b, c, d])).unwrap_or(usize::MAX);
    if length == 0 || length > LONGEST {
        return Ok(None);
    }
    let mut said = vec![0; length];
    if !filled(input, &mut said)? || xxh3_64(&said).to_le_bytes() != sum {
        return Ok(None);
    }
    let row = serde_json::from_slice(&said).ok();
    Ok(Some((
        row,
        u64::try_from(HEAD + length).unwrap_or(u64::MAX),
    )))
}

fn filled(input: &mut impl Read, out: &mut [u8]) -> io::Result<bool> {
    match input.read_exact(out) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str) -> Row {
        serde_json::from_value(serde_json::json!({
            "id": id, "at": 1, "status": 200, "ending": "complete", "stream": true, "total_us": 9000,
            "method": "POST", "path": "/", "bytes_in": 0, "bytes_out": 0,
        }))
        .unwrap()
    }

    fn all(spool: &mut Spool) -> Vec<String> {
        let mut ids = Vec::new();
        while !spool.is_empty() {
            let (rows, until) = spool.next(2).unwrap();
            ids.extend(rows.into_iter().map(|row| row.id));
            spool.done(until);
        }
        ids
    }

    #[test]
    fn rows_come_back_in_order_also_after_a_restart_and_then_the_file_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::below(&dir.path().join("data"));
        assert!(spool.is_empty() && !spool.path().exists());
        spool.append(&[row("a"), row("b"), row("c")]).unwrap();
        drop(spool);
        let mut again = Spool::below(&dir.path().join("data"));
        again.append(&[row("d"), row("e")]).unwrap();
        assert_eq!(all(&mut again), ["a", "b", "c", "d", "e"]);
        assert_eq!(std::fs::metadata(again.path()).unwrap().len(), 0);
        again.append(&[row("f")]).unwrap();
        assert_eq!(all(&mut again), ["f"]);
    }

    #[test]
    fn who_starts_beside_another_has_one_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let (mut a, mut b) = (Spool::below(dir.path()), Spool::below(dir.path()));
        a.append(&[row("a")]).unwrap();
        b.append(&[row("b")]).unwrap();
        a.append(&[row("c")]).unwrap();
        assert_eq!(
            (all(&mut a), all(&mut b)),
            (vec!["a".into(), "c".into()], vec!["b".into()])
        );
    }

    #[test]
    fn what_one_beside_us_has_left_is_ours_once_it_is_gone_and_ours_is_through() {
        let dir = tempfile::tempdir().unwrap();
        let (mut a, mut b) = (Spool::below(dir.path()), Spool::below(dir.path()));
        a.append(&[row("a")]).unwrap();
        b.append(&[row("b")]).unwrap();
        assert!(!b.adopt(), "its own is not through");
        assert_eq!(all(&mut b), ["b"]);
        assert!(!b.adopt(), "the other is there");
        drop(a);
        assert!(b.adopt());
        assert_eq!(all(&mut b), ["a"]);
        assert!(!b.adopt(), "nothing is left");
        b.append(&[row("c")]).unwrap();
        assert_eq!(all(&mut b), ["c"]);
    }

    #[test]
    fn a_torn_end_costs_itself_alone() {
        let dir = tempfile::tempdir().unwrap();
        Spool::below(dir.path())
            .append(&[row("a"), row("b")])
            .unwrap();
        let path = dir.path().join(NAME);
        let whole = std::fs::read(&path).unwrap();
        for cut in whole.len() / 2 + 1..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let mut spool = Spool::below(dir.path());
            spool.append(&[row("c")]).unwrap();
            assert_eq!(all(&mut spool), ["a", "c"], "{cut}");
        }
        let mut rotten = whole.clone();
        *rotten.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &rotten).unwrap();
        assert_eq!(all(&mut Spool::below(dir.path())), ["a"]);
    }

    #[test]
    fn a_full_disk_is_an_error_and_takes_nothing_along() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/dev/full", dir.path().join(NAME)).unwrap();
        let mut spool = Spool::below(dir.path());
        assert!(spool.append(&[row("a")]).is_err());
        assert!(spool.is_empty());
        std::fs::remove_file(dir.path().join(NAME)).unwrap();
        let mut spool = Spool::below(dir.path());
        spool.append(&[row("b")]).unwrap();
        assert_eq!(all(&mut spool), ["b"]);
    }
}
