//! What holds for any bytes whatsoever: checked by the tests on what is written by hand, made up or recorded, and by the
//! fuzz targets (`tests/fuzz`) on what nobody thought of.
//!
//! Nothing here reads a file or knows a test framework: a law that is broken panics.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a law that is broken says so by a panic"
)]
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test takes the laws that it needs, the fuzz targets take them from a library"
)]

pub mod answer;
pub mod distinct;
pub mod framing;
pub mod ground;
pub mod meaning;
pub mod oracle;
pub mod relay;
pub mod request;
pub mod scan;
pub mod shown;
pub mod stream;
