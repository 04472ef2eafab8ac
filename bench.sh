#!/usr/bin/env bash
# Measures Tienda on this machine: ./bench.sh startup [RUNS]
# First start (database made, migrated and seeded) and later starts, each to the first 200; memory when idle. Medians over RUNS (5).
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
. scripts/tools.sh
[ "${1:-startup}" = startup ] || { say "usage: ./bench.sh startup [RUNS]"; exit 2; }
runs=${2:-5} port=18765
need_dotnet
need_postgres
trust_clone
quietly dotnet build src/Tienda -c Release --nologo -v quiet
program=$PWD/artifacts/bin/Tienda/release/Tienda.dll
folder=$(mktemp -d)
chmod 755 "$folder"
pid=
trap '[ -z "$pid" ] || { kill "$pid" && wait "$pid"; } 2>/dev/null; rm -rf "$folder"' EXIT

# Starts the shop in the present folder; leaves the milliseconds until it answers in $took and the process in $pid.
start() {
    local began
    began=$(date +%s%N)
    env -u POSTGRES_HOST dotnet "$program" --port $port >/dev/null 2>&1 &
    pid=$!
    until curl -sf "http://127.0.0.1:$port/products?limit=20" >/dev/null; do sleep 0.01; done
    took=$(( ($(date +%s%N) - began) / 1000000 ))
}
stop() { kill "$pid"; wait "$pid" || true; pid=; }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] " (" v[1] "–" v[NR] ")" }'; }

for run in $(seq "$runs"); do
    mkdir "$folder/$run"
    cd "$folder/$run"
    start
    echo "$took" >> "$folder/first"
    stop
    start
    echo "$took" >> "$folder/later"
    sleep 3
    awk '/VmRSS/ { print int($2 / 1024) }' "/proc/$pid/status" >> "$folder/memory"
    stop
done
echo "| figure | median (range) | target |"
echo "| --- | --- | --- |"
echo "| first start, ms | $(median < "$folder/first") | < 4000 |"
echo "| later start, ms | $(median < "$folder/later") | < 1500 |"
echo "| idle memory, MB resident | $(median < "$folder/memory") | < 150 |"
