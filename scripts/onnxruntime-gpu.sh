#!/usr/bin/env bash
# Finds or fetches the ONNX Runtime library built with CUDA and prints its path on stdout; progress goes to stderr.
#
#   scripts/onnxruntime-gpu.sh [DEST]        DEST: where the libraries are kept, .deps/onnxruntime-gpu by default
#
# $ONNXRUNTIME_GPU_LIB names a library to use instead. What is fetched is the Python wheel onnxruntime-gpu, of which three
# libraries are kept, each checked against the sha256 below: ONNX Runtime and its CUDA provider, which has to lie beside it.
# They need CUDA 13 (cudart, cublas, curand, cufft) and cuDNN 9 on the machine that they run on, and nothing of Python.
set -euo pipefail

readonly version=1.30.0
readonly platform=manylinux_2_28_x86_64
readonly dest=${1:-.deps/onnxruntime-gpu}
readonly target=$dest/libonnxruntime.so
# Name in the wheel, name here, sum.
readonly libraries="libonnxruntime.so.$version libonnxruntime.so 5a140dc17c8b60b35b2ceab0bb533e65ac54f06a208948417c1f9c31df6afc4c
libonnxruntime_providers_cuda.so libonnxruntime_providers_cuda.so 35da2e7ed0dd0d1aec5cdb16ce11a51d06c0c48cf62d1b1c9332946a4fae14fc
libonnxruntime_providers_shared.so libonnxruntime_providers_shared.so 086ec1d5388f64153d9c63470d126693db9a182c8ce236d3a1119068471b8a0d"

say() { printf 'onnxruntime-gpu: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# verified tells whether a folder has all the libraries, under the names of the given column (1: the wheel's, 2: ours).
verified() {
  local folder=$1 column=$2 member name sum file
  while read -r member name sum; do
    file=$folder/$([ "$column" = 1 ] && echo "$member" || echo "$name")
    [ -f "$file" ] || return 1
    if [ "$(sha256sum "$file" | cut -d' ' -f1)" != "$sum" ]; then
      say "$file is not the pinned one"
      return 1
    fi
  done <<<"$libraries"
}

absolute() { printf '%s/%s\n' "$(cd "$(dirname "$1")" && pwd)" "$(basename "$1")"; }

if [ -n "${ONNXRUNTIME_GPU_LIB:-}" ]; then
  [ -f "$ONNXRUNTIME_GPU_LIB" ] || die "ONNXRUNTIME_GPU_LIB is set to $ONNXRUNTIME_GPU_LIB, which is no file: correct it, or unset it to have the library fetched"
  absolute "$ONNXRUNTIME_GPU_LIB"
  exit
fi
[ "$(uname -sm)" = "Linux x86_64" ] || die "no pinned library for $(uname -sm): build ONNX Runtime with CUDA there and set ONNXRUNTIME_GPU_LIB to it"
if verified "$dest" 2 2>/dev/null; then
  absolute "$target"
  exit
fi

mkdir -p "$dest"
# Inside DEST, so that the final renames stay on one file system.
work=$(mktemp -d "$dest/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
command -v python3 >/dev/null || die 'python3 with pip is not installed: it fetches the wheel'
say "fetching the onnxruntime-gpu $version wheel with pip (247 MB, once)"
python3 -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
  --python-version 3.12 --implementation cp --platform "$platform" --dest "$work" "onnxruntime-gpu==$version" >&2 ||
  die "pip can't fetch onnxruntime-gpu $version: is there a network? Make the bundle on a machine that has one, see docs/gpu.md"
python3 -m zipfile -e "$work/onnxruntime_gpu-$version-cp312-cp312-$platform.whl" "$work/wheel"
verified "$work/wheel/onnxruntime/capi" 1 || die 'the wheel does not hold what is pinned: refused'
# The main library last: where it is, the others are.
while read -r member name _; do
  [ "$name" = libonnxruntime.so ] || mv -f "$work/wheel/onnxruntime/capi/$member" "$dest/$name"
done <<<"$libraries"
cp "$work/wheel/onnxruntime/LICENSE" "$work/wheel/onnxruntime/ThirdPartyNotices.txt" "$dest/"
mv -f "$work/wheel/onnxruntime/capi/libonnxruntime.so.$version" "$target"
say "$target is ready ($version, CUDA 13)"
absolute "$target"
