#!/bin/sh
# Brings the schemas of both of Temporal's databases to this release's version. Safe to run again: a schema that is
# already newer than 0.0 is kept, and only the missing updates are applied.
set -eu

SQL_PASSWORD=$(cat /run/secrets/temporal_db_password)
export SQL_PASSWORD

for database in temporal temporal_visibility; do
  case $database in
    temporal) schema=postgresql/v12/temporal ;;
    temporal_visibility) schema=postgresql/v12/visibility ;;
  esac
  # The schemas are embedded in the tool, so they can only be its own release's.
  sql() {
    temporal-sql-tool --plugin postgres12 --endpoint "$POSTGRES_SEEDS" --port "$DB_PORT" --user "$POSTGRES_USER" --database "$database" "$@"
  }
  echo "temporal-schema: $database"
  sql setup-schema --version 0.0
  sql update-schema --schema-name "$schema"
done
