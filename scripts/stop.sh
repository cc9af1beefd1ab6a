#!/usr/bin/env bash
# Ends the gateways that start.sh started from this clone: asks (SIGTERM), lets streams in flight end, and kills what is
# still there after SECONDS.
#   scripts/stop.sh [SECONDS]      60 unless told
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/running.sh
source scripts/running.sh

patience="${1:-60}"
[[ "$patience" =~ ^[0-9]+$ ]] || { echo "usage: scripts/stop.sh [SECONDS]" >&2; exit 2; }

mapfile -t pids < <(ours)
if [ ${#pids[@]} = 0 ]; then
    echo "no gateway of this clone runs"
    exit 0
fi

kill -TERM "${pids[@]}" 2>/dev/null || true
deadline=$((SECONDS + patience))
while mapfile -t pids < <(ours) && [ ${#pids[@]} -gt 0 ] && [ $SECONDS -lt $deadline ]; do
    sleep 0.1
done
if [ ${#pids[@]} -gt 0 ]; then
    echo "still running after $patience s, killed: ${pids[*]}"
    kill -KILL "${pids[@]}" 2>/dev/null || true
    exit 1
fi
echo "stopped"
