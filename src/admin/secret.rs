//! Secrets of the admin side's own making, and how they are compared: as hashes, in constant time.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// In the data folder: opens the API to commands on this machine.
const TOKEN_FILE: &str = "admin.token";
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

/// What opens the API to whoever may read this process's files: another one at each start.
pub(super) struct LocalToken(String);

impl LocalToken {
    pub(super) fn make() -> LocalToken {
        LocalToken(token())
    }

    pub(super) fn is(&self, presented: &str) -> bool {
        same(&self.0, presented)
    }

    /// Into the data folder, for its owner alone.
    pub(super) fn write(&self, data: &Path) -> io::Result<()> {
        let path = data.join(TOKEN_FILE);
        let told = |e: io::Error| {
            io::Error::new(e.kind(), format!("cannot write {}: {e}", path.display()))
        };
        fs::create_dir_all(data).map_err(told)?;
        // What stands there may be open to others; a new file is not.
        let new = data.join(format!("{TOKEN_FILE}.{}", name()));
        let mut options = OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&new);
        let written = file
            .and_then(|mut file| file.write_all(format!("{}\n", self.0).as_bytes()))
            .and_then(|()| fs::rename(&new, &path));
        written.map_err(told)
    }

    /// Unless another gateway has written its own meanwhile.
    pub(super) fn remove(&self, data: &Path) {
        let path = data.join(TOKEN_FILE);
        let ours = fs::read_to_string(&path).is_ok_and(|text| self.is(text.trim()));
        if ours && let Err(e) = fs::remove_file(&path) {
            log::debug!("{} stays: {e}", path.display());
        }
    }
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
        let token = LocalToken::make();
        token.write(dir.path()).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = fs::read_to_string(&path).unwrap();
        assert!(token.is(text.trim()) && !token.is("") && !token.is("old"));
        assert!(!format!("{token:?}").contains(text.trim()));
        LocalToken::make().remove(dir.path());
        assert!(path.exists(), "of another gateway");
        token.remove(dir.path());
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
