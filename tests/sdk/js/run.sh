#!/usr/bin/env bash
# tests/sdk/js/run.sh PEMBA [DIRECTORY]: installs the locked packages of the directory (default: this
# one) and runs its tests against that program.
# Without node, npm or the packages it prints a line that starts with "SKIP: ".
set -euo pipefail
export TEST_PEMBA
TEST_PEMBA=$(realpath "$1")
cd "${2:-$(dirname "$0")}"

for tool in node npm; do
  command -v $tool >/dev/null || { echo "SKIP: $tool is not installed"; exit 0; }
done
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 18 ] || { echo "SKIP: node $major is too old for node:test, 18 is needed"; exit 0; }

# node_modules carries the lock file that it was installed from.
if ! cmp -s package-lock.json node_modules/.installed-lock.json; then
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  if ! npm ci --no-audit --no-fund --ignore-scripts >"$log" 2>&1; then
    echo "SKIP: npm could not install the packages: $(grep -m1 'npm error' "$log" || tail -1 "$log")"
    exit 0
  fi
  cp package-lock.json node_modules/.installed-lock.json
fi
exec node --test
