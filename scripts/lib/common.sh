# common.sh: what demo and test share: messages, packages, builds. Sourced, not run.
# shellcheck shell=bash

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Runs a command as root: directly, or through sudo.
as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo > /dev/null; then sudo "$@"
    else fail "need root to install packages; run as root: $*"; fi
}

# Installs those of the named Debian packages that are missing.
need_packages() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f '${Status}' "$package" 2> /dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    [ ${#missing[@]} = 0 ] && return
    command -v apt-get > /dev/null || fail "missing packages: ${missing[*]} (no apt-get here to install them)"
    say "installing ${missing[*]}"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" > /dev/null
}

build_packages=(gcc libc6-dev cmake ninja-build pkg-config libmicrohttpd-dev libjansson-dev
    libsqlite3-dev libopenblas-dev libdnnl-dev zlib1g-dev libsodium-dev libinih-dev)

# Beside python3, for the figures of scripts/study.
study_packages=(python3-matplotlib)

# build PRESET [cmake options…]: configures and builds build/PRESET.
build() {
    local preset=$1; shift
    cmake --preset "$preset" -S "$top" -DIMLD_TESTS=ON "$@" > "$top/build/$preset.log" 2>&1 ||
        { cat "$top/build/$preset.log" >&2; fail "cmake --preset $preset"; }
    cmake --build "$top/build/$preset" >> "$top/build/$preset.log" 2>&1 ||
        { tail -n 60 "$top/build/$preset.log" >&2; fail "building $preset (whole log: build/$preset.log)"; }
}
mkdir -p "$top/build"
