#!/usr/bin/env bash
# Builds, checks the format, runs the tests and ends with "N passed, N failed".
# ./test.sh NAME runs the tests whose class or method has NAME in its name. Without a name, those that take long ([Long]) run with TEST_LONG=1
# only. TEST_THREADS says how many run at a time; as many as there are cores if it is not set. CATALOG_ROWS=1000000 looks at the plans of a
# catalog of so many products.
set -uo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
. scripts/tools.sh

fail() { say "$*"; echo "0 passed, 1 failed"; exit 1; }

need_dotnet
need_postgres
need_nginx
need_redis
need_browser
need_faketime
need_locust
need_wrk
need_deploy_tools
trust_clone
quietly dotnet restore Tienda.slnx --locked-mode || fail "The packages cannot be restored."
quietly dotnet build Tienda.slnx -c Release --no-restore --nologo || fail "The build fails."
quietly dotnet format Tienda.slnx --verify-no-changes --no-restore || fail "The format is not clean: run dotnet format."
tests/mutants.sh --check >&2 || fail "A fault of tests/mutants.sh can no longer be made: its text has changed."

# What tests have measured, beside whether they passed.
log=$(mktemp) TEST_REPORT=$(mktemp)
export TEST_REPORT
trap 'rm -f "$log" "$TEST_REPORT"' EXIT
threads=(${TEST_THREADS:+--max-threads "$TEST_THREADS"})
short=(--filter-not-trait Length=Long)
[ "${TEST_LONG:-}" = 1 ] && short=()
run() { dotnet test --solution Tienda.slnx -c Release --no-build --no-progress --no-ansi "${threads[@]}" "$@" 2>&1 | tee -a "$log"; }

# The last word of the summary's lines "succeeded: N" and "failed: N", over all runs. No test in a project is no failure (8).
if [ $# -eq 0 ]; then
    run "${short[@]}"
    code=$?
else
    # Two runs, since filters by class and by method are joined with "and".
    run --filter-class "*$1*" --ignore-exit-code 8
    code=$?
    run --filter-method "*$1*" --filter-not-class "*$1*" --ignore-exit-code 8
    code=$((code + $?))
fi

sum() { sed -nE "s/^ *$1: ([0-9]+)$/\1/p" "$log" | awk '{ n += $1 } END { print n + 0 }'; }
passed=$(sum succeeded) failed=$(sum failed)
if [ "$failed" -eq 0 ] && { [ "$code" -ne 0 ] || [ "$passed" -eq 0 ]; }; then
    say "The tests did not run to their end, or there was none."
    failed=1
fi
cat "$TEST_REPORT"
# Once more where one looks first, and where the end of a long log still has it.
grep -A 6 '^failed ' "$log" | cut -c 1-300
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
