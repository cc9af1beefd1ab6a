#!/usr/bin/env bash
# Installs what the build lacks, builds the gateway and runs it in the foreground. Arguments go to the gateway;
# paths among them, and the gateway's own `data/` and `.env`, are relative to this clone. `scripts/stop.sh` ends it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/needs.sh
source scripts/needs.sh
# shellcheck source=scripts/running.sh
source scripts/running.sh

need_build
cargo build --release --locked
gateway="$(target_dir)/release/tidegate"

remember_us
exec "$gateway" "$@"
