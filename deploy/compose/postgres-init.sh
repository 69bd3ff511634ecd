#!/bin/bash
# Runs once, when PostgreSQL's data volume is new: a role and its databases for each who uses the server, so that
# neither can read the other's tables. Passwords come from Compose secrets.
set -euo pipefail

catalog_password=$(cat /run/secrets/catalog_password)
temporal_password=$(cat /run/secrets/temporal_db_password)

# psql quotes :'variables' itself; the passwords are passed by the environment, not on a command line others can list.
export catalog_password temporal_password
psql --no-psqlrc --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname=postgres <<'SQL'
\getenv catalog_password catalog_password
\getenv temporal_password temporal_password
CREATE ROLE slipway LOGIN PASSWORD :'catalog_password';
CREATE ROLE temporal LOGIN PASSWORD :'temporal_password';
CREATE DATABASE slipway OWNER slipway;
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;
REVOKE CONNECT ON DATABASE slipway, temporal, temporal_visibility FROM PUBLIC;
SQL
