#![doc = include_str!("README.md")]

pub mod balance;
pub mod cli;
pub mod clock;
pub mod config;
pub mod demo;
pub mod id;
pub mod ir;
pub mod ledger;
pub mod live;
pub mod proxy;
pub mod reload;
pub mod route;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod wire;
