//! `tidegate check`: says what a configuration amounts to, or everything that is wrong with it.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};

use super::{Check, Exit, source};
use crate::clock;
use crate::config::{
    self, AuthMode, ClientKey, Env, Gateway, Keys, Loaded, Overrides, Report, Source, Style,
};

/// Stands for the demo vendor, which is not started for a check.
const DEMO: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8898);

/// Checks and prints. [`Exit::Wrong`] where there is an error.
pub fn check(asked: &Check, env: &Env, style: Style, out: &mut dyn Write) -> std::io::Result<Exit> {
    let source = source(asked.file.clone().or_else(|| asked.conf.clone()));
    check_source(&source, asked, env, (style, out))
}

fn check_source(
    source: &Source,
    asked: &Check,
    env: &Env,
    (style, out): (Style, &mut dyn Write),
) -> std::io::Result<Exit> {
    let overrides = Overrides {
        demo: asked.demo,
        ..Overrides::default()
    };
    let name = source.file.as_ref().map(|file| file.display().to_string());
    let outcome = config::load(source, env, &overrides, Some(DEMO));
    let exit = if outcome.is_ok() {
        Exit::Well
    } else {
        Exit::Wrong
    };
    if asked.json {
        let object = match &outcome {
            Ok(loaded) => {
                json!({ "ok": true, "problems": loaded.warnings.to_json(), "summary": counts_json(loaded) })
            }
            Err(report) => json!({ "ok": false, "problems": report.to_json() }),
        };
        writeln!(out, "{object:#}")?;
        return Ok(exit);
    }
    match &outcome {
        Ok(loaded) => print_good(loaded, name.as_deref(), style, out)?,
        Err(report) => print_bad(report, name.as_deref(), style, out)?,
    }
    Ok(exit)
}

fn print_bad(
    report: &Report,
    name: Option<&str>,
    style: Style,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    let what = name.unwrap_or("the environment");
    write!(out, "{}", report.render(style))?;
    writeln!(out, "\n{} {what}: {}", style.red("bad"), report.summary())
}

fn print_good(
    loaded: &Loaded,
    name: Option<&str>,
    style: Style,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    if !loaded.warnings.is_empty() {
        writeln!(out, "{}", loaded.warnings.render(style))?;
    }
    let what = name.unwrap_or("no configuration file: defaults and environment");
    let warnings = if loaded.warnings.is_empty() {
        String::new()
    } else {
        format!(" ({})", loaded.warnings.summary())
    };
    writeln!(out, "{} {what}{warnings}", style.green("ok"))?;
    for (label, text) in facts(loaded) {
        writeln!(out, "   {} {text}", style.bold(&format!("{label:<11}")))?;
    }
    Ok(())
}

/// What the configuration amounts to, line by line.
fn facts(loaded: &Loaded) -> Vec<(&'static str, String)> {
    let gateway = &loaded.gateway;
    let listen: Vec<String> = gateway
        .listen
        .iter()
        .map(|l| format!("{}{}", l.addr, if l.tls.is_some() { " (TLS)" } else { "" }))
        .collect();
    let keys = gateway.client_keys.iter().filter(|key| key.enabled).count();
    let auth = match (gateway.auth, keys) {
        (AuthMode::Open, _) => "open: whoever reaches the gateway may call".to_owned(),
        (AuthMode::Auto, 0) if gateway.admin_key.is_some() => {
            "auto: without a client key only this machine may call, and who has ADMIN_KEY"
                .to_owned()
        }
        (AuthMode::Auto, 0) => "auto: without a client key only this machine may call".to_owned(),
        (_, n) => {
            let now = clock::wall().as_secs();
            let over = |key: &&ClientKey| key.enabled && key.expires.is_some_and(|end| end <= now);
            let expired = match gateway.client_keys.iter().filter(over).count() {
                0 => String::new(),
                expired => format!(", {expired} expired"),
            };
            format!("{n} client {}{expired}", plural(n, "key"))
        }
    };
    vec![
        ("listens on", listen.join(", ")),
        ("who may call", auth),
        ("providers", providers(gateway)),
        ("models", models(gateway)),
        ("routes", routes(gateway)),
    ]
}

fn providers(gateway: &Gateway) -> String {
    let keys: usize = gateway
        .declared_providers()
        .map(|p| {
            if let Keys::Own(keys) = &p.keys {
                keys.iter().filter(|k| k.value.is_some()).count()
            } else {
                0
            }
        })
        .sum();
    let names: Vec<&str> = gateway
        .declared_providers()
        .map(|provider| provider.name.as_str())
        .collect();
    format!("{}, {keys} {}", listed(&names), plural(keys, "key"))
}

fn models(gateway: &Gateway) -> String {
    let endpoints: usize = gateway
        .virtual_models()
        .map(|model| model.endpoints.len())
        .sum();
    let names: Vec<&str> = gateway
        .virtual_models()
        .map(|model| model.name.as_str())
        .collect();
    format!(
        "{}, {endpoints} {}",
        listed(&names),
        plural(endpoints, "endpoint")
    )
}

fn routes(gateway: &Gateway) -> String {
    let names: Vec<&str> = gateway.routes.iter().map(|route| &*route.name).collect();
    listed(&names)
}

/// `3 (a, b, c)`, and no more names than fit.
fn listed(names: &[&str]) -> String {
    const MOST: usize = 8;
    let shown = names
        .iter()
        .take(MOST)
        .copied()
        .collect::<Vec<_>>()
        .join(", ");
    match names.len() {
        0 => "none".to_owned(),
        n if n > MOST => format!("{n} ({shown}, …)"),
        n => format!("{n} ({shown})"),
    }
}

fn plural(n: usize, word: &str) -> String {
    if n == 1 {
        word.to_owned()
    } else {
        format!("{word}s")
    }
}

fn counts_json(loaded: &Loaded) -> Value {
    let gateway = &loaded.gateway;
    json!({
        "listen": gateway.listen.iter().map(|listen| json!({ "addr": listen.addr, "tls": listen.tls.is_some() })).collect::<Vec<_>>(),
        "providers": gateway.declared_providers().map(|provider| &provider.name).collect::<Vec<_>>(),
        "models": gateway.virtual_models().map(|model| &model.name).collect::<Vec<_>>(),
        "endpoints": gateway.virtual_models().map(|model| model.endpoints.len()).sum::<usize>(),
        "routes": gateway.routes.iter().map(|route| &*route.name).collect::<Vec<_>>(),
        "client_keys": gateway.client_keys.len(),
        "demo": loaded.uses_demo,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(body: &str, json: bool) -> (Exit, String) {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("t.yaml"), body).unwrap();
        let source = Source {
            file: Some("t.yaml".into()),
            dotenv: None,
            base: dir.path().into(),
            ..Source::default()
        };
        let asked = Check {
            file: None,
            conf: None,
            demo: false,
            json,
        };
        let mut out = Vec::new();
        let exit =
            check_source(&source, &asked, &Env::default(), (Style::Plain, &mut out)).unwrap();
        (exit, String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_good_configuration_is_summed_up_and_a_bad_one_reported() {
        let (exit, out) = run("gateway: { auth: open }", false);
        assert_eq!(exit, Exit::Well);
        assert!(
            out.starts_with("ok t.yaml\n") && out.contains("0.0.0.0:8899"),
            "{out}"
        );
        let (exit, out) = run("gateway: { auht: open }", false);
        assert_eq!(exit, Exit::Wrong);
        assert!(
            out.contains("did you mean `auth`?") && out.ends_with("bad t.yaml: 1 error\n"),
            "{out}"
        );
    }

    #[test]
    fn json_is_json_in_both_cases() {
        for (body, ok) in [("gateway: {}", true), ("gateway: { x: 1 }", false)] {
            let (_, out) = run(body, true);
            let value: Value = serde_json::from_str(&out).unwrap();
            assert_eq!(value["ok"], json!(ok));
        }
    }
}
