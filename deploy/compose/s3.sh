#!/bin/sh
# Starts the S3 server with its root account from Compose secrets.
set -eu

ROOT_ACCESS_KEY_ID=root
ROOT_SECRET_ACCESS_KEY=$(cat /run/secrets/s3_root_secret)
export ROOT_ACCESS_KEY_ID ROOT_SECRET_ACCESS_KEY
mkdir -p /data/objects /data/accounts

exec versitygw --quiet --port :7070 --health /health --iam-dir /data/accounts posix /data/objects
