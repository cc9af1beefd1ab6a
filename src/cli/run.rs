//! Running the gateway: loads the configuration, or prints everything that is wrong with it; then says where it listens.

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

use crate::cli::{Exit, Run, style};
use crate::config::{self, AuthMode, Awaits, Env, Gateway, Loaded};
use crate::reload::Inputs;
use crate::server::{self, Start};

/// Runs until the gateway is told to leave.
///
/// # Errors
/// What keeps it from starting, other than its configuration.
pub fn run(asked: &Run, env: Env) -> anyhow::Result<Exit> {
    let (source, overrides) = (asked.source(), asked.overrides());
    let demo = match config::needs_demo(&source, &env, &overrides) {
        true => Some(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?),
        false => None,
    };
    let address = demo.as_ref().map(TcpListener::local_addr).transpose()?;
    let inputs = Inputs {
        source,
        env,
        overrides,
        demo: address,
    };
    let loaded = match inputs.load() {
        Ok(loaded) => loaded,
        Err(report) => {
            let mut out = io::stderr().lock();
            let style = style(&out, &inputs.env);
            writeln!(out, "{}", report.render(style).trim_end())?;
            return Ok(Exit::Wrong);
        }
    };
    server::run(Start {
        demo,
        daemon: asked.daemon,
        upgrade: asked.upgrade,
        announce: Box::new(|loaded| announce(&mut io::stdout().lock(), loaded)),
        show_password: Box::new(|password| show_password(&mut io::stderr().lock(), password)),
        inputs,
        loaded,
    })?;
    Ok(Exit::Well)
}

/// Says what went wrong, on standard error.
pub fn complain(error: &anyhow::Error) {
    // Nobody is left to tell if standard error is gone.
    writeln!(io::stderr().lock(), "tidegate: {error:#}").unwrap_or_default();
}

/// Says where the demo vendor listens.
pub fn announce_demo(out: &mut impl Write, addr: SocketAddr) {
    let text = format!(
        "demo vendor listens on http://{addr}\n  base URL  http://{addr}/v1   (formats: openai_chat, openai_responses, anthropic, gemini; any key)\n"
    );
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .unwrap_or_default();
}

fn announce(out: &mut impl Write, loaded: &Loaded) {
    out.write_all(banner(&loaded.gateway, loaded.uses_demo).as_bytes())
        .and_then(|()| out.flush())
        .unwrap_or_default();
}

/// The first and only time.
fn show_password(out: &mut impl Write, password: &str) {
    let text = format!(
        "\nfirst start: the admin side's account is `admin`, its password\n\n    {password}\n\nIt is shown only now. \
         ADMIN_PASSWORD, where set, is taken instead.\n\n"
    );
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .unwrap_or_default();
}

/// Where we listen, and a call that works at once.
fn banner(gateway: &Gateway, uses_demo: bool) -> String {
    let mut text = String::new();
    for listen in &gateway.listen {
        let scheme = if listen.tls.is_some() {
            "https"
        } else {
            "http"
        };
        text.push_str(&format!(
            "tidegate listens on {scheme}://{}\n",
            reachable(listen.addr)
        ));
    }
    if gateway.awaits == Awaits::Objects {
        text.push_str(
            "the database is away: until it has been read, what the file says is served\n",
        );
        return text;
    }
    if uses_demo {
        text.push_str("the built-in demo vendor answers: no account is needed\n");
    }
    let Some(listen) = gateway.listen.first() else {
        return text;
    };
    let Some(model) = gateway.virtual_models().find(|model| model.enabled) else {
        return text;
    };
    let scheme = if listen.tls.is_some() {
        "https"
    } else {
        "http"
    };
    let keyed = match gateway.auth {
        AuthMode::Open => false,
        AuthMode::Keys => true,
        AuthMode::Auto => !gateway.client_keys.is_empty(),
    };
    let key = if keyed {
        " -H 'authorization: Bearer YOUR_CLIENT_KEY'"
    } else {
        ""
    };
    text.push_str(&format!(
        "\ntry it:\n  curl {scheme}://{}/v1/chat/completions -H 'content-type: application/json'{key} \\\n    -d '{{\"model\": \"{}\", \"messages\": [{{\"role\": \"user\", \"content\": \"hello\"}}]}}'\n",
        reachable(listen.addr),
        model.name,
    ));
    text
}

/// An address that can be typed: every interface is reached on this machine as `localhost`.
fn reachable(addr: SocketAddr) -> String {
    let unspecified = [
        IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    ];
    if unspecified.contains(&addr.ip()) {
        format!("localhost:{}", addr.port())
    } else {
        addr.to_string()
    }
}
