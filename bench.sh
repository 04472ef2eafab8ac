#!/usr/bin/env bash
# Measures Tienda on this machine, medians over RUNS (5).
# ./bench.sh startup [RUNS]   first start (database made, migrated and seeded) and later starts, each to the first 200; memory when idle
# ./bench.sh denied [RUNS]    requests a second: refused by the rate limit, counted and answered, and not counted at all
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
. scripts/tools.sh
what=${1:-startup}
[[ $what =~ ^(startup|denied)$ ]] || { say "usage: ./bench.sh startup|denied [RUNS]"; exit 2; }
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

startup() {
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
}

# The measure is what the server itself does in the same run.
denied() {
    command -v wrk >/dev/null || apt_install wrk
    cd "$folder"
    rate() { wrk -t1 -c16 -d3 "http://127.0.0.1:$port$1" | awk '/Requests\/sec/ { print int($2) }'; }
    export ACCESS_LOG=false
    for run in $(seq "$runs"); do
        RATE_LIMIT_CALLS=1000000 start
        rate /health/live > /dev/null
        rate /health/live >> live
        rate / >> counted
        stop
        RATE_LIMIT_CALLS=1 start
        rate / > /dev/null
        rate / >> denied
        stop
    done
    echo "| figure | median (range) |"
    echo "| --- | --- |"
    echo "| not counted, GET /health/live, requests/s | $(median < live) |"
    echo "| counted and answered, GET /, requests/s | $(median < counted) |"
    echo "| refused with 429, GET /, requests/s | $(median < denied) |"
}

"$what"
