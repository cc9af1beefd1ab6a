//! The socket that the admin side listens on: in a folder that only this process's user may enter, for whoever can
//! connect to it is believed what it says of the caller.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::net::UnixListener;

use super::secret;
use crate::clock;

const FOLDER: &str = "tidegate-admin-";
const NAME: &str = "socket";
/// A folder that is younger may be of a gateway that does not listen yet.
const YOUNG: Duration = Duration::from_secs(60);

/// Where the socket of this process will be. The name is a new one each time: nobody waits there for us.
pub fn place(data: &Path) -> PathBuf {
    let temp = std::env::temp_dir();
    let below = if temp.is_dir() { &temp } else { data };
    below.join([FOLDER, &secret::name()].concat()).join(NAME)
}

/// Makes the folder and listens.
pub(super) fn bind(socket: &Path) -> io::Result<UnixListener> {
    let folder = socket.parent().unwrap_or(Path::new("/"));
    sweep(folder.parent().unwrap_or(Path::new("/")));
    DirBuilder::new().mode(0o700).create(folder)?;
    UnixListener::bind(socket)
}

pub(super) fn remove(socket: &Path) {
    let folder = socket.parent().unwrap_or(Path::new("/"));
    let removed = fs::remove_file(socket).and_then(|()| fs::remove_dir(folder));
    if let Err(e) = removed {
        log::debug!("{} stays: {e}", folder.display());
    }
}

/// Takes away what processes have left that were killed.
fn sweep(below: &Path) {
    let Ok(entries) = fs::read_dir(below) else {
        return;
    };
    let ours = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with(FOLDER);
    for entry in entries.flatten().filter(|entry| ours(&entry.file_name())) {
        let socket = entry.path().join(NAME);
        let refused = || {
            UnixStream::connect(&socket)
                .is_err_and(|e| e.kind() == io::ErrorKind::ConnectionRefused)
        };
        if is_old(&entry) && refused() {
            remove(&socket);
        }
    }
}

fn is_old(entry: &fs::DirEntry) -> bool {
    let modified = entry.metadata().and_then(|meta| meta.modified());
    let since = modified.ok().and_then(|at| {
        let at = at.duration_since(std::time::UNIX_EPOCH).ok()?;
        clock::wall().checked_sub(at)
    });
    since.is_some_and(|since| since > YOUNG)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn only_its_owner_comes_to_the_socket_and_nothing_stays_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("tidegate-admin-x").join(NAME);
        let _listener = bind(&socket).unwrap();
        let folder = socket.parent().unwrap();
        let mode = fs::metadata(folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(bind(&socket).is_err(), "what is there already is not used");
        assert!(UnixStream::connect(&socket).is_ok());
        remove(&socket);
        assert!(!folder.exists());
    }

    #[test]
    fn a_dead_socket_is_taken_away_and_a_living_one_stays() {
        let dir = tempfile::tempdir().unwrap();
        let old = clock::wall() - 2 * YOUNG;
        let make = |name: &str| {
            let folder = dir.path().join([FOLDER, name].concat());
            fs::create_dir(&folder).unwrap();
            let listener = std::os::unix::net::UnixListener::bind(folder.join(NAME)).unwrap();
            let at = std::time::UNIX_EPOCH + old;
            fs::File::open(&folder).unwrap().set_modified(at).unwrap();
            (folder, listener)
        };
        let (living, _listens) = make("living");
        let (dead, listened) = make("dead");
        drop(listened);
        sweep(dir.path());
        assert!(living.exists() && !dead.exists());
    }
}
