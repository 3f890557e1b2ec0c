#!/usr/bin/env bash
# tests/sdk/java/run.sh PEMBA: runs SdkTest.java, which uses the published Java SDK, against that
# program.
# Without java, mvn or the packages it prints a line that starts with "SKIP: ".
set -euo pipefail
pemba=$(realpath "$1")
cd "$(dirname "$0")"
classpath=$(dirname "$pemba")/sdk-java.classpath

for tool in java mvn; do
  command -v $tool >/dev/null || { echo "SKIP: $tool is not installed"; exit 0; }
done
major=$(java -XshowSettings:properties -version 2>&1 | sed -n 's/ *java.specification.version = //p')
[ "${major%%.*}" -ge 17 ] || { echo "SKIP: java $major is too old, 17 is needed"; exit 0; }
if [ ! pom.xml -ot "$classpath" ]; then
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  if ! mvn -q -B dependency:build-classpath -Dmdep.outputFile="$classpath" >"$log" 2>&1; then
    rm -f "$classpath"
    echo "SKIP: mvn could not fetch the packages: $(grep -m1 ERROR "$log" || tail -1 "$log")"
    exit 0
  fi
fi
exec ../with_server.sh "$pemba" java -ea -cp "$(cat "$classpath")" SdkTest.java
