#!/usr/bin/env bash
# Pictures of every page of the console into docs/screenshots: light and dark, desktop and phone, of a gateway that lives
# for a few minutes with vendors that have bad moments. Installs what is missing, takes about seven minutes, ends by itself.
# TIDEGATE_BIN names another binary; arguments go to take.py: scripts/screenshots.sh --only dashboard,models --looks light
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/needs.sh
source scripts/needs.sh

binary="${TIDEGATE_BIN:-}"
if [ -z "$binary" ]; then
    need_build
    cargo build --release --locked
    binary="$(target_dir)/release/tidegate"
fi
need_browser
# The fonts of the pictures.
fonts=()
for font in fonts-inter fonts-jetbrains-mono; do
    dpkg-query -W "$font" >/dev/null 2>&1 || fonts+=("$font")
done
need_packages "${fonts[@]}"
one_at_a_time
need_python browser tests/browser/requirements.txt "what drives the browser"
flock -u 9

PYTHONDONTWRITEBYTECODE=1 timeout 1200 "$venv/bin/python" scripts/screenshots/take.py "$binary" "$chromium" docs/screenshots "$@"
