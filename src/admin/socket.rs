//! The sockets between the admin side and the data plane: in a folder that only this process's user may enter, for whoever can
//! connect to them is believed.

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
const PLANE: &str = "plane";
/// A folder that is younger may be of a gateway that does not listen yet.
const YOUNG: Duration = Duration::from_secs(60);

/// Where this process listens for itself alone.
#[derive(Debug, Clone)]
pub struct Sockets {
    /// Where the data plane proxies the admin side's requests to.
    pub admin: PathBuf,
    /// Where the data plane takes calls of ours. `None`: the folder could not be made.
    pub plane: Option<PathBuf>,
}

impl Sockets {
    /// Makes the folder that they will be in: a new one each time, so that nobody waits there for us.
    pub fn made(data: &Path) -> Sockets {
        let temp = std::env::temp_dir();
        let below = if temp.is_dir() { &temp } else { data };
        sweep(below);
        let folder = below.join([FOLDER, &secret::name()].concat());
        let made = DirBuilder::new().mode(0o700).create(&folder);
        if let Err(e) = &made {
            log::error!("no admin side: {} cannot be made: {e}", folder.display());
        }
        Sockets {
            admin: folder.join(NAME),
            plane: made.ok().map(|()| folder.join(PLANE)),
        }
    }

    pub(super) fn bind(&self) -> io::Result<UnixListener> {
        UnixListener::bind(&self.admin)
    }

    pub(super) fn remove(&self) {
        remove(&self.admin);
    }
}

fn remove(socket: &Path) {
    let folder = socket.parent().unwrap_or(Path::new("/"));
    let names = [NAME, PLANE].into_iter();
    let files = names.map(|name| folder.join(name));
    files.for_each(|file| drop(fs::remove_file(file)));
    if let Err(e) = fs::remove_dir(folder) {
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
    async fn only_its_owner_comes_to_the_sockets_and_nothing_stays_of_them() {
        let sockets = Sockets::made(Path::new("/nowhere"));
        let _listener = sockets.bind().unwrap();
        let folder = sockets.admin.parent().unwrap();
        let mode = fs::metadata(folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        assert!(sockets.bind().is_err(), "what is there already is not used");
        assert!(UnixStream::connect(&sockets.admin).is_ok());
        let other = Sockets::made(Path::new("/nowhere"));
        assert_ne!(other.admin, sockets.admin);
        other.remove();
        sockets.remove();
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
