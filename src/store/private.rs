//! What is kept is for the user alone whose gateway it is: it holds what was said, and hashes of passwords.
//!
//! Files are `rw-------`, also those that were there already: an earlier version has made them readable by all. A folder
//! that is made is `rwx------`; one that was there stays as whoever made it wanted it, and says who may look into it.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Makes a folder, and those above it, where they are not there.
///
/// # Errors
/// It cannot be made.
pub(super) fn folder(path: &Path) -> io::Result<()> {
    if path.as_os_str().is_empty() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Opens a file, which is made where `options` say so, and shuts others out.
///
/// # Errors
/// Those of opening it.
pub(super) fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let file = options.mode(0o600).open(path)?;
    if file.metadata()?.is_file() {
        shut(path);
    }
    Ok(file)
}

/// Shuts others out of a file. Whoever does not own it cannot; that is no reason not to use it.
pub(super) fn shut(path: &Path) {
    let Ok(meta) = std::fs::metadata(path) else {
        return;
    };
    let mode = meta.permissions().mode();
    if meta.is_file()
        && mode & 0o077 != 0
        && let Err(e) = std::fs::set_permissions(path, Permissions::from_mode(mode & 0o700))
    {
        log::warn!("others may read {}: {e}", path.display());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn what_is_made_is_its_users_alone_and_what_was_there_becomes_so() {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join("a/b");
        folder(&inner).unwrap();
        assert_eq!((mode(&inner), mode(&dir.path().join("a"))), (0o700, 0o700));
        std::fs::set_permissions(&inner, Permissions::from_mode(0o755)).unwrap();
        folder(&inner).unwrap();
        assert_eq!(mode(&inner), 0o755, "whoever made it wanted it so");
        let (new, old) = (inner.join("new"), inner.join("old"));
        std::fs::write(&old, "x").unwrap();
        std::fs::set_permissions(&old, Permissions::from_mode(0o664)).unwrap();
        for path in [&new, &old] {
            open(OpenOptions::new().append(true).create(true), path).unwrap();
            assert_eq!(mode(path), 0o600);
        }
        shut(&inner.join("none"));
        shut(&inner);
        assert_eq!(mode(&inner), 0o755);
    }
}
