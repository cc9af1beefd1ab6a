use std::io::{self, Write};
use std::process::ExitCode;

use anyhow::Context as _;
// The process's `malloc`, also of OpenSSL and SQLite: a request makes some hundred small allocations, and the system's
// allocator takes about twice the time for them. As Rust's global allocator it would be asked for an alignment each time,
// and give more than a kilobyte by a slower way.
use mimalloc as _;
use tidegate::cli::{self, Action, Exit};
use tidegate::config::Env;
use tidegate::demo;

fn main() -> ExitCode {
    let env = cli::environment();
    let mut out = io::stdout().lock();
    let style = cli::style(&out, &env);
    let ended = match cli::parse() {
        Action::Run(run) => {
            drop(out);
            cli::run(&run, env)
        }
        Action::Check(asked) => cli::check(&asked, &env, style, &mut out).map_err(Into::into),
        Action::Health(asked) => cli::health(&asked, &env, style, &mut out).map_err(Into::into),
        Action::Remote(asked) => {
            let voice = cli::Voice {
                style,
                out: &mut out,
                err: &mut io::stderr(),
            };
            cli::remote(&asked, &env, voice).map_err(Into::into)
        }
        Action::Completions(shell) => cli::completions(shell, &mut out).map_err(Into::into),
        Action::Demo(asked) => run_demo(&asked, &env, &mut out),
    };
    match ended {
        Ok(exit) => exit.into(),
        // Who read our output has seen enough of it (`tidegate check | head`).
        Err(e) if is_hang_up(&e) => Exit::Failed.into(),
        Err(e) => {
            cli::complain(&e);
            Exit::Failed.into()
        }
    }
}

fn is_hang_up(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

fn run_demo(asked: &cli::Demo, _env: &Env, out: &mut impl Write) -> anyhow::Result<Exit> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let serving = demo::alone(asked.listen, demo::Setup::default(), |addr| {
        cli::announce_demo(out, addr);
    });
    // All that can fail is to listen.
    let served = runtime.block_on(serving);
    served.with_context(|| format!("cannot listen on {}", asked.listen))?;
    Ok(Exit::Well)
}
