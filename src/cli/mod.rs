//! The command line: what was asked for, as a value, and the commands themselves.
//!
//! Owns the arguments ([`parse`]), the one reading of the environment ([`environment`]), and what is printed. It never decides what a
//! configuration means (`config`), nor builds the gateway (`server`). Exit codes: 0 well, 1 failed, 2 usage or configuration,
//! 3 a gateway that was not reached, or that let nobody in.
//! This is the only room that prints; commands write to a writer that they are given, so that tests can read it.

mod check;
mod health;
mod place;
mod remote;
mod run;

use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;
use log::LevelFilter;

use crate::config::{self, Env, Overrides, Source, Style};

pub use check::check;
pub use health::health;
pub use remote::{Remote, Voice, remote};
pub use run::{announce_demo, complain, run};

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Well = 0,
    Failed = 1,
    /// Of usage or configuration.
    Wrong = 2,
    /// The gateway was not reached, or let nobody in.
    Away = 3,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> std::process::ExitCode {
        std::process::ExitCode::from(exit as u8)
    }
}

/// What to do.
#[derive(Debug, Clone)]
pub enum Action {
    Run(Run),
    Check(Check),
    Health(Health),
    Remote(Box<Remote>),
    Completions(Shell),
    Demo(Demo),
}

#[derive(Debug, Parser)]
#[command(
    name = "tidegate",
    version,
    about = "An LLM gateway: one binary between every LLM client and every LLM vendor",
    args_conflicts_with_subcommands = true
)]
#[command(
    after_help = "Without a command the gateway runs; without --conf it needs no configuration: it listens on port 8899 and uses the vendors\nwhose key is in OPENAI_API_KEY, ANTHROPIC_API_KEY or GEMINI_API_KEY, else a built-in demo vendor."
)]
struct Cli {
    #[command(flatten)]
    run: Run,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a configuration and say everything that is wrong with it
    Check(Check),
    /// Ask a running gateway whether it is healthy
    Health(Health),
    #[command(flatten)]
    Remote(Box<Remote>),
    /// Print what a shell wants for completing these commands
    Completions {
        #[arg(value_enum)]
        shell: Shell,
    },
    /// Run the demo vendor alone
    #[command(after_help = crate::demo::HELP)]
    Demo(Demo),
}

/// Run the gateway.
#[derive(Debug, Clone, Default, Args)]
pub struct Run {
    /// Configuration file
    #[arg(short, long, value_name = "FILE")]
    pub conf: Option<PathBuf>,
    /// Run in the background
    #[arg(short, long)]
    pub daemon: bool,
    /// Take the listeners over from a running gateway
    #[arg(short, long)]
    pub upgrade: bool,
    /// Check the configuration and exit
    #[arg(short, long)]
    pub test: bool,
    /// Address to listen on, instead of those of the configuration; may be repeated
    #[arg(long, value_name = "ADDR:PORT", value_parser = config::listen_address, conflicts_with_all = ["host", "port"])]
    pub listen: Vec<SocketAddr>,
    /// Address to listen on
    #[arg(long, value_name = "ADDR")]
    pub host: Option<IpAddr>,
    /// Port to listen on
    #[arg(short, long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Use the built-in demo vendor, which needs no account
    #[arg(long)]
    pub demo: bool,
    /// off, error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", value_parser = config::log_level)]
    pub log_level: Option<LevelFilter>,
}

#[derive(Debug, Clone, Args)]
pub struct Check {
    /// Configuration file; without it, the defaults and the environment are checked
    pub file: Option<PathBuf>,
    /// The same
    #[arg(short, long, value_name = "FILE", conflicts_with = "file")]
    pub conf: Option<PathBuf>,
    /// Check as if --demo were given
    #[arg(long)]
    pub demo: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Args)]
pub struct Health {
    /// Base URL of the gateway; by default where the configuration says that it listens
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Configuration file of the gateway
    #[arg(short, long, value_name = "FILE")]
    pub conf: Option<PathBuf>,
    /// Port of the gateway on this machine
    #[arg(short, long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub port: Option<u16>,
    /// Seconds to wait for the answer
    #[arg(long, value_name = "SECONDS", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    pub timeout: u16,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Clone, Args)]
pub struct Demo {
    /// Address to listen on; port 0 takes a free one, and says which
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8898", value_parser = config::any_address)]
    pub listen: SocketAddr,
}

/// The command line of this process. Prints help, the version or a usage error, and exits, where that is what it asks for (0, 0, 2).
pub fn parse() -> Action {
    match parse_from(std::env::args_os()) {
        Ok(action) => action,
        Err(stop) => stop.exit(),
    }
}

/// A command line, its first word the program's name.
pub fn parse_from(words: impl IntoIterator<Item = OsString>) -> Result<Action, clap::Error> {
    let Cli { run, command } = Cli::try_parse_from(words)?;
    Ok(match command {
        Some(Command::Check(check)) => Action::Check(check),
        Some(Command::Health(health)) => Action::Health(health),
        Some(Command::Remote(remote)) => Action::Remote(remote),
        Some(Command::Completions { shell }) => Action::Completions(shell),
        Some(Command::Demo(demo)) => Action::Demo(demo),
        None if run.test => Action::Check(Check {
            file: run.conf,
            conf: None,
            demo: run.demo,
            json: false,
        }),
        None => Action::Run(run),
    })
}

/// What the shell wants, of all commands.
///
/// # Errors
/// It cannot be printed.
pub fn completions(shell: Shell, out: &mut dyn Write) -> std::io::Result<Exit> {
    // It is printed by us: clap panics where a pipe is closed.
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tidegate", &mut text);
    out.write_all(&text)?;
    Ok(Exit::Well)
}

/// The environment of this process: the one place where it is read. Variables that are not UTF-8 are left out.
pub fn environment() -> Env {
    let text = |(name, value): (OsString, OsString)| {
        Some((name.into_string().ok()?, value.into_string().ok()?))
    };
    Env::new(std::env::vars_os().filter_map(text))
}

/// Colours for a stream that is a terminal and wants them (<https://no-color.org>).
pub fn style(stream: &impl IsTerminal, env: &Env) -> Style {
    let wanted = env.setting("NO_COLOR").is_none() && env.setting("TERM") != Some("dumb");
    if wanted && stream.is_terminal() {
        Style::Colour
    } else {
        Style::Plain
    }
}

/// A source that starts from the directory this process is in, with the `.env` file there.
pub fn source(file: Option<PathBuf>) -> Source {
    let base = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
    Source {
        file,
        dotenv: Some(PathBuf::from(".env")),
        base,
        ..Source::default()
    }
}

impl Run {
    pub fn source(&self) -> Source {
        source(self.conf.clone())
    }

    pub fn overrides(&self) -> Overrides {
        Overrides {
            listen: self.listen.clone(),
            host: self.host,
            port: self.port,
            log_level: self.log_level,
            demo: self.demo,
        }
    }
}

impl Health {
    fn limit(&self) -> Duration {
        Duration::from_secs(self.timeout.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Action, clap::Error> {
        parse_from(line.split(' ').map(OsString::from))
    }

    #[test]
    fn without_a_command_the_gateway_runs() {
        let Ok(Action::Run(run)) =
            parsed("tidegate -d -u -c a.yaml --port 9000 --host ::1 --demo --log-level WARNING")
        else {
            panic!("not run")
        };
        assert!(run.daemon && run.upgrade && run.demo);
        assert_eq!(
            (run.port, run.log_level),
            (Some(9000), Some(LevelFilter::Warn))
        );
        assert_eq!(run.overrides().host, Some("::1".parse().unwrap()));
    }

    #[test]
    fn testing_the_configuration_is_checking_it() {
        let Ok(Action::Check(check)) = parsed("tidegate -t -c a.yaml") else {
            panic!("not check")
        };
        assert_eq!(check.file, Some(PathBuf::from("a.yaml")));
    }

    #[test]
    fn only_the_demo_vendor_may_listen_on_any_port() {
        let Ok(Action::Demo(demo)) = parsed("tidegate demo --listen localhost:0") else {
            panic!("not demo")
        };
        assert_eq!(demo.listen.to_string(), "127.0.0.1:0");
    }

    #[test]
    fn the_commands_are_sound_and_every_shell_completes_them() {
        Cli::command().debug_assert();
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut out = Vec::new();
            assert_eq!(completions(shell, &mut out).unwrap(), Exit::Well);
            let text = String::from_utf8(out).unwrap();
            assert!(text.contains("providers"), "{shell}");
        }
    }

    #[test]
    fn the_gateway_is_told_before_and_after_the_command() {
        for line in [
            "tidegate keys --port 9000 list --provider p",
            "tidegate keys list --provider p --port 9000",
        ] {
            let Ok(Action::Remote(asked)) = parsed(line) else {
                panic!("{line}")
            };
            let Remote::Keys(keys) = *asked else {
                panic!("{line}")
            };
            assert_eq!(keys.access.port, Some(9000), "{line}");
        }
        for line in [
            "tidegate models create --route-key a --target-model b --provider p",
            "tidegate models add a --endpoint p/b --endpoint q/c",
            "tidegate keys add --provider p --api-key -",
            "tidegate keys add ci --models a,b --rpm 5 --budget 1.5 -q",
            "tidegate quota",
            "tidegate quota list --url http://x --admin-key k",
            "tidegate quota -p 9000 reset m a/x",
            "tidegate quota reset --key k -c a.yaml --json",
            "tidegate stats --from 7d --by model,provider",
            "tidegate stats requests -n 5 --status 4xx --json",
            "tidegate logs tail -n 0",
            "tidegate completions bash",
        ] {
            assert!(
                parsed(line).is_ok(),
                "{line}: {}",
                parsed(line).unwrap_err()
            );
        }
    }

    #[test]
    fn wrong_usage_is_refused() {
        for line in [
            "tidegate --port 0",
            "tidegate --port x",
            "tidegate --listen 8899",
            "tidegate --listen 0.0.0.0:1 --port 2",
            "tidegate --log-level loud",
            "tidegate chekc",
            "tidegate --nope",
            "tidegate check a b",
            "tidegate --listen 127.0.0.1:0",
            "tidegate demo --listen example.com:80",
            "tidegate quota reset",
            "tidegate quota list m",
            "tidegate quota reset m --key k",
            "tidegate quota reset --key k --tenant t",
            "tidegate models",
            "tidegate models create",
            "tidegate models create a --route-key b",
            "tidegate models create --route-key a --target-model b",
            "tidegate keys add",
            "tidegate keys add --provider p",
            "tidegate keys add a --provider p --api-key k",
            "tidegate keys revoke --provider p",
            "tidegate models list --url http://x --port 1",
            "tidegate import f --yes --dry-run",
            "tidegate completions cmd.exe",
        ] {
            assert_eq!(parsed(line).unwrap_err().exit_code(), 2, "{line}");
        }
        assert_eq!(parsed("tidegate --help").unwrap_err().exit_code(), 0);
        assert_eq!(parsed("tidegate --version").unwrap_err().exit_code(), 0);
    }
}
