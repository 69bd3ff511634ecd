#!/bin/sh
# Creates Slipway's account and its bucket: slipwayd never holds the server's root key. Safe to run again.
set -eu

ADMIN_ACCESS_KEY_ID=root
ADMIN_SECRET_ACCESS_KEY=$(cat /run/secrets/s3_root_secret)
export ADMIN_ACCESS_KEY_ID ADMIN_SECRET_ACCESS_KEY
secret=$(sed -n 's/^aws_secret_access_key *= *//p' /run/secrets/s3_credentials)

if ! versitygw admin list-users | grep -qw "^$S3_ACCOUNT"; then
  versitygw admin create-user --access "$S3_ACCOUNT" --secret "$secret" --role user
fi
if ! versitygw admin list-buckets | grep -qw "^$S3_BUCKET"; then
  versitygw admin create-bucket --bucket "$S3_BUCKET" --owner "$S3_ACCOUNT"
fi
echo "s3-bucket: $S3_BUCKET is ready"
