//! What a request costs, end to end: the gateway beside a bare Pingora pass-through and nginx, in one run.
//!
//! `scripts/bench.sh` builds and starts this. It starts an upstream that answers from memory, the proxies in front of
//! it (one worker thread each) and a load generator, all on loopback, and asks each proxy in turn, in many short rounds,
//! so that whatever the machine does meanwhile befalls all of them. What counts is the CPU time of the proxy's process
//! per request, as the kernel's scheduler books it, and its ratio to bare Pingora's in the same round; that of the threads
//! which write records is told apart. Every answer is compared with what the upstream sent.
//!
//! `cases` says what is asked, `upstream` and `bare` are processes of their own (this binary again), `proxies` starts
//! and ends what is measured, `load` asks, `cpu` counts, `report` prints. `watched` is another measure: of a dashboard.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "speaks to whoever runs it"
)]

mod answers;
mod bare;
mod bodies;
mod cases;
mod cpu;
mod load;
mod proxies;
mod report;
mod run;
mod upstream;
mod watched;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Measures what a request costs each proxy.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    role: Option<Role>,
    #[command(flatten)]
    options: Options,
}

#[derive(Args, Clone)]
struct Options {
    /// Fewer rounds: under 90 seconds.
    #[arg(long)]
    quick: bool,
    /// Prints the figures as JSON.
    #[arg(long)]
    json: bool,
    /// The gateway's binary; `none` measures the others only.
    #[arg(long, default_value = "target/release/tidegate")]
    gateway: String,
    /// Another build of the gateway, asked in turn with it: what a change has brought.
    #[arg(long, conflicts_with = "watched")]
    beside: Option<PathBuf>,
    /// The gateway's configuration, in place of a generated one; `{listen}`, `{upstream}`, `{key}` and `{dir}` in it
    /// are filled in.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Only the cases whose name contains this; may be given several times.
    #[arg(long)]
    case: Vec<String>,
    /// Measured rounds (one more warms up).
    #[arg(long)]
    rounds: Option<usize>,
    /// Measures instead what an open dashboard costs, at 50 and at 5,000 requests a second.
    #[arg(long)]
    watched: bool,
    /// With `--watched`: counts instructions by callgrind (of Debian's `valgrind`) in place of time.
    #[arg(long, requires = "watched")]
    callgrind: bool,
    /// Connections of the load generator.
    #[arg(long, default_value_t = 16)]
    connections: usize,
}

#[derive(Subcommand)]
enum Role {
    /// (started by the benchmark) Answers from memory.
    #[command(hide = true)]
    Upstream { listen: SocketAddr },
    /// (started by the benchmark) Pingora, and nothing else.
    #[command(hide = true)]
    Bare {
        listen: SocketAddr,
        upstream: SocketAddr,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let ended = match cli.role {
        Some(Role::Upstream { listen }) => upstream::serve(listen),
        Some(Role::Bare { listen, upstream }) => bare::serve(listen, upstream),
        None if cli.options.watched => watched::run(&cli.options),
        None => run::run(&cli.options),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Ends this process when the one that started it is gone: its end of our standard input closes.
fn end_with_parent() {
    std::thread::spawn(|| {
        std::io::copy(&mut std::io::stdin(), &mut std::io::sink()).ok();
        std::process::exit(0);
    });
}
