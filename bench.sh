#!/usr/bin/env bash
# Measures Tienda on this machine; prints tables, says whether every target was met (exit code), keeps figures in bench/results.
# ./bench.sh                       the guide's load test: 400 users for 5 minutes, 4 workers, PostgreSQL, Redis, nginx (--quick: 60 s)
# ./bench.sh orders [RUNS]         orders a second over HTTP, against pgbench placing one order per transaction on the same database
# ./bench.sh cache [RUNS]          cached answers a second, with log, metrics and rate limit, against bare Kestrel that sends the same bytes
# ./bench.sh reads [RUNS]          uncached lists, products and searches a second, against pgbench with the same SQL
# ./bench.sh startup [RUNS]        first start (database made and filled) and later starts, each to the first 200; memory when idle
# ./bench.sh log [RUNS]            CPU of a cached answer without request log, with text and with JSON; what the log alone costs and takes
# ./bench.sh mix [RUNS]            share of cacheable reads answered without the database, four workers in the guide's mix
# ./bench.sh denied [RUNS]         requests a second: refused by the rate limit, counted and answered, and not counted at all
# ./bench.sh connections           throughput over 1 to 512 connections, directly and through nginx
# ./bench.sh all                   every one of the above
# ./bench.sh scale                 throughput and p95 at 1, 2, 4 workers and 50 to 2,000 users
# ./bench.sh growth                cost by size of the catalog, order history and page depth (--large: 1 M products, 10 M lines)
# ./bench.sh catalog               searches, pages, counts, import and export of 1 M products, and of 1,000 (--quick: 20,000)
# ./bench.sh capacity              CPU of shop, PostgreSQL, nginx and Redis for each kind of request (docs/capacity.md)
# ./bench.sh soak                  an hour of whole journeys (--minutes 60): memory, connections, and whether the books are right
# ./bench.sh judge FILE            says again whether a saved run met its targets; with --publish puts it into docs/
# Options: --quick, --ci (judge only what does not depend on the machine's speed), --publish (into docs/), --target NAME=VALUE, --help
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
. scripts/tools.sh
# Debian's, which has Locust and matplotlib.
python=/usr/bin/python3
[ -x "$python" ] || python=python3
[[ ${1:-} == judge || " $* " == *" --help "* || " $* " == *" -h "* ]] && exec "$python" -m bench "$@"

need_dotnet
need_postgres
need_nginx
need_redis
need_wrk
need_locust
need_matplotlib
trust_clone
# The tests have built it.
[ -n "${NO_BUILD:-}" ] || for project in src/Tienda bench/bare bench/log; do
    quietly dotnet build "$project" -c Release --nologo -v quiet
done
exec "$python" -m bench "$@"
