//! Where a secret must not be: in anything that was printed, told or stored; plain, in base64, or URL-encoded.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A secret in all its clothes.
pub struct Sought {
    name: &'static str,
    looks: Vec<Vec<u8>>,
}

impl Sought {
    pub fn new(name: &'static str, secret: &str) -> Sought {
        assert!(secret.len() >= 12, "too short to be found: {name}");
        let mut looks = vec![secret.as_bytes().to_vec()];
        // What stands before it decides how it falls into groups of three bytes; the characters at its ends are shared
        // with its neighbours.
        for before in 0..3 {
            let text = [&"   "[..before], secret].concat();
            for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
                let code = engine.encode(&text);
                let begin = if before == 0 { 0 } else { before + 1 };
                let end = code.len() - usize::from(!text.len().is_multiple_of(3));
                looks.push(code.as_bytes()[begin..end].to_vec());
            }
        }
        for upper in [true, false] {
            let encoded = secret.bytes().map(|byte| match byte {
                byte if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                    char::from(byte).to_string()
                }
                byte if upper => format!("%{byte:02X}"),
                byte => format!("%{byte:02x}"),
            });
            looks.push(encoded.collect::<String>().into_bytes());
        }
        looks.sort();
        looks.dedup();
        Sought { name, looks }
    }

    /// How often it is there.
    pub fn times(&self, text: &[u8]) -> usize {
        let of = |look: &Vec<u8>| memchr::memmem::find_iter(text, look).count();
        self.looks.iter().map(of).sum()
    }
}

/// Where one of them is, among these.
pub fn leaks<'t>(
    sought: &[Sought],
    places: impl IntoIterator<Item = (String, &'t [u8])>,
) -> Vec<String> {
    let mut leaks = Vec::new();
    for (place, text) in places {
        for one in sought {
            if one.times(text) > 0 {
                leaks.push(format!("{} in {place}", one.name));
            }
        }
    }
    leaks
}

/// Every file below a folder, but for those of these names.
pub fn files(folder: &Path, but: &[&str]) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            files.extend(self::files(&path, but));
        } else if kind.is_file() && !but.iter().any(|one| name == *one) {
            // One that has gone meanwhile holds nothing.
            files.extend(std::fs::read(&path).ok().map(|bytes| (path, bytes)));
        }
    }
    files
}

/// What the rows of a spool have compressed in them. A row: its length in four bytes, eight of a checksum, JSON.
pub fn spooled_bodies(mut spool: &[u8]) -> Vec<String> {
    let mut bodies = Vec::new();
    while let Some((head, rest)) = spool.split_at_checked(12) {
        let length = u32::from_le_bytes(head[..4].try_into().unwrap()) as usize;
        let (row, rest) = rest.split_at(length);
        let row: serde_json::Value = serde_json::from_slice(row).unwrap();
        for side in ["request", "response"] {
            let Some(text) = row["bodies"][side].as_str() else {
                continue;
            };
            let bytes = STANDARD.decode(text).unwrap();
            let bytes = zstd::bulk::decompress(&bytes, 8 << 20).unwrap();
            bodies.push(String::from_utf8(bytes).unwrap());
        }
        spool = rest;
    }
    bodies
}

#[test]
fn a_secret_is_found_whatever_stands_around_it() {
    let secret = "sk-vendor+of/acme=&42";
    let sought = [Sought::new("key", secret)];
    for before in ["", "a", "ab", "abc", "abcd"] {
        for after in ["", "x", "xy"] {
            let text = [before, secret, after].concat();
            for code in [
                text.clone(),
                STANDARD_NO_PAD.encode(&text),
                URL_SAFE_NO_PAD.encode(&text),
            ] {
                assert_eq!(sought[0].times(code.as_bytes()).min(1), 1, "{code}");
            }
        }
    }
    let encoded = b"?key=sk-vendor%2Bof%2Facme%3D%2642&x";
    assert!(sought[0].times(encoded) > 0);
    assert_eq!(sought[0].times(b"sk-vendor+of/acme=&43"), 0);
}
