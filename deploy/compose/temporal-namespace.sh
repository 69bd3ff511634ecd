#!/bin/sh
# Creates the namespace, and in it the search attributes that every workflow sets. Safe to run again.
set -eu

if ! temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; then
  temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$TEMPORAL_RETENTION"
fi
# A namespace reaches the frontend's cache some seconds after its creation.
attempts=30
for attribute in SlipwayModel SlipwayVersion SlipwayStage; do
  until temporal operator search-attribute list --namespace "$TEMPORAL_NAMESPACE" 2>/dev/null | grep -qw "$attribute"; do
    attempts=$((attempts - 1))
    [ "$attempts" -gt 0 ] || { echo "temporal-namespace: could not create search attribute $attribute" >&2; exit 1; }
    temporal operator search-attribute create --namespace "$TEMPORAL_NAMESPACE" --name "$attribute" --type Keyword || sleep 2
  done
done
echo "temporal-namespace: $TEMPORAL_NAMESPACE is ready"
