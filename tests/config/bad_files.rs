//! What is wrong is reported, whole, and without showing a secret.

use tidegate::config::{Env, Overrides, Severity, Source, Style, load};

use crate::{Dir, demo, no_env, root};

#[test]
fn every_bad_file_is_reported_as_its_snapshot_says() {
    let dir = root().join("tests/config/bad");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(root().join("tests/config/reports"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let mut names: Vec<String> = std::fs::read_dir(&dir)
        .unwrap()
        .filter_map(|entry| {
            Some(
                entry
                    .unwrap()
                    .file_name()
                    .to_str()?
                    .strip_suffix(".yaml")?
                    .to_owned(),
            )
        })
        .collect();
    names.sort();
    assert!(names.len() > 25);
    for name in names {
        let source = Source {
            file: Some(format!("{name}.yaml").into()),
            dotenv: Some(format!("{name}.env").into()),
            base: dir.clone(),
            ..Source::default()
        };
        let env = Env::new([("SET", "set"), ("EMPTY", ""), ("YAML", "x: [")]);
        let report = load(&source, &env, &Overrides::default(), demo()).expect_err(&name);
        assert!(report.count(Severity::Error) > 0, "{name}");
        let shown = report
            .render(Style::Plain)
            .replace(&dir.display().to_string(), "DIR");
        assert!(
            !shown.contains("in-the-open"),
            "{name} shows a secret: {shown}"
        );
        settings.bind(|| insta::assert_snapshot!(name.as_str(), shown));
    }
}

#[test]
fn no_form_of_a_report_shows_a_secret() {
    let body = "gateway:\n  providers:\n    - { name: a, format: x, base_url: y, keys: [ hunter2-secret ], api_key: hunter2-secret, headers: { X-Auth-Token: hunter2-secret, Host: h } }\n";
    let report = Dir::new(body).load(&no_env()).unwrap_err();
    for shown in [
        report.to_string(),
        format!("{report:?}"),
        report.render(Style::Colour),
        report.lines().join("\n"),
        report.to_json().to_string(),
    ] {
        assert!(
            !shown.contains("hunter2") && shown.contains("unknown format"),
            "{shown}"
        );
    }
}

#[test]
fn a_file_that_cannot_be_read_is_a_problem() {
    let dir = Dir::new("");
    for name in ["no-such.yaml", "."] {
        let source = Source {
            file: Some(name.into()),
            dotenv: None,
            base: dir.0.path().into(),
            ..Source::default()
        };
        let report = load(&source, &no_env(), &Overrides::default(), demo()).unwrap_err();
        assert!(
            report.to_string().contains("cannot read this file"),
            "{report}"
        );
        assert_eq!(report.problems().len(), 1);
    }
    dir.put("t.yaml", " ".repeat(5 << 20));
    assert!(
        dir.load(&no_env())
            .unwrap_err()
            .to_string()
            .contains("larger than")
    );
}
