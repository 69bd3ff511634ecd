#!/usr/bin/env bash
# Runs go test over package patterns: with the race detector, except for testsuite, which drives whole programs and
# their own processes, where the detector sees little and costs much. Both run even if the first fails.
#
#   scripts/gotest.sh PATTERNS [GO TEST ARGUMENTS...]
set -euo pipefail

read -ra patterns <<<"$1"
shift

unit=()
suite=()
# Listed before it is read, so that a broken pattern ends the run here.
listed=$(go list "${patterns[@]}")
while IFS= read -r package; do
  case $package in
    */testsuite | */testsuite/*) suite+=("$package") ;;
    *) unit+=("$package") ;;
  esac
done <<<"$listed"

status=0
if [ ${#unit[@]} -gt 0 ]; then
  go test -race -timeout 40m "$@" "${unit[@]}" || status=$?
fi
if [ ${#suite[@]} -gt 0 ]; then
  # Not from the cache: go test does not know the programs that these tests start.
  go test -count=1 -timeout 40m "$@" "${suite[@]}" || status=$?
fi
exit $status
