#!/usr/bin/env bash
# Measures Tienda on this machine, medians over RUNS (5).
# ./bench.sh startup [RUNS]   first start (database made, migrated and seeded) and later starts, each to the first 200; memory when idle
# ./bench.sh denied [RUNS]    requests a second: refused by the rate limit, counted and answered, and not counted at all
# ./bench.sh orders [RUNS]    orders a second over HTTP, against pgbench placing one order per transaction on the same database
# ./bench.sh cache [RUNS]     cached answers a second, with log, metrics and rate limit, against bare Kestrel that sends the same bytes
# ./bench.sh log [RUNS]       CPU of a cached answer without request log, with text and with JSON; what the log alone costs and takes
# ./bench.sh mix [RUNS]       share of cacheable reads answered without the database, four workers in the guide's mix of reads and orders
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
here=$PWD
. scripts/tools.sh
what=${1:-startup}
[[ $what =~ ^(startup|denied|orders|cache|log|mix)$ ]] || { say "usage: ./bench.sh startup|denied|orders|cache|log|mix [RUNS]"; exit 2; }
runs=${2:-5} port=18765
need_dotnet
need_postgres
trust_clone
quietly dotnet build src/Tienda -c Release --nologo -v quiet
program=$PWD/artifacts/bin/Tienda/release/Tienda.dll
folder=$(mktemp -d)
chmod 755 "$folder"
pid= peers=()
trap 'for each in $pid "${peers[@]}"; do kill "$each" && wait "$each"; done 2>/dev/null; rm -rf "$folder"' EXIT

# Starts the shop in the present folder; leaves the milliseconds until it answers in $took and the process in $pid.
start() {
    local began
    began=$(date +%s%N)
    env -u POSTGRES_HOST dotnet "$program" --port $port >"${log:-/dev/null}" 2>&1 &
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

# 64 buyers, three lines each, full durability, on the private PostgreSQL that the shop has started.
orders() {
    command -v wrk >/dev/null || apt_install wrk
    cd "$folder"
    export ACCESS_LOG=false RATE_LIMIT_ENABLED=false ADMIN_API_KEY="the-key-of-the-benchmark"
    start
    local lua=$here/bench/orders.lua socket
    socket=$(sed -n 5p "$(readlink -f data/postgres)/postmaster.pid")
    # The peer writes no log of events, so its statements are not to fire the triggers of it.
    as_owner() { as_postgres env PGOPTIONS='-c tienda.logs_itself=on' PGHOST="$socket" PGUSER=tienda PGDATABASE=tienda "$@"; }
    as_owner psql -q -v ON_ERROR_STOP=1 < "$here/bench/orders.sql"
    pgbench_with() { # NAME CLIENTS SCRIPT
        echo "$3" > script
        as_owner "$(postgres_program pgbench)" -n -M prepared -f "$folder/script" -c "$2" -j 2 -T "$seconds" > out
        awk '/^tps/ { printf "%.1f\n", $3 }' out >> "$1"
        awk '/^latency average/ { print $4 }' out >> "$1-ms"
        awk '/failed transactions/ { print $5 }' out >> errors
    }
    wrk_with() { # NAME CONNECTIONS PATH [wrk's options]
        local name=$1 connections=$2 path=$3
        shift 3
        wrk -t"$((connections > 1 ? 2 : 1))" -c"$connections" -d"$seconds" --timeout 10s "$@" "http://127.0.0.1:$port$path" > out
        awk '/^RESULT/ { print $2 }' out >> "$name"
        awk '/^RESULT/ { print $3 }' out >> "$name-ms"
        awk '/^RESULT/ { print $4 }' out >> errors
    }
    local seconds=6 run spread what
    # So that the first run meets compiled code, too.
    SPREAD=uniform KEYED=1 BILLED=1 wrk -t2 -c64 -d"$seconds" -s "$lua" "http://127.0.0.1:$port/orders" > out
    local draw='\set c random(1, 100)
\set x random(1, 333)
\set y random(334, 666)
\set z random(667, 1000)'
    local uniform="$draw"'
SELECT place_one_order(1000000 + :c, ARRAY[1000000 + :x, 1000000 + :y, 1000000 + :z]::bigint[], ARRAY[1, 1, 1]);'
    local hot='\set c random(1, 100)
SELECT place_one_order(1000000 + :c, ARRAY[1000001, 1000002, 1000003]::bigint[], ARRAY[1, 1, 1]);'
    for run in $(seq "$runs"); do
        for spread in uniform hot; do
            export SPREAD=$spread KEYED=0 BILLED=0
            pgbench_with "pgbench-$spread" 64 "${!spread}"
            wrk_with "tienda-$spread" 64 /orders -s "$lua"
            KEYED=1 wrk_with "keyed-$spread" 64 /orders -s "$lua"
            KEYED=1 BILLED=1 wrk_with "billed-$spread" 64 /orders -s "$lua"
        done
    done
    # One client alone, after the same warm-up for all.
    local alone="$draw"'
SELECT * FROM place_orders(ARRAY['"'api-key'"'], ARRAY[NULL]::text[], ARRAY[NULL]::bytea[], ARRAY[1000000 + :c]::bigint[],
ARRAY[NULL]::bigint[], ARRAY[1]::smallint[], ARRAY[NULL]::smallint[], ARRAY[0]::bigint[], ARRAY[3], ARRAY[1, 2, 3], ARRAY[1, 1, 1],
ARRAY[NULL, NULL, NULL]::bigint[], ARRAY[1000000 + :x, 1000000 + :y, 1000000 + :z]::bigint[], false);'
    for run in $(seq "$runs"); do
        pgbench_with statement 1 "$alone"
        SPREAD=empty wrk_with empty 1 /health/live -s "$lua"
        SPREAD=uniform KEYED=0 BILLED=0 wrk_with alone 1 /orders -s "$lua"
    done
    stop
    for spread in uniform hot; do
        echo "| 64 clients, $spread | orders/s, median (range) | times pgbench |"
        echo "| --- | --- | --- |"
        for what in pgbench tienda keyed billed; do
            echo "| $what | $(median < "$what-$spread") | $(ratio "$what-$spread" "pgbench-$spread") |"
        done
        echo
    done
    echo "| one client | ms, median (range) |"
    echo "| --- | --- |"
    echo "| the statement alone, from pgbench | $(median < statement-ms) |"
    echo "| an empty HTTP request | $(median < empty-ms) |"
    echo "| an order over HTTP | $(median < alone-ms) |"
    echo
    echo "an order alone takes $(ratio alone-ms <(paste statement-ms empty-ms | awk '{ print $1 + $2 }')) times the statement and the empty request"
    echo "requests that failed: $(awk '{ n += $1 } END { print n + 0 }' errors)"
}
# A list of 20 products and one product, as a client without credentials gets them: through the whole pipeline with the request log (to a
# file), the metrics and the rate limit. Bare Kestrel sends the same status, headers and body, and once more the body alone.
cache() {
    command -v wrk >/dev/null || apt_install wrk
    quietly dotnet build "$here/bench/bare" -c Release --nologo -v quiet
    cd "$folder"
    # Nobody is refused, and everybody is counted.
    export RATE_LIMIT_CALLS=1000000 RATE_LIMIT_PERIOD=1 ADMIN_API_KEY="the-key-of-the-benchmark"
    local log=$folder/log bare=$here/artifacts/bin/Bare/release/Bare.dll seconds=3 list="/products?skip=0&limit=20" detail=/products/7
    local run path
    start
    get() { curl -sf -o /dev/null "$1"; curl -sif "$1"; }
    get "http://127.0.0.1:$port$list" > list.answer
    get "http://127.0.0.1:$port$detail" > detail.answer
    etag() { sed -nE 's/^ETag: (.*)\r$/\1/p' "$1"; }
    { printf 'HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\n'; sed -n '/^\r$/,$p' list.answer; } > body.answer
    printf 'HTTP/1.1 304 Not Modified\r\n\r\n' > unchanged.answer
    peer() { dotnet "$bare" "$1" "$2" >/dev/null 2>&1 & peers+=($!); until curl -s -o /dev/null "http://127.0.0.1:$1/"; do sleep 0.05; done; }
    peer $((port + 1)) list.answer
    peer $((port + 2)) detail.answer
    peer $((port + 3)) body.answer
    rate() { wrk -t2 -c64 -d$seconds "$@" | awk '/Requests\/sec/ { print int($2) } /Non-2xx/ { exit 1 }'; }
    shop() { rate "http://127.0.0.1:$port$1" "${@:2}"; : > log; }
    figure() { # the sum of a metric over its tags
        curl -sf -H "X-API-Key: $ADMIN_API_KEY" "http://127.0.0.1:$port/metrics" | awk -v m="$1" '$1 ~ "^" m { n += $2 } END { printf "%.0f", n }'
    }
    for run in 1 2 3 4; do
        shop "$list" > /dev/null; shop "$detail" > /dev/null
        for path in 1 2 3; do rate "http://127.0.0.1:$((port + path))/" > /dev/null; done
    done
    # A second each in turn, because the machine's speed drifts from one second to the next; a run is the sum of several turns.
    local turn turns=5 name
    seconds=1
    for run in $(seq "$runs"); do
        for turn in $(seq $turns); do
            rate "http://127.0.0.1:$((port + 1))/" >> bare-list.turns
            shop "$list" >> shop-list.turns
            shop "$list" -H "If-None-Match: $(etag list.answer)" >> shop-unchanged.turns
            rate "http://127.0.0.1:$((port + 3))/" >> bare-body.turns
            rate "http://127.0.0.1:$((port + 2))/" >> bare-detail.turns
            shop "$detail" >> shop-detail.turns
        done
        for name in bare-list shop-list shop-unchanged bare-body bare-detail shop-detail; do
            awk -v turns=$turns '{ n += $1 } END { print int(n / turns) }' $name.turns >> $name
            rm $name.turns
        done
        local allocated requests
        allocated=$(figure dotnet_gc_heap_total_allocated_bytes_total) requests=$(figure 'tienda_cache_reads_total')
        shop "$list" > /dev/null
        allocated=$(($(figure dotnet_gc_heap_total_allocated_bytes_total) - allocated))
        echo $((allocated / ($(figure 'tienda_cache_reads_total') - requests))) >> allocated
    done
    echo "| answers/s, 64 connections | median (range) | times bare Kestrel, median of the runs (range) |"
    echo "| --- | --- | --- |"
    echo "| list of 20, bare Kestrel, same bytes | $(median < bare-list) | 1.00 |"
    echo "| list of 20, bare Kestrel, the body alone | $(median < bare-body) | $(paired bare-body bare-list) |"
    echo "| list of 20, shop | $(median < shop-list) | $(paired shop-list bare-list) |"
    echo "| list of 20, shop, 304 | $(median < shop-unchanged) | $(paired shop-unchanged bare-list) |"
    echo "| detail, bare Kestrel, same bytes | $(median < bare-detail) | 1.00 |"
    echo "| detail, shop | $(median < shop-detail) | $(paired shop-detail bare-detail) |"
    echo
    echo "bytes allocated per answer: $(median < allocated); answers that were no hit: $(figure 'tienda_cache_reads_total{[^}]*result=.miss')"
}
# Three shops on one database answer the same cached list in turns of a second: without request log, with text and with JSON, to files. The
# figure is CPU, that of the log's own thread included, which does not depend on who else uses the machine as much as a rate does.
log() {
    command -v wrk >/dev/null || apt_install wrk
    quietly dotnet build "$here/bench/log" -c Release --nologo -v quiet
    cd "$folder"
    export RATE_LIMIT_ENABLED=false ADMIN_API_KEY="the-key-of-the-benchmark" JWT_SECRET="a-secret-for-the-benchmark-alone"
    local -A shops=() ports=([off]=$port [text]=$((port + 1)) [json]=$((port + 2)))
    local run turn form socket list="/products?skip=0&limit=20" ticks
    ticks=$(getconf CLK_TCK)
    ACCESS_LOG=false start
    shops[off]=$pid
    socket=$(sed -n 5p "$(readlink -f data/postgres)/postmaster.pid")
    for form in text json; do
        env POSTGRES_HOST="$socket" POSTGRES_USER=tienda POSTGRES_DB=tienda LOG_FORMAT=$form \
            dotnet "$program" --port "${ports[$form]}" > "$form.log" 2>&1 &
        shops[$form]=$!
        peers+=($!)
        until curl -sf -o /dev/null "http://127.0.0.1:${ports[$form]}/products"; do sleep 0.05; kill -0 $! || { cat "$form.log"; exit 1; }; done
    done
    cpu() { awk '{ print $14 + $15 }' "/proc/${shops[$1]}/stat"; }
    microseconds() { # of CPU for a request in a second of load
        local before after requests
        before=$(cpu "$1")
        requests=$(wrk -t1 -c16 -d1 "http://127.0.0.1:${ports[$1]}$list" | awk '/requests in/ { print $1 }')
        # Until the log has written what has gathered.
        sleep 0.1
        after=$(cpu "$1")
        [ "$1" = off ] || : > "$1.log"
        awk -v t=$((after - before)) -v n="$requests" -v hz="$ticks" 'BEGIN { printf "%.2f\n", 1e6 * t / hz / n }'
    }
    for run in 1 2 3; do for form in off text json; do microseconds $form > /dev/null; done; done
    for run in $(seq "$runs"); do
        for turn in 1 2 3; do for form in off text json; do microseconds $form >> $form.turns; done; done
        for form in off text json; do
            awk '{ n += $1 } END { printf "%.2f\n", n / NR }' $form.turns >> $form
            rm $form.turns
        done
    done
    echo "| CPU of a cached answer | µs, median (range) | times that without a log, median (range) | more, µs |"
    echo "| --- | --- | --- | --- |"
    for form in off text json; do
        echo "| $form | $(median < $form) | $(paired $form off) | $(paste $form off | awk '{ printf "%.2f\n", $1 - $2 }' | median) |"
    done
    echo
    echo "the log alone, to a file:"
    dotnet "$here/artifacts/bin/Log/release/Log.dll" > alone.log
    echo
    echo "the log alone, to a pipe that is read at once:"
    dotnet "$here/artifacts/bin/Log/release/Log.dll" | cat > /dev/null
}
# Four workers behind which nothing remembers for them; 400 users who wait as the guide's do, then 64 connections that do not.
mix() {
    command -v wrk >/dev/null || apt_install wrk
    need_redis
    cd "$folder"
    export RATE_LIMIT_ENABLED=false ACCESS_LOG=false ADMIN_API_KEY="the-key-of-the-benchmark" JWT_SECRET="a-secret-for-the-benchmark-alone"
    local seconds=${SECONDS_OF_MIX:-20} run pace worker socket
    redis-server --port $((port + 9)) --bind 127.0.0.1 --save "" --appendonly no >/dev/null &
    peers+=($!)
    export REDIS_HOST=127.0.0.1 REDIS_PORT=$((port + 9))
    start
    socket=$(sed -n 5p "$(readlink -f data/postgres)/postmaster.pid")
    as_postgres psql -q -h "$socket" -U tienda tienda -c "UPDATE products SET stock = 1000000, active = true"
    for worker in 1 2 3; do
        env POSTGRES_HOST="$socket" POSTGRES_USER=tienda POSTGRES_DB=tienda \
            dotnet "$program" --port $((port + worker)) > "worker$worker" 2>&1 &
        peers+=($!)
        until curl -sf -o /dev/null "http://127.0.0.1:$((port + worker))/products"; do sleep 0.05; kill -0 $! || { cat "worker$worker"; exit 1; }; done
    done
    reads() { # of all workers, by result
        for worker in 0 1 2 3; do curl -sf -H "X-API-Key: $ADMIN_API_KEY" "http://127.0.0.1:$((port + worker))/metrics"; done |
            sed -nE 's/^tienda_cache_reads_total\{.*result="([a-z]+)".*\} ([0-9]+).*/\1 \2/p' | awk '{ n[$1] += $2 } END { for (r in n) print r, n[r] }'
    }
    echo "| mix | requests/s | errors | memory | redis | shared | miss | hit rate |"
    echo "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for run in $(seq "$runs"); do
        for pace in 1 0; do
            reads > before
            local wrks=()
            for worker in 0 1 2 3; do
                PACED=$pace WORKER=$worker wrk -t1 -c$((pace ? 100 : 16)) -d"$seconds" -s "$here/bench/mix.lua" --timeout 10s \
                    "http://127.0.0.1:$((port + worker))" > "wrk$worker" &
                wrks+=($!)
            done
            wait "${wrks[@]}"
            reads > after
            local rate errors
            rate=$(awk '/^RESULT/ { n += $2 } END { print int(n) }' wrk?) errors=$(awk '/^RESULT/ { n += $3 } END { print n }' wrk?)
            awk -v mix="$([ $pace = 1 ] && echo "400 users" || echo "64 connections")" -v rate="$rate" -v errors="$errors" '
                NR == FNR { n[$1] -= $2; next }
                { n[$1] += $2 }
                END {
                    for (r in n) all += n[r]
                    hits = n["memory"] + n["redis"] + n["shared"] + n["stale"]
                    printf "| %s | %d | %d | %.1f%% | %.1f%% | %.1f%% | %.1f%% | %.1f%% |\n", mix, rate, errors,
                        100 * n["memory"] / all, 100 * n["redis"] / all, 100 * n["shared"] / all, 100 * n["miss"] / all, 100 * hits / all
                }' before after
        done
    done
}
# The median of one file over that of another; and the median of what each run gives, for a machine whose speed drifts between runs.
ratio() { echo "$(median < "$1" | cut -d' ' -f1) $(median < "$2" | cut -d' ' -f1)" | awk '{ printf "%.2f", $1 / $2 }'; }

paired() { paste "$1" "$2" | awk '{ printf "%.3f\n", $1 / $2 }' | median; }

"$what"
