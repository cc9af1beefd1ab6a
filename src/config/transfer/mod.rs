//! Configurations that leave the gateway and come to it: export, import, and what an import would change.
//!
//! Owns what the objects of a configuration look like outside: [`export`] writes file and database as one file of our own
//! format, [`import`] reads such a file, or that of another gateway (S3's `provider.json`, S1's `app.yml`, LiteLLM's
//! `config.yaml`), as objects, and [`diff`] says what they would change. It never decides whether a configuration is good:
//! whoever puts imported objects in force asks `load` first. It writes nothing and asks no network; an export reads what
//! `load` reads.
//!
//! To import: [`import`], [`diff`] for people to see, `load` with what would then be there, and write what the diff says.
//! What an import cannot carry over is a [`Note`] with its place, never silence. `carry` is what all foreign forms are
//! carried into: vendor accounts that become providers, pools that become models.

mod app_yml;
mod carry;
mod diff;
mod export;
mod import;
mod left_out;
mod litellm;
mod note;
mod provider_json;
mod tree;
mod yaml_out;

pub use diff::{Change, Diff, Field, Mode, What, diff};
pub use export::{Exported, Secrets, export};
pub use import::{Form, Imported, import};
pub use left_out::LeftOut;
pub use note::{Note, Weight};
