//! Secrets at rest: provider keys are kept encrypted, and only this process's key opens them.
//!
//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) with a random nonce each: 24 bytes, so that chance never repeats one. What
//! is sealed is bound to its place (the object and field that it belongs to): moved elsewhere in the database it does not
//! open. Sealed text begins with the id of its key, so that keys can be exchanged one object at a time.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chacha20poly1305::aead::{Aead, Generate, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use sha2::{Digest, Sha256};

/// The environment variable that holds the key, or several: the first seals, all open.
pub const VARIABLE: &str = "TIDEGATE_SECRET_KEY";
/// The file that is made where there is no such variable.
pub const FILE: &str = "secret.key";

const VERSION: &str = "x1";
const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;

/// Why secrets cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error(
        "{VARIABLE} holds no key: 32 random bytes in base64 are one, as `openssl rand -base64 32` makes them"
    )]
    Variable,
    #[error("{path}: {fault}")]
    File { path: PathBuf, fault: io::Error },
    #[error("{path} holds no key: restore it, or what was sealed with it is lost")]
    Garbage { path: PathBuf },
    #[error("{path} can be read by others: chmod 600 {path}")]
    Open { path: PathBuf },
}

/// Why a sealed secret does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("it was sealed with another key than those of {VARIABLE} or {FILE}")]
    OtherKey,
    #[error("there is no key here: neither {VARIABLE} nor {FILE}")]
    NoKey,
    #[error("it was changed, or belongs to another place")]
    Broken,
}

struct Lock {
    id: String,
    cipher: XChaCha20Poly1305,
}

impl Lock {
    fn new(key: &[u8; KEY_BYTES]) -> Lock {
        let hash = Sha256::digest(key);
        let head = hash.get(..6).unwrap_or_default();
        Lock {
            id: URL_SAFE_NO_PAD.encode(head),
            cipher: XChaCha20Poly1305::new(&Key::from(*key)),
        }
    }
}

/// Seals secrets and opens them.
pub struct Cipher {
    ring: OnceLock<Ring>,
    /// Where a key is looked for, and made, that no variable tells.
    file: PathBuf,
}

struct Ring {
    /// Seals.
    first: Lock,
    others: Vec<Lock>,
}

impl Ring {
    fn locks(&self) -> impl Iterator<Item = &Lock> {
        std::iter::once(&self.first).chain(&self.others)
    }
}

impl Cipher {
    /// The keys of the environment variable, if it is set; else that of the data folder. None where there is none:
    /// [`Cipher::make`] makes one, once it is known that the database has no other.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn of(variable: Option<&str>, data: &Path) -> Result<Cipher, KeyError> {
        let file = data.join(FILE);
        let ring = match variable {
            Some(text) => Some(ring_of(text).ok_or(KeyError::Variable)?),
            None => ring_of_file(&file)?,
        };
        let cell = OnceLock::new();
        if let Some(ring) = ring {
            // It is empty.
            cell.get_or_init(|| ring);
        }
        Ok(Cipher { ring: cell, file })
    }

    /// Makes a key in the data folder, unless there is one.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn make(&self) -> Result<(), KeyError> {
        if self.ring.get().is_some() {
            return Ok(());
        }
        let path = &self.file;
        match make(path) {
            // Another process was faster: its key counts.
            Err(fault) if fault.kind() == io::ErrorKind::AlreadyExists => {}
            made => made.map_err(|fault| KeyError::File {
                path: path.clone(),
                fault,
            })?,
        }
        if let Some(ring) = ring_of_file(path)? {
            self.ring.get_or_init(|| ring);
        }
        Ok(())
    }

    /// Of the key that seals. It tells nothing of the key.
    pub fn id(&self) -> Option<&str> {
        Some(&self.ring.get()?.first.id)
    }

    /// Whether what this key has sealed opens.
    pub fn knows(&self, id: &str) -> bool {
        let ring = self.ring.get();
        ring.is_some_and(|ring| ring.locks().any(|lock| lock.id == id))
    }

    /// Seals a secret for a place.
    ///
    /// # Errors
    /// There is no key. Else never for what fits in memory; the crate leaves it open.
    pub fn seal(&self, place: &str, secret: &str) -> Result<String, OpenError> {
        let first = &self.ring.get().ok_or(OpenError::NoKey)?.first;
        let nonce = XNonce::generate();
        let payload = Payload {
            msg: secret.as_bytes(),
            aad: place.as_bytes(),
        };
        let sealed = first.cipher.encrypt(&nonce, payload);
        let sealed = sealed.map_err(|_| OpenError::Broken)?;
        let bytes = [&nonce[..], &sealed].concat();
        Ok(format!(
            "{VERSION}.{}.{}",
            first.id,
            URL_SAFE_NO_PAD.encode(bytes)
        ))
    }

    /// Opens what was sealed for that place.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(&self, place: &str, sealed: &str) -> Result<String, OpenError> {
        let mut parts = sealed.splitn(3, '.');
        let (Some(VERSION), Some(id), Some(text)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(OpenError::Broken);
        };
        let ring = self.ring.get().ok_or(OpenError::NoKey)?;
        let lock = ring.locks().find(|lock| lock.id == id);
        let lock = lock.ok_or(OpenError::OtherKey)?;
        let bytes = URL_SAFE_NO_PAD.decode(text);
        let bytes = bytes.map_err(|_| OpenError::Broken)?;
        let (nonce, msg) = bytes
            .split_first_chunk::<NONCE_BYTES>()
            .ok_or(OpenError::Broken)?;
        let payload = Payload {
            msg,
            aad: place.as_bytes(),
        };
        let opened = lock.cipher.decrypt(&XNonce::from(*nonce), payload);
        let opened = opened.map_err(|_| OpenError::Broken)?;
        String::from_utf8(opened).map_err(|_| OpenError::Broken)
    }

    /// Whether it was sealed with another key than that which seals now, and should be sealed anew.
    pub fn is_old(&self, sealed: &str) -> bool {
        key_id(sealed) != self.id()
    }
}

/// Without the keys.
impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = self.id().unwrap_or("no key");
        let others = self.ring.get().map_or(0, |ring| ring.others.len());
        write!(f, "Cipher({id} and {others} older)")
    }
}

/// The id of the key that has sealed this text.
pub(super) fn key_id(sealed: &str) -> Option<&str> {
    sealed.split('.').nth(1)
}

fn ring_of(text: &str) -> Option<Ring> {
    let keys: Option<Vec<[u8; KEY_BYTES]>> = text.split(',').map(key_of).collect();
    let mut locks = keys?.into_iter().map(|key| Lock::new(&key));
    let first = locks.next()?;
    Some(Ring {
        first,
        others: locks.collect(),
    })
}

/// `None`: there is no such file.
fn ring_of_file(path: &Path) -> Result<Option<Ring>, KeyError> {
    let path = path.to_owned();
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(fault) => return Err(KeyError::File { path, fault }),
    };
    match fs::metadata(&path).map(|file| file.permissions().mode()) {
        Err(fault) => return Err(KeyError::File { path, fault }),
        Ok(mode) if mode & 0o077 != 0 => return Err(KeyError::Open { path }),
        Ok(_) => {}
    }
    match ring_of(text.trim()) {
        Some(ring) => Ok(Some(ring)),
        None => Err(KeyError::Garbage { path }),
    }
}

/// A key as text: base64 with either alphabet, padded or not.
fn key_of(text: &str) -> Option<[u8; KEY_BYTES]> {
    let text = text.trim().trim_end_matches('=');
    let text = text.replace('+', "-").replace('/', "_");
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// Whole or not there: another process may look for it at this moment.
fn make(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // Nobody else has made it yet where the database is elsewhere.
    super::private::folder(folder)?;
    let key = <Key as Generate>::generate();
    // For its owner alone, as the crate makes them.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(URL_SAFE_NO_PAD.encode(key).as_bytes())?;
    file.write_all(b"\n")?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path).map(drop).map_err(|e| e.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
    const TWO: &str = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA";

    fn told(text: &str) -> Cipher {
        Cipher::of(Some(text), Path::new("/")).unwrap()
    }

    #[test]
    fn what_was_sealed_opens_at_its_place_and_nowhere_else() {
        let cipher = told(ONE);
        let sealed = cipher.seal("provider/a/keys/0", "sk-secret").unwrap();
        assert!(!sealed.contains("secret"));
        let open = |place: &str, sealed: &str| cipher.open(place, sealed);
        assert_eq!(
            open("provider/a/keys/0", &sealed).as_deref(),
            Ok("sk-secret")
        );
        assert_eq!(open("provider/b/keys/0", &sealed), Err(OpenError::Broken));
        let (head, last) = sealed.split_at(sealed.len() - 2);
        let other = if last == "AA" { "BB" } else { "AA" };
        for changed in [format!("{head}{other}"), head.to_owned(), String::new()] {
            assert_eq!(
                open("provider/a/keys/0", &changed),
                Err(OpenError::Broken),
                "{changed}"
            );
        }
        assert_ne!(
            cipher.seal("p", "x").unwrap(),
            cipher.seal("p", "x").unwrap()
        );
    }

    #[test]
    fn keys_are_exchanged_by_putting_the_new_one_first() {
        let old = told(ONE);
        let sealed = old.seal("p", "s").unwrap();
        let both = told(&format!("{TWO}, {ONE}"));
        assert_eq!(both.open("p", &sealed).as_deref(), Ok("s"));
        assert!(both.is_old(&sealed) && !old.is_old(&sealed));
        let anew = both.seal("p", "s").unwrap();
        let new = told(TWO);
        assert_eq!(new.open("p", &anew).as_deref(), Ok("s"));
        assert_eq!(new.open("p", &sealed), Err(OpenError::OtherKey));
    }

    #[test]
    fn the_file_is_made_once_and_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        // A first start makes its folder, too.
        let data = dir.path().join("data");
        let path = data.join(FILE);
        let first = Cipher::of(None, &data).unwrap();
        assert_eq!(first.seal("p", "s"), Err(OpenError::NoKey));
        assert!(!path.exists(), "nobody knows yet whether there is another");
        first.make().unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let sealed = first.seal("p", "s").unwrap();
        let again = Cipher::of(None, &data).unwrap();
        assert_eq!(again.open("p", &sealed).as_deref(), Ok("s"));

        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let refused = Cipher::of(None, &data);
        assert!(matches!(refused, Err(KeyError::Open { .. })), "{refused:?}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "no key").unwrap();
        let refused = Cipher::of(None, &data);
        assert!(
            matches!(refused, Err(KeyError::Garbage { .. })),
            "{refused:?}"
        );
    }

    #[test]
    fn what_is_no_key_is_refused_and_never_shown() {
        for text in ["", "short", "MDEyMzQ1", &format!("{ONE},"), &ONE[1..]] {
            let refused = Cipher::of(Some(text), Path::new("/"));
            assert!(matches!(refused, Err(KeyError::Variable)), "{text}");
        }
        let cipher = told(ONE);
        assert!(!format!("{cipher:?}").contains("0123"));
    }
}
