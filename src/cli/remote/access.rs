//! Which gateway is asked, and with what one gets in.

use std::io::{self, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value};

use super::Failed;
use super::client::{CONNECT, Client};
use crate::cli::place::{self, NoPlace, Place};
use crate::cli::source;
use crate::config::{self, Env, Gateway, Overrides, Secret, Style};

/// Stands for the demo vendor, which is not asked anything.
const DEMO: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8898);
const TOKEN_FILE: &str = "admin.token";
/// Of standard input, and of a file that is sent.
const LONGEST: u64 = 64 << 20;

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "The gateway that is asked")]
pub struct Access {
    /// Base URL of the gateway; by default where the configuration says that it listens
    #[arg(long, value_name = "URL", global = true)]
    pub url: Option<String>,
    /// Who has made the certificate of an https:// URL, as a PEM file; by default whom the system believes
    #[arg(long, value_name = "FILE", global = true, requires = "url")]
    pub ca: Option<PathBuf>,
    /// Configuration file of the gateway
    #[arg(short, long, value_name = "FILE", global = true)]
    pub conf: Option<PathBuf>,
    /// Port of the gateway on this machine
    #[arg(short, long, value_name = "PORT", global = true, conflicts_with = "url", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// The gateway's ADMIN_KEY, `-` reads it from standard input; by default from the environment, else DATA/admin.token
    #[arg(long, value_name = "KEY", global = true)]
    pub admin_key: Option<String>,
    /// Seconds to wait for an answer
    #[arg(long, value_name = "SECONDS", global = true, default_value_t = 120, value_parser = clap::value_parser!(u16).range(1..))]
    pub timeout: u16,
    /// Print the API's answer
    #[arg(long, global = true)]
    pub json: bool,
}

impl Access {
    /// The gateway's configuration, as far as it is known here.
    pub(super) fn gateway(&self, env: &Env, style: Style) -> Result<Gateway, Failed> {
        let overrides = Overrides {
            port: self.port,
            ..Overrides::default()
        };
        let loaded = config::load(&source(self.conf.clone()), env, &overrides, Some(DEMO));
        match loaded {
            Ok(loaded) => Ok(loaded.gateway),
            Err(report) => Err(Failed::Wrong(format!(
                "the configuration does not say where the gateway is:\n{}",
                report.render(style).trim_end()
            ))),
        }
    }

    /// The gateway's configuration, and in words why none is asked: of those that no URL names, this machine's, nobody
    /// listens there. `None`: one is to be asked.
    pub(super) fn nobody_here(
        &self,
        env: &Env,
        style: Style,
    ) -> Result<Option<(Gateway, String)>, Failed> {
        if self.url.is_some() {
            return Ok(None);
        }
        let gateway = self.gateway(env, style)?;
        let why = match at(&gateway) {
            Err(NoPlace::Tls(url)) => format!("{url} speaks TLS: --url says by which name"),
            Err(none) => return Err(no_place(none)),
            Ok(place) => {
                let addr = place.host.parse::<SocketAddr>().ok();
                if addr.is_none_or(|addr| TcpStream::connect_timeout(&addr, CONNECT).is_ok()) {
                    return Ok(None);
                }
                format!("no gateway answers at {place}")
            }
        };
        Ok(Some((gateway, why)))
    }

    pub(super) fn client(&self, env: &Env, style: Style) -> Result<Client, Failed> {
        let told = match self.admin_key.as_deref() {
            Some("-") => Some(read_secret()?),
            Some(key) => Some(Secret::new(key)),
            None => env.setting("ADMIN_KEY").map(Secret::new),
        };
        let limit = Duration::from_secs(self.timeout.into());
        let place = self
            .url
            .as_deref()
            .map(place::of_url)
            .transpose()
            .map_err(no_place)?;
        let ca = self.ca.as_deref();
        match (place, told) {
            (Some(place), Some(key)) => Client::new((place, ca), key, limit),
            // What this machine's folder holds is no other machine's business.
            (Some(place), None) if !place.is_here() => Err(Failed::Away(format!(
                "{place} asks for its admin key: --admin-key, or ADMIN_KEY in the environment"
            ))),
            (place, told) => {
                let gateway = self.gateway(env, style)?;
                let place = match place {
                    Some(place) => place,
                    None => at(&gateway).map_err(no_place)?,
                };
                let key = match told.or_else(|| gateway.admin_key.clone()) {
                    Some(key) => key,
                    None => token(&gateway.data)?,
                };
                Client::new((place, ca), key, limit)
            }
        }
    }
}

/// The admin side's own address, where it has one.
fn at(gateway: &Gateway) -> Result<Place, NoPlace> {
    match &gateway.admin_listen {
        Some(own) => place::of_listeners(std::slice::from_ref(own)),
        None => place::of_listeners(&gateway.listen),
    }
}

fn no_place(none: NoPlace) -> Failed {
    Failed::Wrong(match none {
        NoPlace::Tls(url) => format!(
            "the gateway listens with TLS alone ({url}): say --url https://NAME by a name that its certificate has, \
             or add a listener \"127.0.0.1:8899\""
        ),
        NoPlace::NoUrl(url) => format!("`{url}` is not a URL: http://127.0.0.1:8899"),
    })
}

fn token(data: &Path) -> Result<Secret, Failed> {
    let file = data.join(TOKEN_FILE);
    let text = std::fs::read_to_string(&file).map_err(|e| {
        let why = match e.kind() {
            io::ErrorKind::NotFound => "is not there: does the gateway run, from this folder?",
            io::ErrorKind::PermissionDenied => "is another user's",
            _ => "cannot be read",
        };
        Failed::Away(format!(
            "{} {why} --conf says which configuration, --admin-key or ADMIN_KEY also lets you in",
            file.display()
        ))
    })?;
    Ok(Secret::new(text.trim()))
}

/// From standard input, without the line's end.
pub(super) fn read_secret() -> Result<Secret, Failed> {
    let mut text = String::new();
    io::stdin().take(LONGEST).read_to_string(&mut text)?;
    match text.trim() {
        "" => Err(Failed::Wrong("standard input holds no key".to_owned())),
        key => Ok(Secret::new(key)),
    }
}

/// A file as it is; `-`: standard input.
pub(super) fn read_file(file: &Path) -> Result<String, Failed> {
    let mut text = String::new();
    let read = match file == Path::new("-") {
        true => io::stdin().take(LONGEST).read_to_string(&mut text),
        false => {
            std::fs::File::open(file).and_then(|open| open.take(LONGEST).read_to_string(&mut text))
        }
    };
    match read {
        Ok(_) => Ok(text),
        Err(e) => Err(Failed::Wrong(format!("{}: {e}", file.display()))),
    }
}

/// A JSON object in a file. What it holds is in no error: some of it are secrets.
pub(super) fn read_object(file: &Path) -> Result<Map<String, Value>, Failed> {
    serde_json::from_str(&read_file(file)?).map_err(|e| {
        let place = format!("{}:{}:{}", file.display(), e.line(), e.column());
        Failed::Wrong(format!("{place}: a JSON object is expected"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(url: Option<&str>, key: Option<&str>) -> Access {
        Access {
            url: url.map(str::to_owned),
            admin_key: key.map(str::to_owned),
            timeout: 1,
            ..Access::default()
        }
    }

    #[test]
    fn another_machine_never_gets_this_ones_token() {
        let asked = access(Some("http://gate.example:8899"), None);
        let Err(Failed::Away(words)) = asked.client(&Env::default(), Style::Plain) else {
            panic!("it would be asked")
        };
        assert!(words.contains("--admin-key"), "{words}");
        let asked = access(Some("http://gate.example:8899"), Some("k"));
        let Ok(client) = asked.client(&Env::default(), Style::Plain) else {
            panic!("no client")
        };
        assert_eq!(client.bearer.reveal(), "k");
        assert_eq!(client.place.host, "gate.example:8899");
    }

    #[test]
    fn an_error_quotes_nothing_of_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("provider.json");
        for text in ["\"sk-secret\"", "{ \"keys\": sk-secret }"] {
            std::fs::write(&file, text).unwrap();
            let Err(Failed::Wrong(words)) = read_object(&file) else {
                panic!("it was read")
            };
            assert!(
                !words.contains("sk-secret") && words.contains(".json:1:"),
                "{words}"
            );
        }
    }

    #[test]
    fn who_is_to_be_believed_is_a_certificate() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.pem");
        std::fs::write(&file, "no certificate").unwrap();
        let asked = Access {
            ca: Some(file),
            ..access(Some("https://gate.example"), Some("k"))
        };
        let Err(Failed::Wrong(words)) = asked.client(&Env::default(), Style::Plain) else {
            panic!("it would be asked")
        };
        assert!(words.contains("holds no certificate"), "{words}");
    }
}
