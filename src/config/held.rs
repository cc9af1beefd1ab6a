//! The files of a configuration as they were when it was loaded: what was good once can be loaded again with other
//! objects beside it, whatever has become of the files.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::check;

/// What was read, by its path.
#[derive(Clone, Default)]
pub struct Held(Arc<BTreeMap<PathBuf, Vec<u8>>>);

/// Without what was read: secrets stand in it.
impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Reads files, those that are held as they were.
#[derive(Debug, Clone, Default)]
pub(super) struct Reader {
    held: Option<Held>,
    read: Held,
}

impl Reader {
    pub(super) fn new(held: Option<Held>) -> Reader {
        Reader {
            held,
            read: Held::default(),
        }
    }

    /// The content of a file of at most `limit` bytes, or why not.
    pub(super) fn read(&mut self, path: &Path, limit: u64) -> Result<Vec<u8>, String> {
        let content = match self.kept(path) {
            Some(content) => content.clone(),
            None => check::read(path, limit)?,
        };
        self.note(path, content.clone());
        Ok(content)
    }

    /// Whether there is such a file, which may do without.
    pub(super) fn has(&self, path: &Path) -> bool {
        match &self.held {
            Some(held) => held.0.contains_key(path),
            None => path.exists(),
        }
    }

    /// Whether a file can be found whose content is somebody else's to read.
    pub(super) fn look_for(&mut self, path: &Path) -> std::io::Result<()> {
        if self.kept(path).is_none() {
            std::fs::metadata(path)?;
        }
        self.note(path, Vec::new());
        Ok(())
    }

    fn kept(&self, path: &Path) -> Option<&Vec<u8>> {
        self.held.as_ref()?.0.get(path)
    }

    fn note(&mut self, path: &Path, content: Vec<u8>) {
        Arc::make_mut(&mut self.read.0).insert(path.to_owned(), content);
    }

    /// Everything that was read.
    pub(super) fn done(self) -> Held {
        self.read
    }
}
