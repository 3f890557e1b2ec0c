#!/usr/bin/env bash
# tests/sdk/python/run.sh PEMBA: installs the published Python SDK beside the build and runs
# test_sdk.py against that program.
# Without python3 or the package it prints a line that starts with "SKIP: ".
set -euo pipefail
pemba=$(realpath "$1")
cd "$(dirname "$0")"
environment=$(dirname "$pemba")/sdk-python

command -v python3 >/dev/null || { echo "SKIP: python3 is not installed"; exit 0; }
if ! cmp -s requirements.txt "$environment/installed.txt"; then
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  if ! { python3 -m venv "$environment" && "$environment/bin/pip" install -r requirements.txt; } >"$log" 2>&1; then
    echo "SKIP: pip could not install the package: $(tail -1 "$log")"
    exit 0
  fi
  cp requirements.txt "$environment/installed.txt"
fi
exec ../with_server.sh "$pemba" env PYTHONDONTWRITEBYTECODE=1 "$environment/bin/python" -m unittest -v test_sdk
