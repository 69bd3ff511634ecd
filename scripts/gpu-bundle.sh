#!/usr/bin/env bash
# Gathers what gpu-check needs on a machine that has nothing but CUDA's libraries: programs and tests, built; ONNX Runtime
# with its CUDA provider; the models; the load generator. Needs Go and, the first time, a network.
#
#   scripts/gpu-bundle.sh DEST NETWORK        DEST: the folder to make; NETWORK: the larger network of bench-serving
set -euo pipefail

readonly dest=${1:?the folder to make is missing}
readonly network=${2:?the larger network is missing}
export CGO_ENABLED=1

library=$(scripts/onnxruntime-gpu.sh)
h2load=$(scripts/h2load.sh)
readonly library h2load

mkdir -p "$dest"
new=$(mktemp -d "$dest.XXXXXX")
trap 'rm -rf "$new"' EXIT
mkdir -p "$new/bin" "$new/lib" "$new/examples/credit-risk" "$new/examples/mnist"
go build -buildvcs=false -o "$new/bin/slipwayd" ./worker
go build -buildvcs=false -o "$new/bin/bench-serving" ./examples/bench/serving
for package in onnx serving modelserver gateway; do
  mkdir -p "$new/internal/$package"
  go test -c -o "$new/internal/$package/engine.test" "./internal/$package"
  if [ -d "internal/$package/testdata" ]; then
    cp -R "internal/$package/testdata" "$new/internal/$package/"
  fi
done
cp -R examples/credit-risk/models examples/credit-risk/data "$new/examples/credit-risk/"
cp -R examples/mnist/models examples/mnist/data "$new/examples/mnist/"
# A test compares the metrics with it.
mkdir -p "$new/deploy/grafana"
cp deploy/grafana/serving.json "$new/deploy/grafana/"
# Not what else is in the folder: two more providers would be half a gigabyte for nothing.
folder=$(dirname "$library")
cp "$library" "$new/lib/libonnxruntime.so"
cp "$folder"/libonnxruntime_providers_cuda.so "$folder"/libonnxruntime_providers_shared.so "$new/lib/"
cp "$folder"/LICENSE "$folder"/ThirdPartyNotices.txt "$new/lib/" 2>/dev/null || true
# The load generator comes with all of its libraries, the loader among them: the machine may have none of them, or others.
mkdir -p "$new/lib/h2load"
cp "$h2load" "$new/lib/h2load/h2load"
ldd "$h2load" | awk '$2 == "=>" { print $3 } $1 ~ /^\// { print $1 }' | while IFS= read -r file; do
  cp -L "$file" "$new/lib/h2load/"
done
cat >"$new/bin/h2load" <<'RUN'
#!/usr/bin/env bash
lib=$(cd "$(dirname "$0")/../lib/h2load" && pwd)
exec "$lib"/ld-*.so.* --library-path "$lib" "$lib/h2load" "$@"
RUN
chmod 0755 "$new/bin/h2load"
if [ -f "$network" ]; then
  cp "$network" "$new/network.onnx"
fi
cp scripts/gpu-check.sh "$new/gpu-check"
chmod 0755 "$new" "$new/gpu-check"

# What misses a library here would miss it there. CUDA's own come with the machine, and the C library is the system's.
needs() { LD_LIBRARY_PATH="$new/lib" ldd "$1" 2>/dev/null; }
elf() { find "$new/bin" "$new/internal" "$new/lib" -type f -exec sh -c 'for f; do [ "$(head -c 4 "$f" | tail -c 3)" != ELF ] || printf "%s\n" "$f"; done' - {} +; }
missing=$(elf | while IFS= read -r file; do
  needs "$file" | awk -v file="${file#"$new"/}" '/not found/ && $1 !~ /^lib(cuda|cudart|cublas|cublasLt|curand|cufft|cudnn[a-z_]*)\.so/ { print file " needs " $1 }'
done)
[ -z "$missing" ] || { printf 'gpu-bundle: the bundle would not run elsewhere: %s\n' "$missing" >&2; exit 1; }
# The load generator must not take a library of the machine's.
loader=$(echo "$new"/lib/h2load/ld-*.so.*)
strange=$("$loader" --library-path "$new/lib/h2load" --list "$new/lib/h2load/h2load" | awk -v own="$new/lib/h2load/" '$2 == "=>" && index($3, own) != 1 { print $1 }')
[ -z "$strange" ] || { printf 'gpu-bundle: h2load takes from the machine: %s\n' "$strange" >&2; exit 1; }

# What it was made of, and sums that gpu-check compares: a copy may be cut short.
{
  printf 'slipway %s\n' "$(git describe --tags --always --dirty 2>/dev/null || echo unknown)"
  go version
  printf 'ONNX Runtime with CUDA 13: onnxruntime-gpu %s\n' "$(sed -n 's/^readonly version=//p' scripts/onnxruntime-gpu.sh)${ONNXRUNTIME_GPU_LIB:+, replaced by a library of your own}"
  "$new/bin/h2load" --version
  printf 'C library, at least: %s\n' "$(elf | grep -v /h2load/ | xargs grep -aoh 'GLIBC_2\.[0-9]*' | sort -uV | tail -n 1)"
} >"$new/VERSIONS"
(cd "$new" && find . -type f ! -name SHA256SUMS -print0 | sort -z | xargs -0 sha256sum) >"$new/SHA256SUMS"
rm -rf "$dest"
mv "$new" "$dest"
trap - EXIT
printf '%s is ready: copy it to the machine with the device and run ./gpu-check there\n' "$dest" >&2
