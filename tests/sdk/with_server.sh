#!/usr/bin/env bash
# tests/sdk/with_server.sh PEMBA COMMAND...: runs COMMAND with FGA_API_URL set to a fresh server on a
# free port, and ends as COMMAND does.
set -euo pipefail
pemba=$(realpath "$1")
shift
directory=$(mktemp -d)
server=
touch "$directory/out"
stop() {
  [ -z "$server" ] || { kill "$server" 2>/dev/null && wait "$server" || true; }
  rm -rf "$directory"
}
trap stop EXIT
"$pemba" serve --data-dir "$directory/data" --http-addr 127.0.0.1:0 \
  --grpc-addr 127.0.0.1:0 --metrics-addr 127.0.0.1:0 >"$directory/out" 2>"$directory/log" &
server=$!
for _ in $(seq 150); do
  address=$(sed -n 's/^http listening on //p' "$directory/out")
  [ -z "$address" ] || break
  kill -0 "$server" 2>/dev/null || break
  sleep 0.2
done
[ -n "$address" ] || { echo "the server did not start:"; cat "$directory/log"; exit 1; }
export FGA_API_URL=http://$address
"$@"
