//! How the gateway is.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Admin, time};
use crate::clock;
use crate::config::{AuthMode, Database, Listen};
use crate::telemetry::metrics;

/// How the gateway is.
#[derive(Serialize, ToSchema)]
pub(super) struct Status {
    /// Of this binary.
    version: &'static str,
    /// Name of the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<String>,
    pid: u32,
    #[schema(format = DateTime)]
    started_at: String,
    uptime_ms: u64,
    /// As the configuration says now, here and below; what of it waits for the next start is in `restart_needed`.
    listen: Vec<Listener>,
    /// The admin side's own address, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    admin_listen: Option<Listener>,
    database: DatabaseOf,
    /// Folder of what is kept over restarts.
    data: String,
    /// Who may call models: `auto`, `keys`, `open`.
    auth: &'static str,
    /// The built-in demo vendor is one of the providers.
    demo: bool,
    /// The configuration file, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// The files were changed, and are not in force because of what is wrong with them.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<FilesRefused>,
    /// Settings that have changed since the start and take effect at the next one only.
    #[schema(example = json!(["gateway.listen"]))]
    restart_needed: Vec<String>,
    /// Requests to models, as of now.
    in_flight: i64,
    records: Records,
}

#[derive(Serialize, ToSchema)]
struct Listener {
    #[schema(example = "0.0.0.0:8899")]
    address: String,
    tls: bool,
}

#[derive(Serialize, ToSchema)]
struct FilesRefused {
    /// When they were first seen so.
    #[schema(format = DateTime)]
    since: String,
    /// What is wrong, each with its file, line and column.
    problems: Vec<String>,
}

/// Objects, requests and statistics are in it.
#[derive(Serialize, ToSchema)]
struct DatabaseOf {
    /// `sqlite`, `postgresql`
    kind: &'static str,
    /// `up`; `away`: records wait in the spool; `missing`: it could not be opened at the start, nothing is kept.
    state: &'static str,
}

/// Of finished requests.
#[derive(Serialize, ToSchema)]
struct Records {
    written: u64,
    /// Neither in the database nor in the spool.
    lost: u64,
    /// Bytes of the spool.
    spooled_bytes: i64,
}

/// How the gateway is
#[utoipa::path(
    get,
    path = "/status",
    tag = "gateway",
    responses((status = 200, description = "As of now", body = Status))
)]
pub(super) async fn show(State(admin): State<Arc<Admin>>) -> Json<Status> {
    let snapshot = admin.live.snapshot();
    let gateway = &snapshot.gateway;
    let begun = admin.house.started();
    let started = &begun.gateway;
    let uptime = clock::now().since(admin.started);
    let uptime_ms = time::whole_millis(uptime);
    let since = time::now() - i64::try_from(uptime_ms).unwrap_or(0);
    let lost = ["full", "spool", "refused"];
    let lost = lost.map(|why| metrics::RECORDS_LOST.with_label_values(&[why]).get());
    Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        node: node(),
        pid: std::process::id(),
        started_at: time::rfc3339(since),
        uptime_ms,
        listen: started.listen.iter().map(Listener::of).collect(),
        admin_listen: started.admin_listen.as_ref().map(Listener::of),
        database: DatabaseOf {
            kind: match &started.database {
                Database::Sqlite(_) => "sqlite",
                Database::Postgres(_) => "postgresql",
            },
            state: state(&admin),
        },
        data: started.data.display().to_string(),
        auth: match gateway.auth {
            AuthMode::Auto => "auto",
            AuthMode::Keys => "keys",
            AuthMode::Open => "open",
        },
        demo: admin.house.loaded().uses_demo,
        file: admin.house.file().map(|file| file.display().to_string()),
        refused: admin.house.refused().map(|refused| FilesRefused {
            since: time::rfc3339(i64::try_from(refused.at.as_millis()).unwrap_or(i64::MAX)),
            problems: refused.lines.clone(),
        }),
        restart_needed: admin.house.restart_needed(),
        in_flight: metrics::IN_FLIGHT.get(),
        records: Records {
            written: metrics::RECORDS_WRITTEN.get(),
            lost: lost.iter().sum(),
            spooled_bytes: metrics::RECORD_SPOOL.get(),
        },
    })
}

/// As `tidegate_record_store_up` says it.
fn state(admin: &Admin) -> &'static str {
    match &admin.store {
        None => "missing",
        Some(store) if store.is_up() => "up",
        Some(_) => "away",
    }
}

impl Listener {
    fn of(listen: &Listen) -> Listener {
        Listener {
            address: listen.addr.to_string(),
            tls: listen.tls.is_some(),
        }
    }
}

/// As the kernel calls this machine.
fn node() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}
