//! The configuration: one Pingora YAML with a strict `gateway:` section.
//!
//! Two levels. *As written*: the YAML tree with the position of every node (`file`). *As meant*: [`Gateway`], which cannot be invalid (`check`).
//! Between them every problem of a file is found, not only the first, and shown with its line (`report`).
//! This room reads files that the configuration names (secrets) and nothing else; it knows no Pingora type.

mod gateway;
mod secret;

pub use gateway::*;
pub use secret::Secret;
