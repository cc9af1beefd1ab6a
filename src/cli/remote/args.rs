//! What is typed of the commands that ask a running gateway.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::Number;

use super::access::Access;
use super::{Desk, Failed, Voice, carry, figures, keys, objects, providers, quota, tail};
use crate::cli::Exit;
use crate::config::Env;

/// Ask a running gateway.
#[derive(Debug, Clone, Subcommand)]
pub enum Remote {
    /// Models that clients ask for
    Models(Of<ModelsWhat>),
    /// Vendor accounts
    Providers(Of<ProvidersWhat>),
    /// Where requests go, before names decide
    Routes(Of<RoutesWhat>),
    /// Client keys; with --provider, the keys of a provider
    Keys(Of<KeysWhat>),
    /// Whose client keys share limits
    Tenants(Of<TenantsWhat>),
    /// What models cost: USD a million tokens
    Prices(Of<PricesWhat>),
    /// What is used of every limit, or let it begin anew; also where no gateway runs
    Quota(QuotaArgs),
    /// Figures: in all, today and lately, or of a range of time
    Stats(StatsArgs),
    /// Requests as they end
    Logs(Of<LogsWhat>),
    /// What would become of a request; nobody is asked
    Explain(ExplainArgs),
    /// The whole configuration as one file
    Export(ExportArgs),
    /// Put a configuration in force: ours, provider.json, app.yml or LiteLLM's; shows what changes first
    Import(ImportArgs),
    /// Copy the database while the gateway runs
    Backup(BackupArgs),
    /// Read the configuration's files again
    Reload(ReloadArgs),
    /// Who has changed what
    Audit(AuditArgs),
}

/// A command with commands of its own.
#[derive(Debug, Clone, Args)]
pub struct Of<W: Subcommand> {
    #[command(subcommand)]
    pub what: W,
    #[command(flatten)]
    pub access: Access,
}

#[derive(Debug, Clone, Subcommand)]
pub enum ModelsWhat {
    List,
    /// Make a model: models create sonnet --endpoint relay-a/gpt-4o
    #[command(visible_alias = "add")]
    Create(NewModel),
    Delete {
        name: String,
    },
}

#[derive(Debug, Clone, Default, Args)]
pub struct NewModel {
    /// What clients ask for
    #[arg(required_unless_present_any = ["route_key", "from"])]
    pub name: Option<String>,
    /// Upstream model that answers; the first ones first, and each after those before it. May be repeated
    #[arg(long, value_name = "PROVIDER/MODEL")]
    pub endpoint: Vec<String>,
    /// Another name of it; * stands for any text. May be repeated
    #[arg(long, value_name = "NAME")]
    pub alias: Vec<String>,
    /// round_robin, weighted, least_busy or fastest
    #[arg(long, value_name = "HOW")]
    pub balance: Option<String>,
    /// The same as NAME
    #[arg(long, value_name = "NAME", conflicts_with = "name")]
    pub route_key: Option<String>,
    /// With --provider: the same as --endpoint PROVIDER/MODEL
    #[arg(long, value_name = "MODEL", requires = "provider")]
    pub target_model: Option<String>,
    /// With --target-model
    #[arg(long, value_name = "PROVIDER", requires = "target_model")]
    pub provider: Option<String>,
    /// A JSON object as the configuration file would say it; `-`: standard input. What else is told stands over it
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum ProvidersWhat {
    List,
    /// Add a vendor by its URL; its format is found out
    #[command(visible_alias = "create")]
    Add(NewProvider),
    /// Send a short request through it
    Test {
        name: String,
        /// Upstream model; by default one that is known of it
        #[arg(long, value_name = "MODEL")]
        model: Option<String>,
    },
    /// Ask which models it has, and keep them
    Pull {
        name: String,
    },
    Delete {
        name: String,
    },
}

#[derive(Debug, Clone, Default, Args)]
pub struct NewProvider {
    #[arg(required_unless_present = "from")]
    pub name: Option<String>,
    /// With or without the version
    #[arg(long, value_name = "URL", required_unless_present = "from")]
    pub base_url: Option<String>,
    /// openai_chat, openai_responses, anthropic or gemini; by default the vendor is asked. May be repeated
    #[arg(long, value_name = "FORMAT")]
    pub format: Vec<String>,
    /// What the vendor asks for; `-` reads it from standard input
    #[arg(long, value_name = "KEY")]
    pub api_key: Option<String>,
    /// Ask which models it has, and keep them
    #[arg(long)]
    pub pull: bool,
    /// A JSON object as the configuration file would say it; `-`: standard input. What else is told stands over it
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum RoutesWhat {
    List,
    /// Make a route: routes add long --when tokens_over=100000 --use haiku
    #[command(visible_alias = "create")]
    Add(NewRoute),
    Delete {
        name: String,
    },
}

#[derive(Debug, Clone, Default, Args)]
pub struct NewRoute {
    #[arg(required_unless_present = "from")]
    pub name: Option<String>,
    /// A condition: model=sonnet, header.x-team=search, tools=true, body.metadata.tier=gold. May be repeated: all must hold
    #[arg(long, value_name = "WHAT=VALUE")]
    pub when: Vec<String>,
    /// A model, or any other name that a client could ask for
    #[arg(long = "use", value_name = "MODEL")]
    pub target: Option<String>,
    /// A JSON object as the configuration file would say it; `-`: standard input. What else is told stands over it
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum KeysWhat {
    List {
        /// The keys of this provider
        #[arg(long, value_name = "NAME")]
        provider: Option<String>,
    },
    /// Make a client key, which is shown this once; with --provider, give a provider one more key
    #[command(visible_alias = "create")]
    Add(Box<NewKey>),
    /// A new key in place of a client key's old one
    Rotate {
        name: String,
        /// Print the key, and nothing else
        #[arg(short, long)]
        quiet: bool,
    },
    /// A client key lets nobody in any more; with --provider, take a key from a provider
    #[command(visible_alias = "delete")]
    Revoke {
        /// Of the client key; of a provider's, its number (`keys list --provider NAME`)
        name: String,
        #[arg(long, value_name = "NAME")]
        provider: Option<String>,
    },
}

#[derive(Debug, Clone, Default, Args)]
pub struct NewKey {
    #[arg(required_unless_present_any = ["provider", "from"], conflicts_with = "provider")]
    pub name: Option<String>,
    /// The provider that gets one more key
    #[arg(long, value_name = "NAME", requires = "api_key")]
    pub provider: Option<String>,
    /// The provider's key; `-` reads it from standard input
    #[arg(long, value_name = "KEY", requires = "provider")]
    pub api_key: Option<String>,
    /// How often the provider's key is taken, among all of it
    #[arg(long, value_name = "N", requires = "provider")]
    pub weight: Option<u32>,
    /// The client key itself, in place of a random one; `-` reads it from standard input
    #[arg(long, value_name = "KEY", conflicts_with = "provider")]
    pub value: Option<String>,
    /// What it may call, separated by commas; * stands for any text
    #[arg(long, value_name = "MODELS", value_delimiter = ',')]
    pub models: Vec<String>,
    /// The end of that day in UTC, or 2099-12-31T18:00:00Z
    #[arg(long, value_name = "DATE")]
    pub expires: Option<String>,
    /// Whose limits count as well
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,
    #[command(flatten)]
    pub limits: Limits,
    /// A JSON object as the configuration file would say it; `-`: standard input. What else is told stands over it
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
    /// Print the key, and nothing else
    #[arg(short, long)]
    pub quiet: bool,
}

#[derive(Debug, Clone, Subcommand)]
pub enum PricesWhat {
    /// List what models cost, those of the shipped table too
    List,
    /// One price: that which is in force
    Show { model: String },
    /// Say what a model costs, over the shipped table
    Set {
        model: String,
        /// A million tokens of input
        #[arg(long, value_name = "USD")]
        input: String,
        /// Read from a prompt cache
        #[arg(long, value_name = "USD")]
        cached: Option<String>,
        /// Written to one
        #[arg(long, value_name = "USD")]
        cache_write: Option<String>,
        /// A million tokens of output
        #[arg(long, value_name = "USD")]
        output: Option<String>,
    },
    /// Take a price away; what the shipped table says holds again
    Delete { model: String },
}

#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Requests a minute
    #[arg(long, value_name = "N")]
    pub rpm: Option<u64>,
    /// Tokens a minute
    #[arg(long, value_name = "N")]
    pub tpm: Option<u64>,
    /// Requests at once
    #[arg(long, value_name = "N")]
    pub concurrency: Option<u64>,
    /// Requests a day
    #[arg(long, value_name = "N")]
    pub requests: Option<u64>,
    /// USD a month
    #[arg(long, value_name = "USD", value_parser = number)]
    pub budget: Option<Number>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum TenantsWhat {
    List,
    #[command(visible_alias = "create")]
    Add(NewTenant),
    Delete {
        name: String,
    },
}

#[derive(Debug, Clone, Default, Args)]
pub struct NewTenant {
    #[arg(required_unless_present = "from")]
    pub name: Option<String>,
    #[command(flatten)]
    pub limits: Limits,
    /// A JSON object as the configuration file would say it; `-`: standard input. What else is told stands over it
    #[arg(long, value_name = "FILE")]
    pub from: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub struct QuotaArgs {
    #[command(subcommand)]
    pub what: Option<QuotaWhat>,
    #[command(flatten)]
    pub access: Access,
}

#[derive(Debug, Clone, Subcommand)]
pub enum QuotaWhat {
    /// Show every limit; the same as no command
    List,
    /// Let it begin anew, as if nothing had been used
    Reset(QuotaReset),
}

#[derive(Debug, Clone, Default, Args)]
pub struct QuotaReset {
    /// The virtual model
    #[arg(required_unless_present_any = ["key", "tenant"], conflicts_with_all = ["key", "tenant"])]
    pub model: Option<String>,
    /// PROVIDER/NAME; without it, all of the model's endpoints
    pub endpoint: Option<String>,
    /// A client key, in place of a model: its quota, its budget and its rates
    #[arg(long, value_name = "NAME", conflicts_with = "tenant")]
    pub key: Option<String>,
    /// A tenant, in place of a model: its quota, its budget and its rates
    #[arg(long, value_name = "NAME")]
    pub tenant: Option<String>,
}

impl QuotaReset {
    /// `at`: PROVIDER/NAME
    pub(super) fn is_endpoint(&self, pool: &str, at: &str) -> bool {
        self.model.as_deref() == Some(pool)
            && self.endpoint.as_deref().is_none_or(|wanted| wanted == at)
    }
}

#[derive(Debug, Clone, Args)]
pub struct StatsArgs {
    #[command(subcommand)]
    pub what: Option<StatsWhat>,
    /// What figures are told apart by, separated by commas: model, provider, endpoint, client_key, tenant, outcome, status
    #[arg(long, value_name = "WHAT")]
    pub by: Option<String>,
    /// A series: of each hour or day
    #[arg(long, value_name = "hour|day")]
    pub every: Option<String>,
    #[command(flatten)]
    pub range: Range,
    #[command(flatten)]
    pub access: Access,
}

#[derive(Debug, Clone, Default, Args)]
pub struct Range {
    /// 2026-01-31T12:00:00Z, or a time ago: 1h, 7d
    #[arg(long, value_name = "TIME", global = true)]
    pub from: Option<String>,
    #[arg(long, value_name = "TIME", global = true)]
    pub until: Option<String>,
    #[arg(long, value_name = "NAME", global = true)]
    pub model: Option<String>,
    #[arg(long, value_name = "NAME", global = true)]
    pub provider: Option<String>,
    #[arg(long, value_name = "NAME", global = true)]
    pub client_key: Option<String>,
    #[arg(long, value_name = "NAME", global = true)]
    pub tenant: Option<String>,
    /// 429; of requests also a class: 4xx
    #[arg(long, value_name = "STATUS", global = true)]
    pub status: Option<String>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum StatsWhat {
    /// Finished requests, the newest first
    Requests {
        /// How many
        #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
        limit: u32,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub enum LogsWhat {
    /// The last ones, and then each as it ends, the newest 20 of a second
    Tail {
        /// How many of the last ones
        #[arg(short = 'n', long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(0..=1000))]
        last: u32,
    },
}

#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// A model that a client would ask for, or a JSON file with a whole request
    #[arg(value_name = "MODEL|FILE")]
    pub what: String,
    /// Of the request: openai_chat, openai_responses, anthropic, gemini; by default what it looks like
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<String>,
    /// Of a gemini request, whose model stands in its path
    #[arg(long, value_name = "NAME")]
    pub model: Option<String>,
    /// A header of the request. May be repeated
    #[arg(long, value_name = "NAME: VALUE")]
    pub header: Vec<String>,
    /// The client key whose request it would be: with its models and its limits
    #[arg(long, value_name = "NAME")]
    pub client_key: Option<String>,
    #[command(flatten)]
    pub access: Access,
}

#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// With the secrets in it; without, variables stand for them
    #[arg(long)]
    pub secrets: bool,
    /// Where to, readable by you alone; by default standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    #[command(flatten)]
    pub access: Access,
}

#[derive(Debug, Clone, Args)]
pub struct ImportArgs {
    /// `-`: standard input
    pub file: PathBuf,
    /// Objects that it does not have go; else they stay
    #[arg(long)]
    pub replace: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// Only show what would change
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// auto, tidegate, provider_json, app_yml, litellm
    #[arg(long, value_name = "FORMAT", default_value = "auto")]
    pub format: String,
    #[command(flatten)]
    pub access: Access,
}

#[derive(Debug, Clone, Args)]
pub struct BackupArgs {
    /// A file that is not there yet
    pub file: PathBuf,
    #[command(flatten)]
    pub access: Access,
}

#[derive(Debug, Clone, Args)]
pub struct ReloadArgs {
    #[command(flatten)]
    pub access: Access,
}

#[derive(Debug, Clone, Args)]
pub struct AuditArgs {
    /// How many
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub limit: u32,
    /// Who
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// create, update, delete, …
    #[arg(long, value_name = "WHAT")]
    pub action: Option<String>,
    /// provider, model, route, client_key, tenant, …
    #[arg(long, value_name = "KIND")]
    pub kind: Option<String>,
    /// Of what was changed
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    #[command(flatten)]
    pub access: Access,
}

/// As it is written: 5 stays 5.
fn number(text: &str) -> Result<Number, String> {
    text.parse()
        .map_err(|_| "expected a number such as 20 or 2.5".to_owned())
}

impl Remote {
    pub(super) fn access(&self) -> &Access {
        match self {
            Remote::Models(of) => &of.access,
            Remote::Providers(of) => &of.access,
            Remote::Routes(of) => &of.access,
            Remote::Keys(of) => &of.access,
            Remote::Tenants(of) => &of.access,
            Remote::Prices(of) => &of.access,
            Remote::Quota(of) => &of.access,
            Remote::Stats(of) => &of.access,
            Remote::Logs(of) => &of.access,
            Remote::Explain(of) => &of.access,
            Remote::Export(of) => &of.access,
            Remote::Import(of) => &of.access,
            Remote::Backup(of) => &of.access,
            Remote::Reload(of) => &of.access,
            Remote::Audit(of) => &of.access,
        }
    }

    pub(super) fn done(&self, env: &Env, voice: &mut Voice<'_>) -> Result<Exit, Failed> {
        let access = self.access();
        // It asks the database, which is there whether a gateway runs or not.
        if let Remote::Backup(of) = self {
            let gateway = access.gateway(env, voice.style)?;
            return carry::backup(&of.file, &gateway, access.json, voice);
        }
        // It has the journal where no gateway runs.
        if let Remote::Quota(of) = self {
            return quota::quota(of, env, voice);
        }
        let desk = &mut Desk {
            client: access.client(env, voice.style)?,
            json: access.json,
            voice,
        };
        match self {
            Remote::Models(of) => objects::models(&of.what, desk),
            Remote::Providers(of) => providers::providers(&of.what, desk),
            Remote::Routes(of) => objects::routes(&of.what, desk),
            Remote::Keys(of) => keys::keys(&of.what, desk),
            Remote::Tenants(of) => objects::tenants(&of.what, desk),
            Remote::Prices(of) => objects::prices(&of.what, desk),
            Remote::Stats(of) => figures::stats(of, desk),
            Remote::Logs(of) => tail::logs(&of.what, desk),
            Remote::Explain(of) => carry::explain(of, desk),
            Remote::Export(of) => carry::export(of, desk),
            Remote::Import(of) => carry::import(of, desk),
            Remote::Reload(_) => carry::reload(desk),
            Remote::Audit(of) => figures::audit(of, desk),
            Remote::Backup(_) | Remote::Quota(_) => Ok(Exit::Well),
        }
    }
}
