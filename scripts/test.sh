#!/usr/bin/env bash
# Everything: check.sh, then unit, property and integration tests, doc tests, the real clients, and the console in a real
# browser. Ends with one line that sums up all runners. A failing part does not stop the others. TIDEGATE_FUZZ_SECONDS also
# fuzzes each target that long.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/needs.sh
source scripts/needs.sh

need_build
need_postgres
if [ -z "${TIDEGATE_FIXTURES:-}" ] && [ -d ../shared/fixtures ]; then
    TIDEGATE_FIXTURES="$(cd ../shared/fixtures && pwd)"
    export TIDEGATE_FIXTURES
fi

log="$(mktemp)"
trap 'rm -f "$log"' EXIT
broken=()

# part NAME COMMAND...: runs it, shows and keeps what it prints.
part() {
    local name="$1"
    shift
    say "== $name"
    "$@" 2>&1 | tee -a "$log" || broken+=("$name")
}

# Sums the closing lines of nextest, cargo test and pytest. A part that broke without a failed test counts as one.
total() {
    sed 's/\x1b\[[0-9;]*m//g' "$log" | awk -v broken="${#broken[@]}" '
        function count(word) { return match($0, "[0-9]+ " word) ? substr($0, RSTART) + 0 : 0 }
        /^ *Summary \[.*tests? run:/ || /^test result: / || /^=* ?([0-9]+ [a-z]+, )*[0-9]+ [a-z]+ in [0-9.]+s/ {
            passed += count("passed")
            failed += count("failed") + count("timed out") + count("exec failed") + count("errors?")
            skipped += count("skipped") + count("ignored")
        }
        END {
            if (failed < broken) failed = broken
            printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped
        }'
}

part check bash scripts/check.sh
if has cargo-nextest; then
    part tests cargo nextest run --locked --no-fail-fast
else
    part tests cargo test --locked --no-fail-fast --lib --bins --tests
fi
part "doc tests" cargo test --locked --doc
part build cargo build --locked
part clients bash tests/clients/run.sh
part browser bash tests/browser/run.sh
[ -z "${TIDEGATE_FUZZ_SECONDS:-}" ] || part fuzz bash scripts/fuzz.sh "$TIDEGATE_FUZZ_SECONDS"

[ ${#broken[@]} = 0 ] || printf 'broken: %s\n' "${broken[*]}"
total
[ ${#broken[@]} = 0 ]
