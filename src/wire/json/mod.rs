//! JSON for conversions: documents read once and walked freely, texts written in order.
//!
//! Owns [`Document`] (one pass over a text checks it whole (RFC 8259) and notes where every value stands; [`Value`]s are
//! then walked without parsing anything again, and borrow from the text), [`Path`]s of values by their offset, and
//! [`Writer`], which puts commas and escapes where they belong. Values say where they stand ([`crate::ir::At`]), so that
//! what gets lost can be named.
//!
//! Never does: trees, maps, numbers as floats. Same-format traffic does not come here; its bytes pass as they are.
//!
//! Start with [`Document::read`].

mod document;
mod line;
mod path;
mod read;
mod twice;
mod value;
mod write;

pub use document::{Document, NotJson};
pub use line::{escape_separators, on_one_line};
pub use path::{path_of, paths_of};
pub use twice::given_twice;
pub use value::{Kind, Misfit, Value};
pub use write::Writer;
