//! No bytes make it panic.

use proptest::prelude::*;
use tidegate::config::{Env, Severity, Style};

use crate::{Dir, root};

/// Loads and renders in every form; what comes out does not matter, that something does.
fn survives(body: &[u8]) {
    let dir = Dir::new(body);
    let env = Env::new([("RELAY_A_KEY", "a"), ("X", "y")]);
    match dir.load(&env) {
        Ok(loaded) => {
            pingora::server::configuration::ServerConf::from_yaml(&loaded.pingora_yaml).unwrap();
        }
        Err(report) => {
            assert!(report.count(Severity::Error) > 0);
            let shown = report.render(Style::Plain);
            assert!(!shown.contains('\u{1b}'));
            drop((
                report.lines(),
                report.to_json(),
                report.render(Style::Colour),
            ));
        }
    }
}

fn examples() -> Vec<String> {
    let bad = root().join("tests/config/bad");
    let paths = ["conf/full.yaml", "conf/edge.yaml", "conf/minimal.yaml"]
        .iter()
        .map(|name| root().join(name));
    let bad = std::fs::read_dir(bad)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    paths
        .chain(bad)
        .filter_map(|path| std::fs::read_to_string(path).ok())
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes_never_panic(body in prop::collection::vec(any::<u8>(), 0..400)) {
        survives(&body);
    }

    #[test]
    fn text_made_of_yaml_never_panics(body in "([ \\-:\\[\\]{}#&*!|>'\"%@`?,\\n\\tax~<ü\u{feff}]|\\$\\{|gateway|models|: |\\n  ){0,120}") {
        survives(body.as_bytes());
    }

    #[test]
    fn mutated_examples_never_panic(
        which in any::<prop::sample::Index>(),
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..30, "[ -~\\n\\tüé\u{0}]{0,6}|\\$\\{X|: |\\[|\\{"), 1..6),
    ) {
        let examples = examples();
        let mut body: Vec<char> = which.get(&examples).chars().collect();
        for (at, len, with) in cuts {
            let at = at.index(body.len() + 1);
            let end = (at + len).min(body.len());
            body.splice(at..end, with.chars());
        }
        survives(body.into_iter().collect::<String>().as_bytes());
    }

    #[test]
    fn an_arbitrary_dotenv_never_panics(body in prop::collection::vec(any::<u8>(), 0..200), text in "[A-Z=\"'#\\\\ \\n$x]{0,60}") {
        let dir = Dir::new("gateway: {}");
        for body in [body.as_slice(), text.as_bytes()] {
            dir.put(".env", body);
            drop(dir.load(&Env::default()).map_err(|report| report.to_string()));
        }
    }
}
