//! The parts of the README that are derived.

use std::path::PathBuf;

/// Fails, with what differs, unless the part of that name is the text.
pub(crate) fn must_have(part: &str, text: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let open = format!("<!-- {part}: derived by tests/wire_table.rs -->\n");
    let close = format!("<!-- /{part} -->");
    let text = &format!("\n{text}\n");
    // Tests of one program run beside each other.
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock();
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(&open).unwrap_or_else(|| {
        panic!("README.md has no {open}");
    });
    let (old, after) = rest.split_once(&close).unwrap_or_else(|| {
        panic!("README.md has no {close}");
    });
    if old == text {
        return;
    }
    if std::env::var_os("INSTA_UPDATE").is_some_and(|value| value == "always") {
        std::fs::write(&path, [before, &open, text, &close, after].concat()).unwrap();
        return;
    }
    panic!(
        "what README.md says of {part} is no longer so; INSTA_UPDATE=always cargo test --test wire_table writes it anew:\n{}",
        difference(old, text)
    );
}

/// The lines that only one of the two has.
fn difference(old: &str, new: &str) -> String {
    let only = |these: &str, others: &str, sign: char| {
        let lines = these.lines();
        let lines = lines.filter(|line| !others.lines().any(|other| other == *line));
        lines.map(|line| format!("{sign} {line}\n")).collect()
    };
    let (gone, come): (String, String) = (only(old, new, '-'), only(new, old, '+'));
    gone + &come
}
