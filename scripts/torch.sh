#!/usr/bin/env bash
# Finds a Python that can run runtimes/torch, installs Debian's if there is none and it may, and prints the path of the
# Python on stdout; progress goes to stderr.
#
#   scripts/torch.sh
#
# $TORCH_PYTHON names a Python to use instead: one with torch 1.13, grpcio 1.51 and protobuf 3.21, or newer. Debian's packages are
# as pinned as its release is: on Debian 12 torch is 1.13.1. They are 153 MB to fetch and 657 MB on the disk, a minute or two.
set -euo pipefail

readonly packages=(python3-torch python3-grpcio python3-protobuf)
readonly debian=/usr/bin/python3

say() { printf 'torch: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# The import itself is what counts; its text is kept for who has to find out why.
works() { "$1" -c 'import google.protobuf, grpc, torch; assert tuple(map(int, torch.__version__.split("+")[0].split(".")[:2])) >= (1, 13), torch.__version__' >&2; }

if [ -n "${TORCH_PYTHON:-}" ]; then
  works "$TORCH_PYTHON" || die "TORCH_PYTHON=$TORCH_PYTHON can't import torch 1.13, grpc and google.protobuf, or newer"
  printf '%s\n' "$TORCH_PYTHON"
  exit
fi

if ! { [ -x "$debian" ] && works "$debian" 2>/dev/null; }; then
  command -v apt-get >/dev/null ||
    die "there is no torch and no apt-get: make an environment with 'pip install torch grpcio protobuf', and name its Python as TORCH_PYTHON"
  [ "$(id -u)" = 0 ] || die "there is no torch: as root, run 'apt-get install ${packages[*]}', or name a Python that has it as TORCH_PYTHON"
  say "install ${packages[*]} (some 2 minutes, 657 MB, once)"
  apt-get update -qq >&2
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 install -y -qq --no-install-recommends "${packages[@]}" >/dev/null 2>&1 ||
    die "apt-get can't install ${packages[*]}: run it by hand to see why"
  works "$debian" || die "$debian can't import torch although it is installed"
fi
printf '%s\n' "$debian"
