//! `tidegate health`: asks a running gateway `GET /health`, for people and for Docker's HEALTHCHECK.
//!
//! Plain HTTP over a plain socket: a health check that needs a TLS library and a certificate store has more to fail than what it checks.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use serde_json::json;

use super::place::{self, NoPlace};
use super::{Exit, Health, source};
use crate::clock;
use crate::config::{self, Env, Listen, Overrides, Style};

/// An answer to a health check is short.
const MAX_ANSWER: u64 = 64 << 10;

/// Asks and prints one line. [`Exit::Failed`] where the gateway is not healthy, [`Exit::Wrong`] where it cannot be asked.
pub fn health(
    asked: &Health,
    env: &Env,
    style: Style,
    out: &mut dyn Write,
) -> std::io::Result<Exit> {
    let (exit, words) = match target(asked, env) {
        Err(why) => (Exit::Wrong, why),
        Ok(target) => match ask(&target, asked.limit()) {
            Ok(200) => (
                Exit::Well,
                format!("http://{}{} answers 200", target.host, target.path),
            ),
            Ok(status) => (
                Exit::Failed,
                format!("http://{}{} answers {status}", target.host, target.path),
            ),
            Err(why) => (
                Exit::Failed,
                format!(
                    "http://{}{} does not answer: {why}",
                    target.host, target.path
                ),
            ),
        },
    };
    if asked.json {
        writeln!(
            out,
            "{}",
            json!({ "ok": exit == Exit::Well, "message": words })
        )?;
        return Ok(exit);
    }
    let word = if exit == Exit::Well {
        style.green("ok")
    } else {
        style.red("bad")
    };
    writeln!(out, "{word} {words}")?;
    Ok(exit)
}

#[derive(Debug, PartialEq, Eq)]
struct Target {
    /// `host:port`
    host: String,
    path: String,
}

fn target(asked: &Health, env: &Env) -> Result<Target, String> {
    match &asked.url {
        Some(url) => of_url(url),
        None => {
            let overrides = Overrides {
                port: asked.port,
                ..Overrides::default()
            };
            of_listeners(&config::listeners(
                &source(asked.conf.clone()),
                env,
                &overrides,
            ))
        }
    }
}

fn of_url(url: &str) -> Result<Target, String> {
    let place = place::of_url(url).map_err(|none| match none {
        NoPlace::Tls(url) | NoPlace::NoUrl(url) => {
            format!("`{url}` is not a URL: http://127.0.0.1:8899")
        }
    })?;
    if place.tls {
        let url = url.trim_end_matches('/');
        return Err(format!(
            "this command speaks no TLS: try `curl --fail {url}/health`"
        ));
    }
    Ok(Target {
        path: match place.path.ends_with("/health") {
            true => place.path,
            false => format!("{}/health", place.path),
        },
        host: place.host,
    })
}

/// The first listener without TLS, from this machine.
fn of_listeners(listeners: &[Listen]) -> Result<Target, String> {
    let place = place::of_listeners(listeners).map_err(|none| match none {
        NoPlace::Tls(url) | NoPlace::NoUrl(url) => format!(
            "the gateway listens with TLS only, which this command does not speak: try `curl --fail --insecure {url}/health`, or add a listener \"127.0.0.1:8899\""
        ),
    })?;
    Ok(Target {
        host: place.host,
        path: "/health".to_owned(),
    })
}

/// The status of the answer.
fn ask(target: &Target, limit: Duration) -> Result<u16, String> {
    let end = clock::now() + limit;
    let words = |fault: std::io::Error| match fault.kind() {
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => {
            format!("no answer within {} s", limit.as_secs())
        }
        _ => fault
            .to_string()
            .split(" (os error")
            .next()
            .unwrap_or_default()
            .to_lowercase(),
    };
    let addr = target
        .host
        .to_socket_addrs()
        .map_err(words)?
        .next()
        .ok_or("no such host")?;
    let mut stream = TcpStream::connect_timeout(&addr, limit).map_err(words)?;
    stream.set_write_timeout(Some(limit)).map_err(words)?;
    let request = format!(
        "GET {} HTTP/1.1\r\nhost: {}\r\nuser-agent: tidegate-health\r\nconnection: close\r\n\r\n",
        target.path, target.host
    );
    stream.write_all(request.as_bytes()).map_err(words)?;
    let mut head = Vec::new();
    let mut stream = stream.take(MAX_ANSWER);
    while !head.contains(&b'\n') {
        let left = end.since(clock::now());
        if left.is_zero() {
            return Err(format!("no answer within {} s", limit.as_secs()));
        }
        stream
            .get_ref()
            .set_read_timeout(Some(left))
            .map_err(words)?;
        let mut chunk = [0; 256];
        let read = stream.read(&mut chunk).map_err(words)?;
        if read == 0 {
            break;
        }
        head.extend_from_slice(chunk.get(..read).unwrap_or_default());
    }
    status(&head).ok_or_else(|| "what answers there is not HTTP".to_owned())
}

/// The status of a status line.
fn status(head: &[u8]) -> Option<u16> {
    let line = head.split(|byte| *byte == b'\n').next()?;
    let line = std::str::from_utf8(line).ok()?;
    line.strip_prefix("HTTP/1.")?
        .split(' ')
        .nth(1)?
        .trim()
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    fn served(answer: &'static [u8]) -> (Exit, String, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let vendor = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).unwrap();
            stream.write_all(answer).unwrap();
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        let asked = Health {
            url: Some(url),
            conf: None,
            port: None,
            timeout: 3,
            json: false,
        };
        let mut out = Vec::new();
        let exit = health(&asked, &Env::default(), Style::Plain, &mut out).unwrap();
        (
            exit,
            String::from_utf8(out).unwrap(),
            vendor.join().unwrap(),
        )
    }

    #[test]
    fn only_200_is_healthy() {
        let (exit, out, request) = served(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
        assert_eq!(exit, Exit::Well, "{out}");
        assert!(request.starts_with("GET /health HTTP/1.1\r\n"), "{request}");
        assert_eq!(
            served(b"HTTP/1.1 503 Service Unavailable\r\n\r\n").0,
            Exit::Failed
        );
        assert_eq!(served(b"SSH-2.0-OpenSSH\r\n").0, Exit::Failed);
        assert_eq!(served(b"").0, Exit::Failed);
    }

    #[test]
    fn where_nobody_listens_it_fails_and_says_so() {
        let free = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let asked = Health {
            url: Some(format!("http://{free}/")),
            conf: None,
            port: None,
            timeout: 1,
            json: true,
        };
        let mut out = Vec::new();
        assert_eq!(
            health(&asked, &Env::default(), Style::Plain, &mut out).unwrap(),
            Exit::Failed
        );
        assert!(String::from_utf8(out).unwrap().contains("refused"));
    }

    #[test]
    fn tls_is_said_not_to_be_spoken() {
        assert!(of_url("https://x.example").unwrap_err().contains("curl"));
        assert!(
            of_url("x.example").is_err()
                && of_url("http://").is_err()
                && of_url("http://a b").is_err()
        );
        let tls = config::TlsFiles {
            cert: "c".into(),
            key: "k".into(),
        };
        let only = Listen {
            addr: "0.0.0.0:443".parse().unwrap(),
            tls: Some(tls),
        };
        assert!(
            of_listeners(std::slice::from_ref(&only))
                .unwrap_err()
                .contains("127.0.0.1:443")
        );
        let both = [
            only,
            Listen {
                addr: "[::]:80".parse().unwrap(),
                tls: None,
            },
        ];
        assert_eq!(of_listeners(&both).unwrap().host, "[::1]:80");
    }
}
