#!/bin/sh
# System packages that `make check` uses beside a C compiler, Python and Rust: clang (the second compiler of
# the kernel's tests), g++ (the header in C++), pkg-config, and chromium, which reads the reports. Installs what is
# missing when run as root.
set -eu

missing=""
command -v clang >/dev/null || missing="$missing clang"
command -v g++ >/dev/null || missing="$missing g++"
command -v pkg-config >/dev/null || missing="$missing pkg-config"
command -v chromium >/dev/null || missing="$missing chromium"
"${PYTHON:-python3}" -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
[ -z "$missing" ] && exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "make check needs:$missing. Install them, for example: sudo apt-get install$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends $missing
