//! Who asks: a browser with a session, a program with the admin key, or a command on this machine with its token.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};

use super::guard::For;
use super::problem::{Problem, Why};
use super::visitor::Visitor;
use super::{Admin, secret, time};
use crate::clock;
use crate::config::Secret;
use crate::store::{Author, Role, Session};

/// A session that nobody uses for so long is over.
pub(super) const IDLE: Duration = Duration::from_secs(12 * 3600);
/// And each, after so long.
pub(super) const LONGEST: Duration = Duration::from_secs(7 * 86_400);
/// How often it is written that a session is used.
const TOUCH: Duration = Duration::from_secs(60);

pub(super) const COOKIE_NAME: &str = "tidegate_session";
const CSRF: &str = "x-csrf-token";

/// The name under which the admin key acts, and the token of this machine's commands. No account can have them.
pub(super) const ADMIN_KEY: &str = "admin-key";
pub(super) const LOCAL: &str = "local";

/// Somebody who has been let in.
#[derive(Clone)]
pub(crate) struct Who {
    pub account: String,
    pub role: Role,
    pub client: Option<IpAddr>,
    /// `None`: a bearer, who needs none.
    pub session: Option<Held>,
}

impl Who {
    /// As the audit log names it.
    pub(crate) fn author(&self) -> Author {
        Author {
            account: self.account.clone(),
            client: self.client.map(|client| client.to_string()),
        }
    }
}

/// A session, and what its browser holds.
#[derive(Clone)]
pub(crate) struct Held {
    pub(super) hash: String,
    pub(super) csrf: String,
    /// Milliseconds since the Unix epoch.
    pub(super) expires_at: i64,
}

/// Who is not let in.
pub(super) enum Stranger {
    /// They come with nothing, or with a session that is over.
    Nobody(Problem),
    /// With something that is wrong, or cannot be looked at now.
    Wrong(Problem),
}

impl From<Stranger> for Problem {
    fn from(stranger: Stranger) -> Problem {
        match stranger {
            Stranger::Nobody(problem) | Stranger::Wrong(problem) => problem,
        }
    }
}

impl From<Problem> for Stranger {
    fn from(problem: Problem) -> Stranger {
        Stranger::Wrong(problem)
    }
}

/// Whoever may look: every call that is no `GET` has asked already whether its caller may change anything.
pub(crate) struct Viewer(pub Arc<Who>);

/// Who may change everything. For what only admins may even see.
pub(crate) struct Editor(pub Arc<Who>);

impl<S: Send + Sync> FromRequestParts<S> for Viewer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Viewer, Problem> {
        let who = parts.extensions.get::<Arc<Who>>();
        who.cloned().map(Viewer).ok_or_else(nobody)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Editor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Editor, Problem> {
        let Viewer(who) = Viewer::from_request_parts(parts, state).await?;
        may(&who, For::Admins).map(|()| Editor(who))
    }
}

fn nobody() -> Problem {
    Problem::unauthenticated(
        "Log in, or send the admin key as `Authorization: Bearer`. On the gateway's own machine DATA/admin.token holds one.",
    )
}

/// Whether somebody who was let in may do it.
///
/// # Errors
/// What is missing.
pub(super) fn may(who: &Who, whom: For) -> Result<(), Problem> {
    if whom == For::Admins && who.role < Role::Admin {
        let detail = format!(
            "The account `{}` is a {}: it may look, and change nothing.",
            who.account,
            who.role.name()
        );
        return Err(Problem::new(Why::Forbidden, detail));
    }
    Ok(())
}

/// Who sends a request.
///
/// # Errors
/// Nobody who is known; or a request that may be another page's.
pub(super) async fn who(
    admin: &Admin,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Who, Stranger> {
    let client = Visitor::of(headers).client;
    if let Some(said) = headers.get(AUTHORIZATION) {
        let account = bearer(admin, said.to_str().unwrap_or(""), client)?;
        return Ok(Who {
            account: account.to_owned(),
            role: Role::Admin,
            client,
            session: None,
        });
    }
    let token = cookie(headers).ok_or_else(|| Stranger::Nobody(nobody()))?;
    let who = session(admin, token, client, time::now()).await?;
    if !matches!(*method, Method::GET | Method::HEAD) {
        not_forged(headers, &secret::csrf(token))?;
    }
    Ok(who)
}

/// The account of who presents the admin key, or this machine's token.
fn bearer(admin: &Admin, said: &str, client: Option<IpAddr>) -> Result<&'static str, Problem> {
    let (scheme, value) = said.split_once(' ').unwrap_or((said, ""));
    let value = value.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || value.is_empty() {
        return Err(Problem::unauthenticated(
            "This API takes `Authorization: Bearer` and no other scheme.",
        ));
    }
    let snapshot = admin.live.snapshot();
    let key = snapshot.gateway.admin_key.as_ref().map(Secret::reveal);
    // Both, always: how long it takes says nothing.
    let is_key = key.is_some_and(|key| secret::same(key, value));
    let is_local = admin.token.is(value);
    // 256 random bits cannot be guessed: whoever has them need not wait for others.
    if is_local {
        return Ok(LOCAL);
    }
    let now = clock::now();
    if let Some(wait) = admin.throttle.bearer_waits(client, now) {
        let detail = "Wrong admin keys came too often; wait before you send the next.";
        return Err(Problem::new(Why::TooMany, detail).retry_after(wait));
    }
    if is_key {
        return Ok(ADMIN_KEY);
    }
    admin.throttle.bearer_was_wrong(client, now);
    let from = client.map_or_else(|| "-".to_owned(), |client| client.to_string());
    log::warn!("admin: a wrong admin key, from {from}");
    Err(Problem::unauthenticated(
        "This is not the admin key of this gateway.",
    ))
}

/// The session's token.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(COOKIE).into_iter();
    let pairs = lines.filter_map(|line| line.to_str().ok());
    let pairs = pairs.flat_map(|line| line.split(';')).map(str::trim);
    let mut values = pairs.filter_map(|pair| pair.strip_prefix(COOKIE_NAME)?.strip_prefix('='));
    values.find(|value| !value.is_empty())
}

async fn session(
    admin: &Admin,
    token: &str,
    client: Option<IpAddr>,
    now: i64,
) -> Result<Who, Stranger> {
    let over = || {
        Stranger::Nobody(Problem::unauthenticated(
            "Your session is over; log in again.",
        ))
    };
    let (store, hash) = (admin.store()?, secret::digest(token));
    let session = store.session(&hash).await.map_err(Problem::from)?;
    let session = session.ok_or_else(over)?;
    if is_over(&session, now) {
        return Err(over());
    }
    if now - session.seen_at > millis(TOUCH) {
        // Who looks may look while the database cannot be written.
        if let Err(e) = store.touch_session(&hash, now).await {
            log::debug!("admin: a session's use is not written: {e}");
        }
    }
    Ok(Who {
        account: session.account,
        role: session.role,
        client,
        session: Some(Held {
            csrf: secret::csrf(token),
            hash,
            expires_at: (session.created_at + millis(LONGEST)).min(now + millis(IDLE)),
        }),
    })
}

fn is_over(session: &Session, now: i64) -> bool {
    now - session.created_at > millis(LONGEST) || now - session.seen_at > millis(IDLE)
}

pub(super) fn millis(of: Duration) -> i64 {
    i64::try_from(of.as_millis()).unwrap_or(i64::MAX)
}

/// A browser sends its cookie also for pages of others; what stands in this header only our own page knows.
fn not_forged(headers: &HeaderMap, csrf: &str) -> Result<(), Problem> {
    let said = headers.get(CSRF).and_then(|said| said.to_str().ok());
    if said.is_some_and(|said| secret::same(said, csrf)) {
        return Ok(());
    }
    let detail = format!(
        "With a session, what changes something needs the header `{CSRF}`: the `csrf` that logging in, or GET {}/session, has told.",
        super::routes::ROOT
    );
    Err(Problem::new(Why::Forbidden, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    fn session(created_at: i64, seen_at: i64) -> Session {
        Session {
            account: "a".to_owned(),
            role: Role::Viewer,
            created_at,
            seen_at,
        }
    }

    #[test]
    fn a_session_ends_after_12_hours_of_silence_and_after_7_days_whatever_is_done() {
        assert!(!is_over(&session(0, 0), 12 * HOUR));
        assert!(is_over(&session(0, 0), 12 * HOUR + 1));
        assert!(!is_over(&session(0, 167 * HOUR), 168 * HOUR));
        assert!(is_over(&session(0, 168 * HOUR), 168 * HOUR + 1));
        // A clock that was set back ends nobody's session.
        assert!(!is_over(&session(HOUR, HOUR), 0));
    }

    #[test]
    fn the_session_is_found_among_other_cookies() {
        let told = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(COOKIE, line.parse().unwrap());
            }
            cookie(&headers).map(str::to_owned)
        };
        assert_eq!(
            told(&["a=b; tidegate_session=t; c=d"]).as_deref(),
            Some("t")
        );
        assert_eq!(told(&["a=b", "tidegate_session=t"]).as_deref(), Some("t"));
        assert_eq!(told(&["tidegate_sessions=t; xtidegate_session=t"]), None);
        assert_eq!(told(&["tidegate_session="]), None);
    }
}
