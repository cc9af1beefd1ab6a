#!/usr/bin/env bash
# Makes `src/admin/ui/vendor/` anew from pinned packages: one file each, with a head that says what it is, and imports
# that a browser resolves without a map. `--check` only compares. Needs npm; no build and no test of the gateway does.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

home=src/admin/ui/vendor
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
made=$work/made
mkdir "$made"

# package, version, SHA-512 of the tarball
pins='
preact 11.2.0 /HfHI/7N84e6GrWBJ3J280z3mLaRJiDcSvj/A+y/4AbLnND/1UlGHe1sR6oYuTGwId0nP7dqDU9OnLxMPZ7xBg==
@preact/signals 2.11.4 Rb+5RPo9gWSaHtzJeauhHxiC8KP/IF2DEPkHPEOGOnuy2wnJzRqyeLRankUCYd6ADqtxS6GnWGv6Ie343d8aYw==
@preact/signals-core 1.14.5 vcRv7Ityz5JVmeiVqIluLFzT/PDS/AlhHUpw3/aUWqcVUs6bDGIPXE/6RSC4evBNWYvnniozg5Syfj33al3gkg==
htm 3.1.1 983Vyg8NwUE7JkZ6NmOqpCZ+sh1bKv2iYTlUkzlWmA5JD2acKoxd4KVxbMmxX/85mtfdnDmTFoNKcg5DGAvxNQ==
uplot 1.6.32 KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==
'

unpacked() { echo "$work/$(tr '@/' '__' <<<"$1")"; }

fetch() { # package version sum
    local into archive sum
    into=$(unpacked "$1")
    mkdir "$into"
    archive=$(cd "$work" && npm pack --silent "$1@$2")
    sum=$(openssl dgst -sha512 -binary "$work/$archive" | base64 -w0)
    if [[ $sum != "$3" ]]; then
        echo "$1 $2: its archive is not the pinned one" >&2
        exit 1
    fi
    tar xzf "$work/$archive" -C "$into" --strip-components=1
}

build() { # package file-in-package name [sed expression]
    local version licence source
    version=$(awk -v name="$1" '$1 == name { print $2 }' <<<"$pins")
    licence=$(sed -n 's/.*"license": *"\([^"]*\)".*/\1/p' "$(unpacked "$1")/package.json" | head -1)
    source="npm:$1@$version/$2"
    {
        echo "/*! $1 $version | $licence | $source | made by scripts/vendor_ui.sh; do not edit */"
        sed -e '/^\/\/# sourceMappingURL=/d' -e "${4:-}" "$(unpacked "$1")/$2"
    } >"$made/$3"
}

while read -r package version sum; do
    [[ -z $package ]] || fetch "$package" "$version" "$sum"
done <<<"$pins"

here='s#from *"preact"#from"./preact.js"#g; s#from *"preact/hooks"#from"./hooks.js"#g; s#from *"@preact/signals-core"#from"./signals-core.js"#g'
build preact dist/preact.mjs preact.js
build preact hooks/dist/hooks.mjs hooks.js "$here"
build @preact/signals-core dist/signals-core.mjs signals-core.js
build @preact/signals dist/signals.mjs signals.js "$here"
build htm dist/htm.mjs htm.js
build uplot dist/uPlot.iife.min.js uplot.js "\$a export default uPlot;"
build uplot dist/uPlot.min.css uplot.css

if [[ ${1:-} == --check ]]; then
    diff -r "$made" "$home"
    echo "$home is what its pins make"
else
    rm -rf "$home"
    cp -r "$made" "$home"
fi
