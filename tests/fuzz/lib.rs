//! What the fuzz targets try: the vocabulary and the formats of the gateway, and their laws (`tests/laws`).

// The laws name the gateway as all tests do.
extern crate self as tidegate;

#[path = "../../src/ir/mod.rs"]
pub mod ir;
#[path = "../laws/mod.rs"]
pub mod laws;
mod mutate;
#[path = "../../src/wire/mod.rs"]
pub mod wire;

/// What an input is behind its first bytes.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    Body,
    Stream,
}

/// A mutator for inputs of that kind behind `head` bytes: in three of four cases it keeps JSON what it is, else, and where
/// there is no JSON, any bytes are changed.
pub fn mutate(data: &mut [u8], size: usize, seed: u32, kind: Kind, head: usize) -> usize {
    let max = data.len();
    let made = match (seed % 4, kind) {
        (0, _) => None,
        (_, Kind::Body) => mutate::body(&data[..size], head, seed),
        (_, Kind::Stream) => mutate::stream(&data[..size], head, seed),
    };
    match made.filter(|made| made.len() <= max) {
        Some(made) => {
            data[..made.len()].copy_from_slice(&made);
            made.len()
        }
        None => libfuzzer_sys::fuzzer_mutate(data, size, max),
    }
}
