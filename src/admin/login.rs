//! Logging in and out, one's own session and password.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{COOKIE, HeaderValue, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::door::{COOKIE_NAME, IDLE, LONGEST, Viewer, Who, millis};
use super::first::ADMIN;
use super::input::Body;
use super::problem::{Flaw, Problem, Why};
use super::visitor::Visitor;
use super::{Admin, password, secret, time};
use crate::clock;
use crate::store::{Amended, Amendment, Role};

/// Who wants in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Credentials {
    /// Default: `admin`.
    #[serde(default)]
    account: Option<String>,
    password: String,
}

/// Who is logged in.
#[derive(Serialize, ToSchema)]
pub(super) struct SessionOf {
    account: String,
    #[schema(example = "admin")]
    role: &'static str,
    /// What goes into `x-csrf-token` of whatever changes something. Absent: a bearer, who needs none.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf: Option<String>,
    /// When the session ends if nobody uses it. Absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// Who asks.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum Met {
    Somebody(SessionOf),
    Nobody {
        /// `null`: nobody is logged in.
        account: (),
    },
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewPassword {
    /// The one so far.
    old: String,
    /// At least 8 characters.
    #[schema(min_length = 8)]
    new: String,
}

/// Log in
///
/// Begins a session, kept in a cookie: it ends after 12 hours without use, and after 7 days. Who was wrong a few times
/// has to wait.
#[utoipa::path(
    post,
    path = "/login",
    tag = "session",
    request_body = Credentials,
    responses(
        (status = 200, description = "Logged in; the session is in the cookie `tidegate_session`", body = SessionOf),
        (status = 401, description = "Wrong account or password", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Wrong too often: wait as long as `Retry-After` says", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The database does not answer", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn log_in(
    State(admin): State<Arc<Admin>>,
    headers: HeaderMap,
    Body(asked): Body<Credentials>,
) -> Result<Response, Problem> {
    let visitor = Visitor::of(&headers);
    let name = asked.account.unwrap_or_else(|| ADMIN.to_owned());
    let attempt = admin.throttle.attempt(visitor.client, &name, clock::now());
    attempt.map_err(|wait| {
        let detail = "The password was wrong too often; wait before you try it again.";
        Problem::new(Why::TooMany, detail).retry_after(wait)
    })?;
    let role = match prove(&admin, &name, asked.password).await {
        Ok(Some(role)) => role,
        Ok(None) => {
            log::warn!(
                "admin: a login failed, from {}",
                visitor
                    .client
                    .map_or_else(|| "-".to_owned(), |client| client.to_string())
            );
            return Err(Problem::unauthenticated(
                "The account or the password is wrong.",
            ));
        }
        Err(problem) => {
            admin.throttle.undecided(visitor.client, &name);
            return Err(problem);
        }
    };
    admin.throttle.right(visitor.client, &name);
    let (token, now) = (secret::token(), time::now());
    let hash = secret::digest(&token);
    admin.store()?.begin_session(&hash, &name, now).await?;
    log::info!("admin: `{name}` has logged in");
    let session = SessionOf {
        account: name,
        role: role.name(),
        csrf: Some(secret::csrf(&token)),
        expires_at: Some(time::rfc3339(now + millis(IDLE))),
    };
    let cookie = cookie(&token, LONGEST.as_secs(), visitor);
    Ok(([(SET_COOKIE, cookie?)], Json(session)).into_response())
}

/// The role of an account whose password it is.
async fn prove(admin: &Admin, name: &str, password: String) -> Result<Option<Role>, Problem> {
    let account = admin.store()?.account(name).await?;
    let hash = account.as_ref().map(|account| account.hash.clone());
    let right = admin.passwords.is(password, hash).await?;
    Ok(account.filter(|_| right).map(|account| account.role))
}

fn cookie(token: &str, seconds: u64, visitor: Visitor) -> Result<HeaderValue, Problem> {
    let secure = if visitor.tls { "; Secure" } else { "" };
    let text = format!(
        "{COOKIE_NAME}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}"
    );
    let mut value = HeaderValue::try_from(text)
        .map_err(|_| Problem::new(Why::Internal, "The session cannot be kept."))?;
    value.set_sensitive(true);
    Ok(value)
}

/// Log out
#[utoipa::path(
    post,
    path = "/logout",
    tag = "session",
    responses((status = 204, description = "The session has ended"))
)]
pub(super) async fn log_out(
    State(admin): State<Arc<Admin>>,
    headers: HeaderMap,
    Viewer(who): Viewer,
) -> Result<Response, Problem> {
    if let Some(held) = &who.session {
        admin.store()?.end_session(&held.hash).await?;
    }
    let mut answer = StatusCode::NO_CONTENT.into_response();
    if headers.contains_key(COOKIE) {
        let gone = cookie("", 0, Visitor::of(&headers))?;
        answer.headers_mut().insert(SET_COOKIE, gone);
    }
    Ok(answer)
}

/// Who am I
///
/// Also nobody is told so: whoever comes with nothing, or with a session that is over.
#[utoipa::path(
    get,
    path = "/session",
    tag = "session",
    responses((status = 200, description = "Who is logged in", body = Met))
)]
pub(super) async fn session(who: Option<Extension<Arc<Who>>>) -> Json<Met> {
    let Some(Extension(who)) = who else {
        return Json(Met::Nobody { account: () });
    };
    let Who {
        account,
        role,
        session,
        ..
    } = Who::clone(&who);
    Json(Met::Somebody(SessionOf {
        account,
        role: role.name(),
        expires_at: session.as_ref().map(|held| time::rfc3339(held.expires_at)),
        csrf: session.map(|held| held.csrf),
    }))
}

/// Change one's own password
///
/// All other sessions of the account end.
#[utoipa::path(
    put,
    path = "/session/password",
    tag = "session",
    request_body = NewPassword,
    responses(
        (status = 204, description = "Changed"),
        (status = 409, description = "A bearer has no password", body = Problem, content_type = "application/problem+json"),
        (status = 429, description = "Wrong too often", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn change_password(
    State(admin): State<Arc<Admin>>,
    Viewer(who): Viewer,
    Body(asked): Body<NewPassword>,
) -> Result<StatusCode, Problem> {
    let Some(held) = &who.session else {
        let detail = "Who comes with a key has no password; log in as the account, or PUT it to /accounts/NAME.";
        return Err(Problem::new(Why::Conflict, detail));
    };
    password::check(&asked.new, "new")?;
    let attempt = admin
        .throttle
        .attempt(who.client, &who.account, clock::now());
    attempt.map_err(|wait| {
        let detail = "The password was wrong too often; wait before you try it again.";
        Problem::new(Why::TooMany, detail).retry_after(wait)
    })?;
    match prove(&admin, &who.account, asked.old).await {
        Ok(Some(_)) => admin.throttle.right(who.client, &who.account),
        Ok(None) => {
            let flaw = Flaw {
                field: Some("old".to_owned()),
                message: "this is not the password so far".to_owned(),
                ..Flaw::default()
            };
            return Err(Problem::new(Why::Invalid, "The old password is wrong.").flaw(flaw));
        }
        Err(problem) => {
            admin.throttle.undecided(who.client, &who.account);
            return Err(problem);
        }
    }
    let amendment = Amendment {
        hash: Some(admin.passwords.hash(asked.new).await?),
        ..Amendment::default()
    };
    let (store, by) = (admin.store()?, (&who.author(), time::now()));
    let amended = store.amend_account(&who.account, &amendment, Some(&held.hash), by);
    match amended.await? {
        Amended::Done => Ok(StatusCode::NO_CONTENT),
        Amended::Unknown | Amended::LastAdmin => {
            Err(Problem::new(Why::NotFound, "The account is gone."))
        }
    }
}
