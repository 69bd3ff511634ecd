#!/usr/bin/env bash
# Makes the secrets that docker-compose.yml mounts, once, in ./secrets (never committed). A secret that is there is kept.
#
#   scripts/secrets.sh [DIR]
#
# The folder is closed to other users of the host. The files in it are readable, because each is mounted on its own
# into containers that run as users the host does not know.
set -euo pipefail
umask 077

dir=${1:-$(cd "$(dirname "$0")/.." && pwd)/secrets}
mkdir -p "$dir"
chmod 0700 "$dir"

# token prints 256 random bits in hexadecimal, which needs no quoting in a DSN or an ini file.
token() { od -An -tx1 -N32 /dev/urandom | tr -d ' \n'; }

# keep writes stdin to a secret, unless it exists.
keep() {
  local file=$dir/$1
  if [ -e "$file" ]; then
    cat >/dev/null
    printf 'secrets: %s kept\n' "$1" >&2
    return
  fi
  cat >"$file.new"
  chmod 0644 "$file.new"
  mv "$file.new" "$file"
  printf 'secrets: %s made\n' "$1" >&2
}

token | keep postgres_password
token | keep temporal_db_password
token | keep catalog_password
printf 'postgres://slipway:%s@postgres:5432/slipway?sslmode=disable\n' "$(cat "$dir/catalog_password")" | keep catalog_dsn
token | keep s3_root_secret
printf '[default]\naws_access_key_id = slipway\naws_secret_access_key = %s\n' "$(token)" | keep s3_credentials
token | keep slipway_token
