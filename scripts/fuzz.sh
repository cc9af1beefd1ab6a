#!/usr/bin/env bash
# Fuzzes what reads bytes of strangers: fuzz.sh [SECONDS] [TARGET...]; 60 seconds each, all targets of tests/fuzz.
#
# The laws are those of the tests (tests/laws). One line per target: how often it ran, what it reached, whether a law was
# broken; if one was, the script fails and says where the input is. What it finds on its way is kept in cargo's target
# folder, so that the next run goes on from there; the small corpora in tests/fuzz/corpus are only read.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/needs.sh
source scripts/needs.sh

seconds=60
if [[ "${1:-}" =~ ^[0-9]+$ ]]; then
    seconds="$1"
    shift
fi
targets=("$@")
if [ $# = 0 ]; then
    for file in tests/fuzz/targets/*.rs; do
        targets+=("$(basename "$file" .rs)")
    done
fi
for target in "${targets[@]}"; do
    [ -f "tests/fuzz/targets/$target.rs" ] || die "no such target: $target"
done

need_build
need_fuzz
# cargo-fuzz knows no --locked.
cargo metadata --locked --format-version 1 --manifest-path tests/fuzz/Cargo.toml >/dev/null
home="$(target_dir)/fuzz"
# Without a sanitizer a stable toolchain does; there is no unsafe code that one would watch.
cargo fuzz build --fuzz-dir tests/fuzz --sanitizer none --target-dir "$home"
# The host's triple.
built="$home/$(rustc -vV | sed -n 's/^host: //p')/release"

# one TARGET: runs it and prints its line. A megabyte is a large request; four thousand bytes find the same mistakes sooner.
one() {
    local target="$1" log="$home/$1.log" ended=fine
    mkdir -p "$home/corpus/$target" "$home/found/$target"
    RUST_BACKTRACE=0 "$built/$target" "$home/corpus/$target" "tests/fuzz/corpus/$target" \
        "-artifact_prefix=$home/found/$target/" "-max_total_time=$seconds" \
        -max_len=8192 -timeout=10 -rss_limit_mb=1024 -print_final_stats=1 >"$log" 2>&1 || ended=BROKEN
    awk -v target="$target" -v ended="$ended" '
        match($0, /cov: [0-9]+/) { last = substr($0, RSTART + 5, RLENGTH - 5); if (first == "") first = last }
        /^stat::number_of_executed_units:/ { runs = $2 }
        /^stat::average_exec_per_sec:/ { pace = $2 }
        END { printf "%-26s %9d runs, %6d/s, coverage %d to %d: %s\n", target, runs, pace, first, last, ended }' "$log"
    [ "$ended" = fine ] && return 0
    sed -n '/panicked at/,/^note:/p' "$log" | cut -c -2000 | head -n 20
    sed -n 's/^SUMMARY: //p' "$log"
    printf 'again: cargo fuzz run --fuzz-dir tests/fuzz --sanitizer none %s %s\n' \
        "$target" "$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)"
    return 1
}

failed=0
running=0
at_once="$(nproc 2>/dev/null || echo 1)"
for target in "${targets[@]}"; do
    if [ "$running" -ge "$at_once" ]; then
        wait -n || failed=1
        running=$((running - 1))
    fi
    one "$target" &
    running=$((running + 1))
done
while [ "$running" -gt 0 ]; do
    wait -n || failed=1
    running=$((running - 1))
done
exit "$failed"
