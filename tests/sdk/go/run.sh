#!/usr/bin/env bash
# tests/sdk/go/run.sh PEMBA: runs sdk_test.go, which uses the published Go SDK, against that program.
# Without go or the module it prints a line that starts with "SKIP: ".
set -euo pipefail
pemba=$(realpath "$1")
cd "$(dirname "$0")"

command -v go >/dev/null || { echo "SKIP: go is not installed"; exit 0; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! go mod download >"$log" 2>&1; then
  echo "SKIP: go could not fetch the modules: $(tail -1 "$log")"
  exit 0
fi
../with_server.sh "$pemba" go test -count=1 -timeout=120s ./...
