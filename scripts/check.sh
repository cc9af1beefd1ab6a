#!/usr/bin/env bash
# What needs no test to be seen: format, lints, the tree of crates, the shell scripts.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/needs.sh
source scripts/needs.sh

need_build
need_deny
# A nicety that nobody should need root for.
has shellcheck || [ "$(id -u)" != 0 ] || need_packages shellcheck

cargo fmt --check
cargo fmt --check --manifest-path tests/fuzz/Cargo.toml
cargo clippy --locked --all-targets -- -D warnings
cargo deny --locked check bans licenses sources
if has shellcheck; then
    shellcheck -x scripts/*.sh tests/clients/run.sh tests/browser/run.sh .ci/run
else
    say "shellcheck is not here: the scripts were not checked"
fi
