#!/usr/bin/env bash
# The real clients against the built gateway. Arguments go to pytest: tests/clients/run.sh test_openai.py -k stream
# Recorded answers to every SDK: tests/clients/run.sh recorded; TIDEGATE_FIXTURES names the folder of the recorded traffic.
# The matrix of formats: tests/clients/run.sh matrix; MATRIX_FORMATS, MATRIX_PAIRS and MATRIX_DIRECT choose (matrix/__init__.py).
# Installs what is missing (pinned, in a folder outside the clone) and runs in a clean environment, loopback only.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=scripts/needs.sh
source scripts/needs.sh

need_build
binary="${TIDEGATE_BIN:-$(target_dir)/debug/tidegate}"
[ -x "$binary" ] || die "There is no $binary: cargo build --locked"

one_at_a_time
need_python python tests/clients/requirements.txt "the Python SDKs"
python="$venv/bin/python"

# One of the agents runs on Node.js, and npm fetches them all.
need_node "$venv"
need_npm_packages agents tests/clients "the agents"
agents="$packages"
flock -u 9

chosen=()
# The recorded traffic that `recorded` replays beside the goldens.
[ -z "${TIDEGATE_FIXTURES:-}" ] || chosen+=("TIDEGATE_FIXTURES=$(cd "$TIDEGATE_FIXTURES" && pwd)")
for name in MATRIX_FORMATS MATRIX_PAIRS MATRIX_DIRECT; do
    [ -z "${!name:-}" ] || chosen+=("$name=${!name}")
done

home="$(mktemp -d)"
trap 'rm -rf "$home"' EXIT
cd tests/clients
# Nothing outside this machine may answer, so that a client that needs it fails.
env -i PATH=/usr/local/bin:/usr/bin:/bin HOME="$home" TMPDIR="$home" LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 \
    http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 no_proxy=127.0.0.1,localhost \
    TIDEGATE_BIN="$binary" TIDEGATE_AGENTS="$agents/node_modules" TIDEGATE_NODE="$node" \
    TIDEGATE_AGENT_PAIRS="${TIDEGATE_AGENT_PAIRS:-}" "${chosen[@]}" \
    "$python" -m pytest -p no:cacheprovider "$@" </dev/null
