//! Rows on their way to a database that is away: a file that is only appended to, and read in order when it is back.
//!
//! A row is its length (4 bytes), a checksum of what follows (8 bytes, XXH3), and JSON; numbers are little-endian. What a
//! crash or a full disk has torn at the end is passed over, and cut off before the next row. A row within that cannot be
//! read (rotten, or longer than any that is written here) costs itself alone; it is counted as lost.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::private;
use super::row::Row;
use crate::telemetry::metrics;

const NAME: &str = "records.spool";
/// Days of a busy gateway. A database that is away for longer is not coming back by itself.
const MOST: u64 = 4 << 30;
/// The longest row that is written, and read: one with two bodies as long as they may be kept, in base64, fits. From one
/// that does not its bodies are left out.
const LONGEST: usize = 32 << 20;
const HEAD: usize = 12;
const HEAD_BYTES: u64 = 12;
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
    /// Rows that were given up, since somebody last asked.
    lost: u64,
}

/// What stands at a place of the file, and how long it is.
enum Found {
    Row(Box<Row>, u64),
    /// Whole, but nothing that can be read.
    Unreadable(u64),
    /// Not there as far as it says: nothing can be behind it.
    Torn,
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
            lost: 0,
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
        let mut lost = 0;
        for row in rows {
            lost += u64::from(!write_row(&mut bytes, row)?);
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
                self.lost += lost;
            }
            Err(_) => self.cut(),
        }
        written
    }

    /// Rows that were given up since the last time: too long even without their bodies, or not to be read again.
    pub(super) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
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
        let path = path.display().to_string();
        let file = self.open()?;
        file.seek(SeekFrom::Start(from))?;
        let mut input = io::BufReader::with_capacity(256 << 10, file);
        let (mut rows, mut at, mut lost) = (Vec::new(), from, 0);
        let mut torn = false;
        while rows.len() < most && at < end && at - from < AT_ONCE {
            match read_row(&mut input, end - at)? {
                Found::Row(row, length) => {
                    rows.push(*row);
                    at += length;
                }
                Found::Unreadable(length) => {
                    log::warn!(
                        "{path}: a record of {length} bytes cannot be read and is passed over"
                    );
                    lost += 1;
                    at += length;
                }
                Found::Torn => {
                    tell_torn(&path, end - at);
                    (torn, lost) = (true, lost + 1);
                    break;
                }
            }
        }
        self.lost += lost;
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
            private::folder(folder)?;
            for path in names(folder) {
                let mut options = OpenOptions::new();
                let options = options.read(true).write(true).create(true);
                let file = private::open(options.truncate(false), &path)?;
                if is_taken(&file)? {
                    continue;
                }
                self.end = self.whole(&file, &path)?;
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
            if let Ok(end) = self.whole(&file, &path) {
                (self.read, self.end) = (0, end);
                (self.file, self.path) = (Some(file), path);
                return true;
            }
        }
        false
    }

    /// Where the last whole row ends. What is torn behind it is cut off: nobody would find a row behind that.
    fn whole(&mut self, file: &File, path: &Path) -> io::Result<u64> {
        let length = file.metadata()?.len();
        let mut input = io::BufReader::with_capacity(256 << 10, file);
        let mut at = 0;
        while at < length {
            match read_row(&mut input, length - at)? {
                Found::Row(_, bytes) | Found::Unreadable(bytes) => at += bytes,
                Found::Torn => {
                    tell_torn(&path.display().to_string(), length - at);
                    self.lost += 1;
                    file.set_len(at)?;
                    break;
                }
            }
        }
        Ok(at)
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

fn tell_torn(path: &str, bytes: u64) {
    log::warn!("{path}: the last {bytes} bytes are torn and are passed over");
}

/// Appends a row as it stands in the file: without its bodies where it would be longer than any that is read. `false`:
/// it is longer even so, and nothing is appended.
fn write_row(out: &mut Vec<u8>, row: &Row) -> io::Result<bool> {
    let from = out.len();
    if append_row(out, row)? <= LONGEST {
        return Ok(true);
    }
    out.truncate(from);
    let mut bare = row.clone();
    if bare.bodies.take().is_some() {
        metrics::BODIES_LOST.inc();
        log::warn!("the bodies of {} are too long to be kept", row.id);
        if append_row(out, &bare)? <= LONGEST {
            return Ok(true);
        }
        out.truncate(from);
    }
    log::error!("the record of {} is too long to be kept", row.id);
    Ok(false)
}

/// How long its JSON is.
fn append_row(out: &mut Vec<u8>, row: &Row) -> io::Result<usize> {
    let from = out.len();
    out.extend_from_slice(&[0; HEAD]);
    serde_json::to_writer(&mut *out, row)?;
    let said = out.get(from + HEAD..).unwrap_or_default();
    let (length, sum) = (said.len(), xxh3_64(said));
    let told = u32::try_from(length).unwrap_or(u32::MAX);
    let head = told.to_le_bytes().into_iter().chain(sum.to_le_bytes());
    for (slot, byte) in out.iter_mut().skip(from).zip(head) {
        *slot = byte;
    }
    Ok(length)
}

/// What begins here, with so many bytes to the end.
fn read_row(input: &mut impl Read, left: u64) -> io::Result<Found> {
    let mut head = [0; HEAD];
    if !filled(input, &mut head)? {
        return Ok(Found::Torn);
    }
    let [a, b, c, d, sum @ ..] = head;
    let length = u64::from(u32::from_le_bytes([a, b, c, d]));
    let whole = length + HEAD_BYTES;
    if length == 0 || whole > left {
        return Ok(Found::Torn);
    }
    let size = usize::try_from(length).unwrap_or(usize::MAX);
    if size > LONGEST {
        let same = sum_of(input, length)? == Some(sum);
        return Ok(match same {
            true => Found::Unreadable(whole),
            // Not even the length is to be believed.
            false => Found::Torn,
        });
    }
    let mut said = vec![0; size];
    if !filled(input, &mut said)? {
        return Ok(Found::Torn);
    }
    let sound = xxh3_64(&said).to_le_bytes() == sum;
    let row = sound.then(|| serde_json::from_slice(&said).ok()).flatten();
    Ok(match row {
        Some(row) => Found::Row(Box::new(row), whole),
        None => Found::Unreadable(whole),
    })
}

/// The checksum of what is too long to be held. `None`: it is not all there.
fn sum_of(input: &mut impl Read, length: u64) -> io::Result<Option<[u8; 8]>> {
    let mut input = input.take(length);
    let (mut sum, mut piece, mut read) = (Xxh3::new(), vec![0; 64 << 10], 0);
    loop {
        let got = input.read(&mut piece)?;
        if got == 0 {
            break;
        }
        sum.update(piece.get(..got).unwrap_or_default());
        read += u64::try_from(got).unwrap_or(0);
    }
    Ok((read == length).then(|| sum.digest().to_le_bytes()))
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
    fn what_cannot_be_read_costs_itself_alone_and_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        let mut bytes = Vec::new();
        append_row(&mut bytes, &row("a")).unwrap();
        let rotten = bytes.len() + HEAD + 3;
        append_row(&mut bytes, &row("b")).unwrap();
        let mut long = row("c");
        long.asked_model = Some("z".repeat(LONGEST + 1));
        append_row(&mut bytes, &long).unwrap();
        append_row(&mut bytes, &row("d")).unwrap();
        bytes[rotten] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let mut spool = Spool::below(dir.path());
        assert_eq!(all(&mut spool), ["a", "d"]);
        assert_eq!((spool.take_lost(), spool.take_lost()), (2, 0));
    }

    #[test]
    fn nothing_is_written_that_could_not_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let mut spool = Spool::below(dir.path());
        let mut long = row("b");
        long.bodies = Some(crate::store::bodies::Sealed {
            request: vec![7; LONGEST],
            response: Vec::new(),
            request_cut: false,
            response_cut: false,
        });
        let mut hopeless = row("c");
        hopeless.path = "z".repeat(LONGEST);
        spool.append(&[row("a"), long, hopeless, row("d")]).unwrap();
        drop(spool.file.take());
        let mut spool = Spool {
            lost: spool.lost,
            ..Spool::below(dir.path())
        };
        let (rows, until) = spool.next(9).unwrap();
        let ids: Vec<&str> = rows.iter().map(|row| &*row.id).collect();
        assert_eq!(ids, ["a", "b", "d"]);
        assert!(rows[1].bodies.is_none());
        spool.done(until);
        assert_eq!((spool.is_empty(), spool.take_lost()), (true, 1));
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
