#!/usr/bin/env bash
# Makes a Python environment with the stock MLflow and the stock clients of Triton and KServe, pinned in python-mlflow.txt, and prints the path of its Python on
# stdout; progress goes to stderr.
#
#   scripts/python-mlflow.sh [DEST]        DEST: .deps/mlflow-venv by default
#
# An environment that has these versions already is taken as it is, without any network. $MLFLOW_PYTHON names a Python
# to use instead. The packages come from wherever pip is set up to find them; offline, point PIP_FIND_LINKS at a folder
# of wheels and set PIP_NO_INDEX=1.
set -euo pipefail

readonly dest=${1:-.deps/mlflow-venv}
pins=$(dirname "$0")/python-mlflow.txt
readonly pins

say() { printf 'python-mlflow: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

if [ -n "${MLFLOW_PYTHON:-}" ]; then
  "$MLFLOW_PYTHON" -c 'import kserve, mlflow, onnx, onnxruntime, sklearn, skl2onnx, tritonclient.grpc, tritonclient.http' >&2 || die "MLFLOW_PYTHON=$MLFLOW_PYTHON lacks one of the packages in $pins"
  printf '%s\n' "$MLFLOW_PYTHON"
  exit
fi

# The copy is written last: it is there only if all before it went well.
if ! cmp -s "$pins" "$dest/installed.txt"; then
  command -v python3 >/dev/null || die 'python3 is not installed: it runs the stock MLflow client'
  say "install MLflow into $dest (some 2 minutes, 1 GB, once)"
  rm -rf "$dest"
  mkdir -p "$(dirname "$dest")"
  python3 -m venv "$dest" >&2 || die 'python3 makes no virtual environment: install its venv module (Debian: python3-venv)'
  "$dest/bin/python" -m pip install --quiet --disable-pip-version-check -r "$pins" >&2 ||
    die "pip can't install $pins: is there a network? See the head of $0 for a machine without one"
  cp "$pins" "$dest/installed.txt"
fi
printf '%s/bin/python\n' "$(cd "$dest" && pwd)"
