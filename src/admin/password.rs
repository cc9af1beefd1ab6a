//! Passwords: argon2id, on threads that nobody else waits for, and only a few at a time: each takes 19 MiB.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use argon2::{Argon2, PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;

use super::problem::{Flaw, Problem, Why};

/// At once.
const ROOM: usize = 2;
/// Waiting for room.
const MOST_WAITING: usize = 32;
pub(super) const SHORTEST: usize = 8;
const LONGEST: usize = 1024;

/// What the password of nobody is compared with, so that it takes as long as somebody's. It belongs to no password.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

pub(super) struct Passwords {
    room: Semaphore,
    waiting: AtomicUsize,
}

impl Default for Passwords {
    fn default() -> Passwords {
        Passwords {
            room: Semaphore::new(ROOM),
            waiting: AtomicUsize::new(0),
        }
    }
}

impl Passwords {
    /// Whether it is the password with that hash. `None`: there is no such account, which takes as long.
    ///
    /// # Errors
    /// Too many ask at once.
    pub(super) async fn is(&self, password: String, hash: Option<String>) -> Result<bool, Problem> {
        self.apart(move || {
            let known = hash.is_some();
            let hash = hash.as_deref().unwrap_or(NOBODYS);
            let right = Argon2::default().verify_password(password.as_bytes(), hash);
            right.is_ok() && known
        })
        .await
    }

    /// The hash of a password, as a PHC string.
    ///
    /// # Errors
    /// Too many ask at once.
    pub(super) async fn hash(&self, password: String) -> Result<String, Problem> {
        let hash = self.apart(move || hash(&password)).await?;
        hash.ok_or_else(|| Problem::new(Why::Internal, "The password cannot be hashed."))
    }

    async fn apart<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let _place = Place::take(&self.waiting).ok_or_else(busy)?;
        let _room = self.room.acquire().await.map_err(|_| busy())?;
        let done = tokio::task::spawn_blocking(work).await;
        done.map_err(|_| Problem::new(Why::Internal, "The password cannot be checked."))
    }
}

fn hash(password: &str) -> Option<String> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.ok().map(|hash| hash.to_string())
}

/// Somebody who waits.
struct Place<'a>(&'a AtomicUsize);

impl Place<'_> {
    fn take(waiting: &AtomicUsize) -> Option<Place<'_>> {
        let before = waiting.fetch_add(1, Ordering::AcqRel);
        let place = Place(waiting);
        (before < ROOM + MOST_WAITING).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn busy() -> Problem {
    let detail = "Too many passwords are being checked at once; try again.";
    Problem::new(Why::Unavailable, detail).retry_after(Duration::from_secs(1))
}

/// Whether it can be the password of an account.
///
/// # Errors
/// What is wrong with it; `field` is where it stands in the body.
pub(super) fn check(password: &str, field: &str) -> Result<(), Problem> {
    let short = password.chars().count() < SHORTEST;
    if !short && password.len() <= LONGEST {
        return Ok(());
    }
    let message = match short {
        true => format!("a password has at least {SHORTEST} characters"),
        false => format!("a password has at most {LONGEST} bytes"),
    };
    let flaw = Flaw {
        field: Some(field.to_owned()),
        message,
        ..Flaw::default()
    };
    Err(Problem::new(Why::Invalid, "This cannot be a password.").flaw(flaw))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_known_by_its_hash_and_nobody_has_one() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse".to_owned()).await.unwrap();
        assert!(
            hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{hash}"
        );
        let is = async |password: &str, hash: Option<&str>| {
            let hash = hash.map(str::to_owned);
            passwords.is(password.to_owned(), hash).await.unwrap()
        };
        assert!(is("correct horse", Some(&hash)).await);
        assert!(!is("correct horsf", Some(&hash)).await);
        assert!(!is("", Some(&hash)).await && !is("", None).await);
        assert!(!is("correct horse", Some("no hash")).await);
    }

    #[test]
    fn nobodys_hash_takes_as_long_as_somebodys() {
        let made = hash("x").unwrap();
        let work = |hash: &str| hash.rsplitn(3, '$').last().map(str::to_owned);
        assert_eq!(work(NOBODYS), work(&made));
        assert_eq!(NOBODYS.len(), made.len());
        let refused = Argon2::default().verify_password(b"x", NOBODYS);
        assert!(
            matches!(refused, Err(argon2::password_hash::Error::PasswordInvalid)),
            "it was compared: {refused:?}"
        );
    }

    #[tokio::test]
    async fn only_so_many_wait() {
        let passwords = Passwords::default();
        let all: Vec<_> = (0..ROOM + MOST_WAITING)
            .map(|_| Place::take(&passwords.waiting).unwrap())
            .collect();
        assert!(passwords.is("x".to_owned(), None).await.is_err());
        drop(all);
        assert!(!passwords.is("x".to_owned(), None).await.unwrap());
    }
}
