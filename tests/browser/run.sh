#!/usr/bin/env bash
# The console in a real browser, against the built gateway. Arguments go to pytest: tests/browser/run.sh test_keys.py -k revoked
# TIDEGATE_UI names a folder whose files are shown in place of those in the binary (src/admin/ui, for trials without a build).
# Installs what is missing (Debian's Chromium; the rest pinned, in a folder outside the clone) and runs in a clean
# environment, loopback only.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
# shellcheck source=scripts/needs.sh
source scripts/needs.sh

binary="${TIDEGATE_BIN:-}"
if [ -z "$binary" ]; then
    need_build
    binary="$(target_dir)/debug/tidegate"
fi
[ -x "$binary" ] || die "There is no $binary: cargo build --locked"

need_browser
one_at_a_time
# The lines that Connect shows are run as they stand there: with the official SDKs.
need_python python tests/clients/requirements.txt "the Python SDKs"
sdks="$venv/bin/python"
need_python browser tests/browser/requirements.txt "what drives the browser"
need_node "$venv"
need_npm_packages axe tests/browser "axe-core"
flock -u 9

chosen=()
[ -z "${TIDEGATE_UI:-}" ] || chosen+=("TIDEGATE_UI=$(cd "$TIDEGATE_UI" && pwd)")

home="$(mktemp -d)"
trap 'rm -rf "$home"' EXIT
cd tests/browser
env -i PATH=/usr/local/bin:/usr/bin:/bin HOME="$home" TMPDIR="$home" LANG=C.UTF-8 TZ=UTC PYTHONDONTWRITEBYTECODE=1 \
    http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 no_proxy=127.0.0.1,localhost \
    TIDEGATE_BIN="$binary" TIDEGATE_CHROMIUM="$chromium" TIDEGATE_AXE="$packages/node_modules/axe-core/axe.min.js" \
    TIDEGATE_SDKS="$sdks" "${chosen[@]}" \
    "$venv/bin/python" -m pytest -p no:cacheprovider "$@" </dev/null
