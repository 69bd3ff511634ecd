#!/bin/sh
# Runs the Flask server under gunicorn: COUNT processes at ADDRESS, each with a listening socket of its own, so that the
# kernel spreads the connections. Workers that share gunicorn's one socket race for them, and at times one gets all.
#
#   MODEL=FILE flask_server.sh GUNICORN ADDRESS COUNT
gunicorn=$1 address=$2 count=$3
for _ in $(seq "$count"); do
  "$gunicorn" --chdir "$(dirname "$0")" --bind "$address" --reuse-port --workers 1 --worker-class gthread --threads 8 --log-level warning flask_server:app &
done
wait
