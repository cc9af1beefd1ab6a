//! Secrets of the admin side's own making, and how they are compared: as hashes, in constant time.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// In the data folder: opens the API to commands on this machine.
const TOKEN_FILE: &str = "admin.token";
const LOCK_FILE: &str = "admin.lock";
/// Without letters and digits that look alike.
const LETTERS: &[u8; 32] = b"23456789abcdefghijkmnpqrstuvwxyz";

/// A random token: 256 bits, as text that stands in headers and cookies.
pub(super) fn token() -> String {
    URL_SAFE_NO_PAD.encode(random::<32>())
}

/// A random name of 12 letters.
pub(super) fn name() -> String {
    letters(random::<12>())
}

/// A random password of 100 bits that can be typed: `k7w2d-…`.
pub(super) fn password() -> String {
    let text = letters(random::<20>());
    let bytes: Vec<char> = text.chars().collect();
    let groups = bytes
        .chunks(5)
        .map(|group| group.iter().collect::<String>());
    groups.collect::<Vec<_>>().join("-")
}

fn letters<const N: usize>(random: [u8; N]) -> String {
    let letter = |byte: u8| LETTERS.get(usize::from(byte & 31)).copied();
    let letters = random.into_iter().filter_map(letter);
    letters.map(char::from).collect()
}

/// The system's randomness. Where there is none, nothing that needs it may go on.
#[allow(
    clippy::panic,
    reason = "a system without randomness cannot keep a secret; a guessable one would be worse than none"
)]
fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    if let Err(e) = getrandom::fill(&mut bytes) {
        panic!("the system has no randomness: {e}");
    }
    bytes
}

/// SHA-256 in hexadecimal digits: of what is random by itself, and needs no more.
pub(super) fn digest(secret: &str) -> String {
    let bytes = Sha256::digest(secret.as_bytes());
    let mut text = String::with_capacity(64);
    for byte in bytes {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(digit.into(), 16));
        }
    }
    text
}

/// Says nothing of where they differ.
pub(super) fn same(one: &str, other: &str) -> bool {
    let (one, other) = (
        Sha256::digest(one.as_bytes()),
        Sha256::digest(other.as_bytes()),
    );
    one.ct_eq(&other).into()
}

/// What goes with a session's token into every request that changes something. Whoever knows it does not know the token.
pub(super) fn csrf(token: &str) -> String {
    let hash = Sha256::new()
        .chain_update(b"tidegate csrf\0")
        .chain_update(token.as_bytes())
        .finalize();
    URL_SAFE_NO_PAD.encode(hash)
}

/// What opens the API to whoever may read this process's files. Gateways that share a data folder share it: the first
/// makes it, whoever starts beside it takes it over, and the last takes it away.
#[derive(Default)]
pub(super) struct LocalToken(Mutex<Held>);

#[derive(Default)]
struct Held {
    /// Empty: nobody is let in by it.
    text: String,
    /// Locked by everybody who holds the token, as long as they live.
    lock: Option<File>,
}

impl LocalToken {
    pub(super) fn is(&self, presented: &str) -> bool {
        let held = self.0.lock();
        !held.text.is_empty() && same(&held.text, presented)
    }

    /// Takes over the one in the data folder, where another gateway holds it; else makes one, for its owner alone.
    pub(super) fn take(&self, data: &Path) -> io::Result<()> {
        let path = data.join(TOKEN_FILE);
        let told = |e: io::Error| {
            io::Error::new(e.kind(), format!("cannot write {}: {e}", path.display()))
        };
        let mut folder = DirBuilder::new();
        folder
            .recursive(true)
            .mode(0o700)
            .create(data)
            .map_err(told)?;
        let lock = lock_file(data).map_err(told)?;
        let mut held = self.0.lock();
        // Where there are no locks nobody can tell: as if it were alone.
        let alone = !matches!(lock.try_lock(), Err(TryLockError::WouldBlock));
        if alone {
            held.text = token();
            write(&held.text, data).map_err(told)?;
            lock.unlock().or_else(unsupported).map_err(told)?;
        }
        lock.lock_shared().or_else(unsupported).map_err(told)?;
        // Another may have thought itself alone in between; what stands there now stays.
        let there = fs::read_to_string(&path).unwrap_or_default();
        match there.trim() {
            "" if !alone => {
                held.text = token();
                write(&held.text, data).map_err(told)?;
            }
            "" => {}
            there => there.clone_into(&mut held.text),
        }
        held.lock = Some(lock);
        Ok(())
    }

    /// Unless another gateway holds it too.
    pub(super) fn remove(&self, data: &Path) {
        let path = data.join(TOKEN_FILE);
        let Some(lock) = self.0.lock().lock.take() else {
            return;
        };
        // The lock that this process shares is its own: it alone can make more of it.
        let alone = !matches!(lock.try_lock(), Err(TryLockError::WouldBlock));
        let ours = fs::read_to_string(&path).is_ok_and(|text| self.is(text.trim()));
        if alone
            && ours
            && let Err(e) = fs::remove_file(&path)
        {
            log::debug!("{} stays: {e}", path.display());
        }
    }
}

fn unsupported(e: io::Error) -> io::Result<()> {
    match e.kind() {
        io::ErrorKind::Unsupported => Ok(()),
        _ => Err(e),
    }
}

fn lock_file(data: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let options = options.write(true).create(true).truncate(false).mode(0o600);
    options.open(data.join(LOCK_FILE))
}

fn write(text: &str, data: &Path) -> io::Result<()> {
    let path = data.join(TOKEN_FILE);
    // What stands there may be open to others; a new file is not.
    let new = data.join(format!("{TOKEN_FILE}.{}", name()));
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(&new);
    file.and_then(|mut file| file.write_all(format!("{text}\n").as_bytes()))
        .and_then(|()| fs::rename(&new, &path))
}

impl fmt::Debug for LocalToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_token_file_is_its_owners_alone_whatever_stood_there() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(TOKEN_FILE);
        fs::write(&path, "old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        let token = LocalToken::default();
        token.take(dir.path()).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = fs::read_to_string(&path).unwrap();
        assert!(token.is(text.trim()) && !token.is("") && !token.is("old"));
        assert!(!format!("{token:?}").contains(text.trim()));
        token.remove(dir.path());
        assert!(!path.exists());
    }

    #[test]
    fn gateways_of_one_folder_share_a_token_until_the_last_has_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(TOKEN_FILE);
        let text = || fs::read_to_string(&path).unwrap().trim().to_owned();
        let (a, b, c) = <(LocalToken, LocalToken, LocalToken)>::default();
        a.take(dir.path()).unwrap();
        let first = text();
        b.take(dir.path()).unwrap();
        assert!(a.is(&first) && b.is(&first) && text() == first);
        a.remove(dir.path());
        assert_eq!(text(), first, "another holds it");
        c.take(dir.path()).unwrap();
        assert!(c.is(&first));
        b.remove(dir.path());
        // Killed: nobody takes it away, and nobody holds it.
        drop(c);
        a.take(dir.path()).unwrap();
        assert!(a.is(&text()) && !a.is(&first));
        a.remove(dir.path());
        assert!(!path.exists());
    }

    #[test]
    fn what_is_made_is_new_each_time_and_as_long_as_it_says() {
        assert_ne!(token(), token());
        assert_eq!(
            (token().len(), name().len(), password().len()),
            (43, 12, 23)
        );
        assert_ne!(csrf("a"), csrf("b"));
        assert_eq!(digest("").len(), 64);
        assert!(digest("abc").starts_with("ba7816bf"), "FIPS 180-2, B.1");
    }
}
