//! Who may log in: accounts and their roles.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, LOCATION};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::door::{ADMIN_KEY, Editor, LOCAL};
use super::first::GATEWAY;
use super::input::Body;
use super::problem::{Flaw, Problem, Why};
use super::{Admin, password, routes, time};
use crate::store::{Account, Amended, Amendment, Role};

const LONGEST_NAME: usize = 64;

/// An account.
#[derive(Serialize, ToSchema)]
pub(super) struct AccountOf {
    name: String,
    role: RoleName,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    updated_at: String,
}

/// `admin` changes everything, `viewer` looks.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum RoleName {
    Admin,
    Viewer,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Role {
        match name {
            RoleName::Admin => Role::Admin,
            RoleName::Viewer => Role::Viewer,
        }
    }
}

impl From<Account> for AccountOf {
    fn from(account: Account) -> AccountOf {
        AccountOf {
            name: account.name,
            role: match account.role {
                Role::Admin => RoleName::Admin,
                Role::Viewer => RoleName::Viewer,
            },
            created_at: time::rfc3339(account.created_at),
            updated_at: time::rfc3339(account.updated_at),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct Accounts {
    items: Vec<AccountOf>,
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewAccount {
    /// Letters, digits, `.`, `-` and `_`.
    #[schema(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9._-]+$")]
    name: String,
    role: RoleName,
    /// At least 8 characters.
    #[schema(min_length = 8)]
    password: String,
}

/// What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ChangedAccount {
    #[serde(default)]
    role: Option<RoleName>,
    /// At least 8 characters.
    #[serde(default)]
    #[schema(min_length = 8)]
    password: Option<String>,
}

/// All accounts
#[utoipa::path(
    get,
    path = "/accounts",
    tag = "accounts",
    responses((status = 200, description = "By name", body = Accounts))
)]
pub(super) async fn list(State(admin): State<Arc<Admin>>) -> Result<Json<Accounts>, Problem> {
    let accounts = admin.store()?.accounts().await?;
    let items = accounts.into_iter().map(AccountOf::from).collect();
    Ok(Json(Accounts { items }))
}

/// Make an account
#[utoipa::path(
    post,
    path = "/accounts",
    tag = "accounts",
    request_body = NewAccount,
    responses(
        (status = 201, description = "Made", body = AccountOf, headers(("Location" = String))),
        (status = 409, description = "The name is given", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn create(
    State(admin): State<Arc<Admin>>,
    Editor(who): Editor,
    Body(asked): Body<NewAccount>,
) -> Result<Response, Problem> {
    check_name(&asked.name)?;
    password::check(&asked.password, "password")?;
    let now = time::now();
    let account = Account {
        hash: admin.passwords.hash(asked.password).await?,
        name: asked.name,
        role: asked.role.into(),
        told: None,
        created_at: now,
        updated_at: now,
    };
    if !admin.store()?.add_account(&account, &who.author()).await? {
        let detail = format!("There is an account `{}` already.", account.name);
        return Err(Problem::new(Why::Conflict, detail));
    }
    let place = [routes::ROOT, "/accounts/", &account.name].concat();
    let place = HeaderValue::try_from(place)
        .map_err(|_| Problem::new(Why::Internal, "The account's place cannot be told."))?;
    let made = Json(AccountOf::from(account));
    Ok((StatusCode::CREATED, [(LOCATION, place)], made).into_response())
}

/// One account
#[utoipa::path(
    get,
    path = "/accounts/{name}",
    tag = "accounts",
    params(("name" = String, Path, description = "Of the account")),
    responses(
        (status = 200, description = "The account", body = AccountOf),
        (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn show(
    State(admin): State<Arc<Admin>>,
    Path(name): Path<String>,
) -> Result<Json<AccountOf>, Problem> {
    let account = admin.store()?.account(&name).await?;
    let account = account.ok_or_else(|| unknown(&name))?;
    Ok(Json(account.into()))
}

/// Change an account
///
/// With another password or role all its sessions end.
#[utoipa::path(
    put,
    path = "/accounts/{name}",
    tag = "accounts",
    params(("name" = String, Path, description = "Of the account")),
    request_body = ChangedAccount,
    responses(
        (status = 200, description = "The account as it is now", body = AccountOf),
        (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The last admin stays one", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn change(
    State(admin): State<Arc<Admin>>,
    Editor(who): Editor,
    Path(name): Path<String>,
    Body(asked): Body<ChangedAccount>,
) -> Result<Json<AccountOf>, Problem> {
    let store = admin.store()?;
    let hash = match asked.password {
        Some(password) => {
            password::check(&password, "password")?;
            Some(admin.passwords.hash(password).await?)
        }
        None => None,
    };
    let amendment = Amendment {
        role: asked.role.map(Role::from),
        hash,
        told: None,
    };
    let by = (&who.author(), time::now());
    let amended = store.amend_account(&name, &amendment, None, by);
    done(amended.await?, &name)?;
    show(State(admin.clone()), Path(name)).await
}

/// Delete an account
#[utoipa::path(
    delete,
    path = "/accounts/{name}",
    tag = "accounts",
    params(("name" = String, Path, description = "Of the account")),
    responses(
        (status = 204, description = "Gone, and its sessions"),
        (status = 404, description = "There is none", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "The last admin stays", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn delete(
    State(admin): State<Arc<Admin>>,
    Editor(who): Editor,
    Path(name): Path<String>,
) -> Result<StatusCode, Problem> {
    let author = who.author();
    let deleted = admin.store()?.delete_account(&name, &author).await;
    done(deleted?, &name)?;
    Ok(StatusCode::NO_CONTENT)
}

fn done(amended: Amended, name: &str) -> Result<(), Problem> {
    match amended {
        Amended::Done => Ok(()),
        Amended::Unknown => Err(unknown(name)),
        Amended::LastAdmin => {
            let detail =
                format!("`{name}` is the last admin; without one nobody could change anything.");
            Err(Problem::new(Why::Conflict, detail))
        }
    }
}

fn unknown(name: &str) -> Problem {
    Problem::new(Why::NotFound, format!("There is no account `{name}`."))
}

fn check_name(name: &str) -> Result<(), Problem> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let message = if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(plain) {
        "1 to 64 letters, digits, `.`, `-` and `_`".to_owned()
    } else if [ADMIN_KEY, LOCAL, GATEWAY].contains(&name) {
        format!("`{name}` stands for something else in the audit log")
    } else {
        return Ok(());
    };
    let flaw = Flaw {
        field: Some("name".to_owned()),
        message,
        ..Flaw::default()
    };
    Err(Problem::new(Why::Invalid, "This cannot be the name of an account.").flaw(flaw))
}
