#!/usr/bin/env bash
# Measures what a request costs the gateway, beside a bare Pingora pass-through and nginx (where installed), end to
# end on loopback; and what it costs the threads beside it to write a request's record. `scripts/bench.sh --quick` takes
# under 90 seconds; `--json`, `--case NAME`, `--help` for the rest.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/needs.sh
source scripts/needs.sh

need_build
cargo build --release --locked --bin tidegate --example bench-e2e
release="$(target_dir)/release"
exec "$release/examples/bench-e2e" --gateway "$release/tidegate" "$@"
