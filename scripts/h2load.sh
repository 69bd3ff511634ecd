#!/usr/bin/env bash
# Finds h2load, the load generator of nghttp2, installs Debian's if there is none and it may, and prints its path on
# stdout; progress goes to stderr.
#
#   scripts/h2load.sh
#
# $H2LOAD names a program to use instead: 1.42 or newer, as older ones write no log of requests.
set -euo pipefail

readonly package=nghttp2-client

say() { printf 'h2load: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

works() { "$1" --help 2>/dev/null | grep -q -e '--log-file'; }

if [ -n "${H2LOAD:-}" ]; then
  works "$H2LOAD" || die "H2LOAD=$H2LOAD is no h2load that knows --log-file: name one of nghttp2 1.42 or newer"
  printf '%s\n' "$H2LOAD"
  exit
fi

if ! command -v h2load >/dev/null; then
  as=()
  [ "$(id -u)" = 0 ] || as=(sudo -n)
  command -v apt-get >/dev/null || die "there is no h2load and no apt-get: install nghttp2's applications, or name the program as H2LOAD"
  say "install $package (2 MB, once)"
  log=$(mktemp)
  # A lock held by another apt-get is waited for; nobody is there to answer a question.
  if ! { "${as[@]}" apt-get update && "${as[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends "$package"; } >"$log" 2>&1; then
    cat "$log" >&2
    die "could not install $package: install it by hand, or name the program as H2LOAD"
  fi
  rm -f "$log"
fi
program=$(command -v h2load) || die "$package is installed, h2load is not on PATH"
works "$program" || die "$program knows no --log-file: install nghttp2 1.42 or newer, and name its h2load as H2LOAD"
printf '%s\n' "$program"
