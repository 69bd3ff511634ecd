#!/usr/bin/env bash
# Finds or fetches the ONNX Runtime shared library and prints its path on stdout; progress goes to stderr.
#
#   scripts/onnxruntime.sh [DEST]        DEST: where a fetched library is kept, .deps/onnxruntime by default
#
# Order: $ONNXRUNTIME_LIB; a library the system knows (ldconfig), if new enough; DEST; the npm package
# onnxruntime-node; the Python wheel onnxruntime. What is fetched is the CPU library, checked against the
# sha256 below before it gets its name. For CUDA point ONNXRUNTIME_LIB at a library built with it.
set -euo pipefail

readonly version=1.30.0
# The Go binding asks for C API 24, which 1.24 was the first to have.
readonly oldest_minor=24
readonly dest=${1:-.deps/onnxruntime}
readonly target=$dest/libonnxruntime.so

say() { printf 'onnxruntime: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# pin sets what this machine's architecture needs; the sums are of the library, not of the archive around it.
pin() {
  [ "$(uname -s)" = Linux ] || die "no pinned library for $(uname -s): install ONNX Runtime 1.$oldest_minor or newer and set ONNXRUNTIME_LIB to it"
  case $(uname -m) in
    x86_64 | amd64)
      npm_member=package/bin/napi-v6/linux/x64/libonnxruntime.so.1
      npm_sha256=ffb75a925ba05e47b235bb66e3e3911714a80b328a9c9425539feb204aa32a23
      wheel_platform=manylinux_2_28_x86_64
      wheel_sha256=c902c70b3003c0e99fada202f37478c515ae9bba7944c2b2abd0017bae0c82ed
      ;;
    aarch64 | arm64)
      npm_member=package/bin/napi-v6/linux/arm64/libonnxruntime.so.1
      npm_sha256=1f549d46250b005580b597f4164984aaf75b3bcb9f3aeb07c7f8a8fe60b23c76
      wheel_platform=manylinux_2_28_aarch64
      wheel_sha256=8a218e1e446880131115c368ec7005969a5022af9a15a26173de648fef0b7789
      ;;
    *) die "no pinned library for $(uname -m): install ONNX Runtime 1.$oldest_minor or newer and set ONNXRUNTIME_LIB to it" ;;
  esac
}

sha256() { sha256sum "$1" | cut -d' ' -f1; }

# absolute prints a path that stays right when a test runs in its package's folder.
absolute() { printf '%s/%s\n' "$(cd "$(dirname "$1")" && pwd)" "$(basename "$1")"; }

# system_library prints the library ldconfig knows, unless it is too old: the version is its symbols' VERS_1.N.P.
system_library() {
  local path minor
  path=$({ ldconfig -p || /sbin/ldconfig -p; } 2>/dev/null | awk '$1 ~ /^libonnxruntime\.so/ {print $NF; exit}')
  [ -n "$path" ] || return 1
  minor=$(grep -aom1 'VERS_1\.[0-9]*' "$path" | head -n1 | cut -d. -f2)
  if [ -z "$minor" ] || [ "$minor" -lt "$oldest_minor" ]; then
    say "$path is older than 1.$oldest_minor, not used"
    return 1
  fi
  printf '%s\n' "$path"
}

# accept verifies a fetched library and gives it its name in one step, so that a half-written one is never found.
accept() {
  local file=$1 want=$2 got
  got=$(sha256 "$file")
  if [ "$got" != "$want" ]; then
    say "checksum of $(basename "$file") is $got, want $want: refused"
    return 1
  fi
  chmod 0644 "$file"
  mv -f "$file" "$target"
}

from_npm() {
  command -v npm >/dev/null || return 1
  say "fetching onnxruntime-node $version with npm (114 MB, once)"
  npm pack --silent --ignore-scripts --pack-destination "$work" "onnxruntime-node@$version" >/dev/null 2>"$work/log" || { cat "$work/log" >&2; return 1; }
  tar -xzf "$work/onnxruntime-node-$version.tgz" -C "$work" "$npm_member" || return 1
  accept "$work/$npm_member" "$npm_sha256"
}

from_wheel() {
  local python pip=()
  # pip needs its own interpreter; unpacking needs any.
  for python in python3 python; do
    command -v "$python" >/dev/null && "$python" -m pip --version >/dev/null 2>&1 && { pip=("$python" -m pip); break; }
  done
  [ ${#pip[@]} -gt 0 ] || return 1
  say "fetching the onnxruntime $version wheel with pip (24 MB, once)"
  # Interpreter and platform are named, so that every machine gets the very file whose checksum is pinned.
  "${pip[@]}" download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
    --python-version 3.12 --implementation cp --platform "$wheel_platform" \
    --dest "$work" "onnxruntime==$version" >&2 || return 1
  "$python" -m zipfile -e "$work/onnxruntime-$version-cp312-cp312-$wheel_platform.whl" "$work/wheel" || return 1
  accept "$work/wheel/onnxruntime/capi/libonnxruntime.so.$version" "$wheel_sha256" || return 1
  # Whoever passes the library on (the container image does) passes these on too.
  cp "$work/wheel/onnxruntime/LICENSE" "$work/wheel/onnxruntime/ThirdPartyNotices.txt" "$dest/"
}

if [ -n "${ONNXRUNTIME_LIB:-}" ]; then
  [ -f "$ONNXRUNTIME_LIB" ] || die "ONNXRUNTIME_LIB is set to $ONNXRUNTIME_LIB, which is no file: correct it, or unset it to have the library fetched"
  absolute "$ONNXRUNTIME_LIB"
  exit
fi
if system_library; then
  exit
fi

pin
mkdir -p "$dest"
if [ -f "$target" ]; then
  have=$(sha256 "$target")
  if [ "$have" = "$npm_sha256" ] || [ "$have" = "$wheel_sha256" ]; then
    absolute "$target"
    exit
  fi
  say "$target is not the pinned $version, replaced"
fi

# Inside DEST, so that the final rename stays on one file system.
work=$(mktemp -d "$dest/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
if ! from_npm && ! from_wheel; then
  die "could not fetch ONNX Runtime $version: it takes npm, or python3 with pip, and their registry; or set ONNXRUNTIME_LIB to a library you have"
fi
say "$target is ready ($version)"
absolute "$target"
