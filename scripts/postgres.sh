#!/usr/bin/env bash
# A throw-away PostgreSQL server for tests, on a free loopback port.
#
#   scripts/postgres.sh run COMMAND...   a server of its own for COMMAND, gone afterwards; exits as COMMAND did
#   scripts/postgres.sh start            one that stays; prints its DSN (twice is as good as once)
#   scripts/postgres.sh env              prints the DSN of the one that stays; exits 1 when there is none
#   scripts/postgres.sh stop             stops it and removes its data
#
# COMMAND finds the DSN in SLIPWAY_TEST_POSTGRES. When that is already set, the server it names is used as it is
# and nothing is started. Otherwise Debian's server is used, and installed when it is missing.
# The server answers on 127.0.0.1 only, trusts who connects there, and does not fsync: never keep real data in it.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
readonly root
readonly state=$root/.deps/postgres # the file "location" in it names the folder of the server that stays
readonly database=slipway_test

say() { printf 'postgres: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# find_server prints the folder of a server's programs: Debian's newest, or the one on PATH, links followed.
find_server() {
  local dir program newest=""
  while IFS= read -r dir; do
    if [ -x "$dir/pg_ctl" ] && [ -x "$dir/initdb" ]; then newest=$dir; fi
  done < <(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V)
  if [ -z "$newest" ] && program=$(command -v pg_ctl); then
    newest=$(dirname "$(readlink -f "$program")")
  fi
  [ -n "$newest" ] && printf '%s\n' "$newest"
}

install_server() {
  local as=() log
  command -v apt-get >/dev/null || die "no PostgreSQL server here: install one, or set SLIPWAY_TEST_POSTGRES to the DSN of one you have"
  [ "$(id -u)" = 0 ] || as=(sudo -n)
  say "installing Debian's postgresql (once)"
  log=$(mktemp)
  # A lock held by another apt-get is waited for; nobody is there to answer a question.
  if ! { "${as[@]}" apt-get update && "${as[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get -o DPkg::Lock::Timeout=120 install -y --no-install-recommends postgresql; } >"$log" 2>&1; then
    cat "$log" >&2
    die "could not install postgresql: install it by hand, or set SLIPWAY_TEST_POSTGRES to the DSN of one you have"
  fi
  rm -f "$log"
}

# as_owner runs a command as the user the server runs as: PostgreSQL refuses to be root.
as_owner() {
  if [ "$(id -u)" = 0 ]; then runuser -u "$owner" -- "$@"; else "$@"; fi
}

# new_folder makes the folder of a server and prints it. A work tree under a private home is closed to the
# server's user, so the folder lies in TMPDIR; it goes with the server.
new_folder() {
  local dir
  dir=$(mktemp -d "${TMPDIR:-/tmp}/slipway-postgres.XXXXXX")
  [ "$(id -u)" != 0 ] || chown "$owner" "$dir"
  printf '%s\n' "$dir"
}

# create starts a server in a folder; its DSN is then in the folder's file dsn.
create() {
  local dir=$1 port attempt
  as_owner "$bin/initdb" --pgdata="$dir/data" --username=slipway --auth=trust --encoding=UTF8 --locale=C --no-sync \
    >"$dir/initdb.log" 2>&1 || { cat "$dir/initdb.log" >&2; die "initdb failed"; }
  as_owner tee -a "$dir/data/postgresql.conf" >/dev/null <<CONF
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 200
fsync = off
synchronous_commit = off
full_page_writes = off
CONF
  # The server itself says whether a port is free: asking first would leave a gap for another to take it.
  # The range lies below the kernel's ephemeral ports.
  for attempt in 1 2 3 4 5 6 7 8 9 10; do
    port=$((20000 + RANDOM % 10000))
    if as_owner "$bin/pg_ctl" start --silent --wait --timeout=60 --pgdata="$dir/data" --log="$dir/data/server.log" \
      --options="-p $port" >/dev/null 2>&1; then
      as_owner "$bin/createdb" --host=127.0.0.1 --port="$port" --username=slipway "$database"
      printf 'postgres://slipway@127.0.0.1:%s/%s?sslmode=disable\n' "$port" "$database" >"$dir/dsn"
      return
    fi
    grep -qs 'Address already in use' "$dir/data/server.log" || break
  done
  tail -n 20 "$dir/data/server.log" >&2 || true
  die "the server did not start (attempt $attempt)"
}

# destroy stops a folder's server and removes the folder.
destroy() {
  local dir=$1
  if [ -f "$dir/data/postmaster.pid" ]; then
    as_owner "$bin/pg_ctl" stop --silent --mode=immediate --wait --pgdata="$dir/data" >/dev/null 2>&1 || true
  fi
  rm -rf "$dir"
}

# running prints the folder of the server that stays, if it runs.
running() {
  local dir
  [ -f "$state/location" ] || return 1
  dir=$(cat "$state/location")
  [ -f "$dir/dsn" ] && as_owner "$bin/pg_ctl" status --pgdata="$dir/data" >/dev/null 2>&1 && printf '%s\n' "$dir"
}

prepare() {
  bin=$(find_server) || { install_server && bin=$(find_server); } || die "postgresql is installed, its programs are not to be found"
  owner=$(id -un)
  if [ "$owner" = root ]; then
    owner=postgres
    id "$owner" >/dev/null 2>&1 || owner=nobody
  fi
  # What initdb and its children resolve must be open to that user.
  cd /
}

case ${1:-} in
  run)
    shift
    [ $# -gt 0 ] || die "run: name the command to run"
    if [ -n "${SLIPWAY_TEST_POSTGRES:-}" ]; then exec "$@"; fi
    here=$PWD
    prepare
    folder=$(new_folder)
    trap 'destroy "$folder"' EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    create "$folder"
    say "$("$bin/postgres" --version | cut -d' ' -f3) on $(cat "$folder/dsn")"
    cd "$here"
    SLIPWAY_TEST_POSTGRES=$(cat "$folder/dsn") "$@"
    ;;
  start)
    if [ -n "${SLIPWAY_TEST_POSTGRES:-}" ]; then printf '%s\n' "$SLIPWAY_TEST_POSTGRES"; exit; fi
    prepare
    if ! folder=$(running); then
      mkdir -p "$state"
      folder=$(new_folder)
      trap 'destroy "$folder"' EXIT
      create "$folder"
      printf '%s\n' "$folder" >"$state/location"
      trap - EXIT
    fi
    cat "$folder/dsn"
    ;;
  env)
    if [ -n "${SLIPWAY_TEST_POSTGRES:-}" ]; then printf '%s\n' "$SLIPWAY_TEST_POSTGRES"; exit; fi
    [ -f "$state/location" ] || die "not started: run $0 start"
    prepare
    folder=$(running) || die "not running: run $0 start"
    cat "$folder/dsn"
    ;;
  stop)
    if [ -f "$state/location" ]; then
      folder=$(cat "$state/location")
      prepare
      destroy "$folder"
      rm -f "$state/location"
    fi
    ;;
  *)
    sed -n '2,12s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
