//! What there is: every call and page, and what stands around them.

use std::borrow::Cow;
use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::Method;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::problem::{self, Problem, Why};
use super::{
    Admin, accounts, audit, docs, events, figures, frame, guard, input, login, objects, openapi,
    playground, providers, request_file, requests, seeds, standings, status, transfer, ui,
};

/// Below it stands the API.
pub(super) const ROOT: &str = "/admin/api/v1";
/// Another name of it.
const ALIAS: &str = "/api/admin";

/// The calls, below [`ROOT`].
fn api() -> OpenApiRouter<Arc<Admin>> {
    OpenApiRouter::new()
        .routes(routes!(login::log_in))
        .routes(routes!(login::log_out))
        .routes(routes!(login::session))
        .routes(routes!(login::change_password))
        .routes(routes!(accounts::list, accounts::create))
        .routes(routes!(accounts::show, accounts::change, accounts::delete))
        .routes(routes!(status::show))
        .merge(objects::routes())
        .routes(routes!(objects::rotate))
        .routes(routes!(objects::order_routes))
        .routes(routes!(providers::probe))
        .routes(routes!(providers::pull))
        .routes(routes!(providers::test))
        .routes(routes!(providers::keys, providers::add_key))
        .routes(routes!(providers::delete_key, providers::patch_key))
        .routes(routes!(standings::endpoints))
        .routes(routes!(standings::limits))
        .routes(routes!(standings::reset))
        .routes(routes!(figures::figures))
        .routes(routes!(figures::overview))
        .routes(routes!(requests::list))
        .routes(routes!(request_file::export))
        .routes(routes!(requests::show))
        .routes(routes!(requests::bodies))
        .routes(routes!(audit::list))
        .routes(routes!(events::events))
        .routes(routes!(playground::send))
        .routes(routes!(playground::explain))
        .routes(routes!(transfer::export))
        .routes(routes!(transfer::import))
        .routes(routes!(transfer::reload))
        .routes(routes!(openapi::serve))
}

/// Every call that the document has.
pub(super) fn documented() -> OpenApiRouter<Arc<Admin>> {
    OpenApiRouter::with_openapi(openapi::head())
        .nest(ROOT, api())
        .merge(seeds::routes())
}

/// The path of a call as the document has it.
pub(super) fn unaliased(path: &str) -> Cow<'_, str> {
    match path.strip_prefix(ALIAS) {
        Some(below) => Cow::Owned([ROOT, below].concat()),
        None => Cow::Borrowed(path),
    }
}

/// Everything that the admin side serves.
pub(super) fn router(admin: Arc<Admin>) -> Router {
    let (calls, _) = documented().split_for_parts();
    let (again, _) = api().split_for_parts();
    let calls = calls.nest(ALIAS, again);
    let calls = calls.route_layer(from_fn_with_state(admin.clone(), guard::guard));
    let pages = Router::new()
        .route("/", get(ui::page))
        .route("/ui", get(ui::page))
        .route("/ui/", get(ui::page))
        .route("/ui/{*path}", get(ui::below))
        .route("/docs", get(docs::page))
        .route("/docs/{*name}", get(docs::file));
    calls
        .merge(pages)
        .fallback(nothing)
        .method_not_allowed_fallback(another_method)
        .layer(DefaultBodyLimit::max(input::LONGEST_BODY))
        .layer(from_fn(problem::tell))
        .layer(from_fn_with_state(admin.clone(), frame::frame))
        .with_state(admin)
}

async fn nothing() -> Problem {
    Problem::new(Why::NotFound, "There is nothing at this path.")
}

/// `Allow` says which.
async fn another_method(method: Method) -> Problem {
    let detail = format!("This path does not take {method}; `Allow` says what it takes.");
    Problem::new(Why::MethodNotAllowed, detail)
}
