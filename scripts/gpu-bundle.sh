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
rm -rf "$dest"
mv "$new" "$dest"
trap - EXIT
printf '%s is ready: copy it to the machine with the device and run ./gpu-check there\n' "$dest" >&2
