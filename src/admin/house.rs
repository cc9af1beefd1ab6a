//! What the admin side asks of the rest of the program: to try a configuration, and to put it in force.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::config::transfer::{Exported, Secrets};
use crate::config::{Gateway, Kind, Loaded, Object, Report};
use crate::store::Shelf;

/// The configuration in force, and how it changes. Calls block: they read files and wait for each other.
pub trait House: Send + Sync {
    /// What is in force.
    fn loaded(&self) -> Arc<Loaded>;

    /// What of it takes effect at the next start only: names of settings. Those of before the start hold until then.
    fn restart_needed(&self) -> Vec<String>;

    /// What the process was started with: where it listens, where its data and its database are.
    fn started(&self) -> Arc<Loaded>;

    /// The configuration file. `None`: there is none.
    fn file(&self) -> Option<PathBuf>;

    /// The newest state of the files, where that is not in force because of what is wrong with it.
    fn refused(&self) -> Option<Arc<Refused>>;

    /// Whether the environment has a variable.
    fn has_variable(&self, name: &str) -> bool;

    /// Objects of the database that are not in force, because of what is wrong with them.
    fn left_out(&self) -> Vec<LeftOut>;

    /// Whether a configuration with these objects could be in force; and what it would be. Objects that
    /// are left out already may stay so, but for `touched`.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    fn try_on(&self, objects: &[Object], touched: &[(Kind, String)]) -> Result<Tried, Report>;

    /// Puts objects in force as the database has them, unless newer ones are already.
    ///
    /// # Errors
    /// [`Refusal`]: what was in force stays so.
    fn put_on(&self, shelf: &Shelf) -> Result<(), Refusal>;

    /// The whole configuration as one file, with what the database declares.
    ///
    /// # Errors
    /// It is broken.
    fn export(&self, secrets: Secrets) -> Result<Exported, Report>;

    /// Reads the configuration's files again.
    ///
    /// # Errors
    /// [`Refusal`]: what was in force stays so.
    fn reload(&self) -> Result<Vec<String>, Refusal>;
}

/// Files that were read again and are not in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// When they were read first, since the Unix epoch.
    pub at: Duration,
    /// What is wrong, each with its place.
    pub lines: Vec<String>,
}

/// A configuration that could be in force.
#[derive(Debug)]
pub struct Tried {
    pub gateway: Gateway,
    /// What of it would take effect at the next start only.
    pub restart: Vec<String>,
}

/// An object of the database that is not in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    pub kind: Kind,
    pub name: String,
    pub why: String,
}

/// Why a configuration is not in force.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    #[error("{0}")]
    Wrong(Box<Report>),
    #[error("{0}")]
    Wiring(String),
}
