//! What the fuzz targets try: the vocabulary and the formats of the gateway, and their laws (`tests/laws`).

// The laws name the gateway as all tests do.
extern crate self as tidegate;

#[path = "../../src/ir/mod.rs"]
pub mod ir;
#[path = "../laws/mod.rs"]
pub mod laws;
#[path = "../../src/wire/mod.rs"]
pub mod wire;
