#!/usr/bin/env bash
# Runs the engine's tests and the serving benchmark on a CUDA device, from the bundle that scripts/gpu-bundle.sh makes; there
# it is called gpu-check. It needs neither a network nor Go nor Python: the bundle's files, CUDA 13 and cuDNN 9.
#
#   ./gpu-check [--device DEVICE] [--size small|full]
#
# DEVICE: cuda, the default; cuda:N; or cpu, which shows without a GPU that the bundle works. On a machine without a CUDA
# device it says so and exits 0.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
readonly here
device=cuda
size=small
while [ $# -gt 0 ]; do
  case $1 in
    --device) device=$2; shift 2 ;;
    --size) size=$2; shift 2 ;;
    *) printf 'gpu-check: %s is not known; usage: gpu-check [--device DEVICE] [--size small|full]\n' "$1" >&2; exit 2 ;;
  esac
done

if [ "$device" != cpu ] && ! ls /dev/nvidia[0-9]* >/dev/null 2>&1 && ! nvidia-smi -L >/dev/null 2>&1; then
  echo 'skipped: no CUDA device'
  exit 0
fi

(cd "$here" && sha256sum --check --quiet SHA256SUMS) || { echo 'gpu-check: the bundle is not as it was made: copy it again' >&2; exit 1; }
echo '==> gpu-check: bundle'
cat "$here/VERSIONS"

# CUDA's libraries: what the loader knows, the toolkit's folder, and those that pip installs for PyTorch and others.
folders=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}/usr/local/cuda/lib64
for python in python3 python; do
  command -v "$python" >/dev/null || continue
  folders+=:$("$python" -c 'import glob, sysconfig; print(":".join(glob.glob(sysconfig.get_path("purelib") + "/nvidia/**/lib", recursive=True)))' 2>/dev/null || true)
  break
done
export LD_LIBRARY_PATH=$folders
export ONNXRUNTIME_LIB=$here/lib/libonnxruntime.so SLIPWAY_TEST_DEVICE=$device

if [ "$device" != cpu ]; then
  missing=$(ldd "$here/lib/libonnxruntime_providers_cuda.so" | awk '/not found/ { print $1 }' | sort -u | tr '\n' ' ')
  [ -z "$missing" ] || { printf 'gpu-check: the machine has no %s: install CUDA 13, or name the folder of its libraries in LD_LIBRARY_PATH\n' "$missing" >&2; exit 1; }
fi

echo '==> gpu-check: device'
nvidia-smi --query-gpu=index,name,driver_version,memory.total --format=csv,noheader 2>/dev/null | sed 's/^/device: /' || true
"$here/bin/bench-serving" device -library "$ONNXRUNTIME_LIB" -device "$device"

failed=0
for test in "$here"/internal/*/engine.test; do
  package=$(basename "$(dirname "$test")")
  echo "==> gpu-check: tests of internal/$package on $device"
  # Tests read their data relative to their package's folder.
  (cd "$(dirname "$test")" && ./engine.test -test.timeout 5m) || failed=1
done

echo "==> gpu-check: benchmark on $device, size $size"
"$here/bin/bench-serving" -size "$size" -device "$device" -bin "$here/bin" -h2load "$here/bin/h2load" -source "$here" -network "$here/network.onnx" -peers "$here/none" || failed=1
exit $failed
