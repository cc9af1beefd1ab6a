//! Where lines go: standard error, or a file that reopens on SIGHUP.
//!
//! A request only appends to a buffer in memory; a thread of its own writes it out ten times a second, so no request
//! waits for a disk. When the disk does not keep up, lines are dropped and counted rather than memory filled.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::mem;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::telemetry::metrics;

/// Unwritten bytes at which lines are dropped.
const MOST_PENDING: usize = 8 << 20;
/// Unwritten bytes at which the writer is woken before its time.
const WAKE_AT: usize = 256 << 10;
const EVERY: Duration = Duration::from_millis(100);

/// A shared, buffered line writer. Clones write to the same place.
#[derive(Clone)]
pub struct Sink {
    shared: Arc<Shared>,
}

struct Shared {
    pending: Mutex<Vec<u8>>,
    wake: Condvar,
    out: Mutex<Out>,
}

enum Out {
    Stderr,
    File { path: PathBuf, file: File },
}

impl Sink {
    /// A sink to standard error.
    pub fn stderr() -> Sink {
        Sink::to(Out::Stderr)
    }

    /// A sink that appends to `path`.
    ///
    /// # Errors
    /// When the file cannot be opened for appending.
    pub fn file(path: PathBuf) -> io::Result<Sink> {
        let file = append_to(&path)?;
        Ok(Sink::to(Out::File { path, file }))
    }

    fn to(out: Out) -> Sink {
        let shared = Shared {
            pending: Mutex::new(Vec::new()),
            wake: Condvar::new(),
            out: Mutex::new(out),
        };
        Sink {
            shared: Arc::new(shared),
        }
    }

    /// Starts the thread that writes out what is pending. Until then only [`Sink::flush`] does: a thread made before
    /// the process goes into the background would not be there afterwards.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn keep_writing(&self) -> io::Result<()> {
        let weak = Arc::downgrade(&self.shared);
        let thread = std::thread::Builder::new().name("log".to_owned());
        thread.spawn(move || {
            while let Some(shared) = weak.upgrade() {
                shared.wait();
                shared.write_out();
            }
        })?;
        Ok(())
    }

    /// Appends lines, each of which ends in a line feed.
    pub fn lines(&self, lines: &[u8]) {
        let mut pending = self.shared.pending.lock();
        if pending.len() + lines.len() > MOST_PENDING {
            metrics::LOG_LINES_DROPPED.inc_by(count(lines));
            return;
        }
        let before = pending.len();
        pending.extend_from_slice(lines);
        if before < WAKE_AT && pending.len() >= WAKE_AT {
            self.shared.wake.notify_one();
        }
    }

    /// Writes out what is pending, now and in this thread.
    pub fn flush(&self) {
        self.shared.write_out();
    }

    /// Opens the file again (it was rotated away). Standard error stays as it is.
    ///
    /// # Errors
    /// When the file cannot be opened; the old one stays in use.
    pub fn reopen(&self) -> io::Result<()> {
        self.flush();
        let mut out = self.shared.out.lock();
        if let Out::File { path, file } = &mut *out {
            *file = append_to(path)?;
        }
        Ok(())
    }

    /// Turns to another file, or to standard error.
    ///
    /// # Errors
    /// When the file cannot be opened; the old place stays in use.
    pub fn redirect(&self, to: Option<PathBuf>) -> io::Result<()> {
        self.flush();
        let new = match to {
            None => Out::Stderr,
            Some(path) => Out::File {
                file: append_to(&path)?,
                path,
            },
        };
        *self.shared.out.lock() = new;
        Ok(())
    }
}

impl Shared {
    fn wait(&self) {
        let mut pending = self.pending.lock();
        if pending.len() < WAKE_AT {
            self.wake.wait_for(&mut pending, EVERY);
        }
    }

    fn write_out(&self) {
        // The order of the two locks: `out` first, so that two writers cannot swap their batches.
        let mut out = self.out.lock();
        let batch = mem::take(&mut *self.pending.lock());
        if batch.is_empty() {
            return;
        }
        let written = match &mut *out {
            Out::Stderr => io::stderr().lock().write_all(&batch),
            Out::File { file, .. } => file.write_all(&batch),
        };
        drop(out);
        if written.is_err() {
            metrics::LOG_LINES_DROPPED.inc_by(count(&batch));
        }
        self.give_back(batch);
    }

    /// Keeps the batch's memory for the next one.
    fn give_back(&self, mut batch: Vec<u8>) {
        batch.clear();
        let mut pending = self.pending.lock();
        if pending.capacity() == 0 && batch.capacity() <= 1 << 20 {
            *pending = batch;
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.write_out();
    }
}

/// For `env_logger`: every write is a whole line and is written out at once.
impl Write for Sink {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.lines(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Sink::flush(self);
        Ok(())
    }
}

/// How many lines there are.
fn count(lines: &[u8]) -> u64 {
    u64::try_from(memchr::memchr_iter(b'\n', lines).count()).unwrap_or(1)
}

fn append_to(path: &PathBuf) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_reach_the_file_in_order_and_a_rotated_file_is_opened_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("access.log");
        let sink = Sink::file(path.clone()).unwrap();
        sink.lines(b"one\n");
        sink.lines(b"two\n");
        sink.flush();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        std::fs::rename(&path, dir.path().join("access.log.1")).unwrap();
        sink.reopen().unwrap();
        sink.lines(b"three\n");
        sink.flush();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "three\n");
    }

    #[test]
    fn a_flood_drops_lines_instead_of_filling_memory() {
        let dir = tempfile::tempdir().unwrap();
        let sink = Sink::file(dir.path().join("flood.log")).unwrap();
        let hold = sink.shared.out.lock();
        let line = vec![b'x'; 1 << 20];
        for _ in 0..32 {
            sink.lines(&line);
        }
        assert!(sink.shared.pending.lock().len() <= MOST_PENDING);
        drop(hold);
    }
}
