//! The configuration: one Pingora YAML with a strict `gateway:` section.
//!
//! Two levels. *As written*: the YAML tree with the position of every node (`file`). *As meant*: [`Gateway`], which cannot be invalid (`check`).
//! Between them every problem of a file is found, not only the first, and shown with its line (`report`).
//! This room reads files that the configuration names (secrets) and nothing else; it knows no Pingora type.
//!
//! Start at [`load`]: `text` and `yaml` read the file, `fill` puts variables in, `objects` adds what a database declares, `check` turns the tree into a [`Gateway`], and `report` says what is
//! wrong with it. The environment is an argument ([`Env`]); `dotenv` reads the file that stands under it. `vendors.yaml` is what holds with no configuration.

mod calendar;
mod check;
mod defaults;
mod dotenv;
mod env;
mod file;
mod fill;
mod gateway;
mod held;
pub mod hidden;
mod load;
mod objects;
mod outline;
mod prices;
mod report;
mod routes;
mod secret;
mod suggest;
mod syntax;
mod text;
pub mod transfer;
mod yaml;

pub use calendar::{Calendar, Cron};
pub use check::is_model_name;
pub use defaults::{ShippedPrice, default_settings, shipped_prices};
pub use env::Env;
pub use gateway::*;
pub use held::Held;
pub use load::{
    Loaded, Overrides, Source, any_address, has_variable, listen_address, listeners, load,
    log_level, needs_demo, needs_restart,
};
pub use objects::{Declared, Home, Kind, Object};
pub use outline::{Outline, outline};
pub use prices::{Long, Price, Prices, Rate, Rates};
pub use report::{Place, Problem, Report, Severity, Style};
pub use routes::{BodyPath, BodyStep, Route, Target, When};
pub use secret::{KeyHash, Secret};
pub use text::{Origin, Span};
