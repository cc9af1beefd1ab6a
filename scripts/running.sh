# shellcheck shell=bash
# The gateways that start.sh started from this clone: one file each in `.run/`, holding process id and start time.
# Sourced, with the repository's root as working directory.

# start_time PID: prints what tells this process from a later one with the same id; nothing if it is gone or a zombie.
start_time() {
    local stat
    # The name in parentheses may hold spaces; what counts comes after it.
    { stat="$(<"/proc/$1/stat")"; } 2>/dev/null || return 0
    # shellcheck disable=SC2086
    set -- ${stat##*) }
    [ "$1" = Z ] || printf '%s' "${20}"
}

# Notes this shell, whose id and start time the gateway inherits by `exec`, and forgets those that ended by themselves.
remember_us() {
    mkdir -p .run
    ours >/dev/null
    printf '%s %s\n' "$$" "$(start_time $$)" >".run/$$.pid"
}

# Prints the ids of the gateways that still run.
ours() {
    local file pid started
    for file in .run/*.pid; do
        [ -f "$file" ] || continue
        read -r pid started <"$file" || true
        if [ -n "${started:-}" ] && [ "$(start_time "$pid")" = "$started" ]; then
            printf '%s\n' "$pid"
        else
            rm -f "$file"
        fi
    done
}
