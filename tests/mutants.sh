#!/usr/bin/env bash
# Breaks one thing at a time in a copy of the source and runs the tests that should notice: a test that passes all the same is worth
# nothing. Takes some minutes. Ends with "N caught, N missed". ./tests/mutants.sh NAME tries only those with NAME in theirs;
# ./tests/mutants.sh --check only looks whether each of them can still be made.
set -uo pipefail
repository=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r "$repository"/{src,tests,bench,docs,scripts,*.props,*.txt,*.slnx,*.json,.editorconfig} "$copy"
cd "$copy"
rm -rf {src,tests,bench}/*/{bin,obj}

caught=0 missed=0
# mutant NAME TEST FILE OLD NEW..., where each OLD is a text that stands once in src/Tienda/FILE and TEST is a class
mutant() {
    [[ $1 == *"$wanted"* ]] || return 0
    local name=$1 test=$2 file=src/Tienda/$3
    shift 3
    cp "$file" original
    while [ $# -gt 0 ]; do
        OLD=$1 NEW=$2 perl -0pi -e '$n = s/\Q$ENV{OLD}\E/$ENV{NEW}/g; die "stands $n times\n" if $n != 1' "$file" \
            || { echo "$name: cannot be made"; cp original "$file"; missed=$((missed + 1)); return; }
        shift 2
    done
    if [ -n "$only_check" ]; then cp original "$file"; return; fi
    local verdict=missed
    dotnet build Tienda.slnx -c Release --nologo -v q -p:TreatWarningsAsErrors=false -p:EnforceCodeStyleInBuild=false >build.log 2>&1 \
        || { echo "$name: does not compile"; tail -3 build.log; cp original "$file"; missed=$((missed + 1)); return; }
    for seed in 1 2 3; do
        SIMULATION_SEED=$seed SIMULATION_ROUNDS=60 dotnet test --solution Tienda.slnx -c Release --no-build --no-progress \
            --no-ansi --filter-class "*.$test" --ignore-exit-code 8 >test.log 2>&1 || { verdict=caught; break; }
    done
    printf '%-60s %s\n' "$name" "$verdict"
    [ $verdict = caught ] && grep -m1 -A3 '^failed' test.log | sed -n '3s/^/    /p' | cut -c1-160
    eval "$verdict=\$(($verdict + 1))"
    cp original "$file"
}
only_check='' wanted=${1:-}
[ "$wanted" != --check ] || { only_check=1 wanted=; }

mutant "one highest transaction, and that it is seen is enough" CacheSimulationTests Caching/CacheEpoch.cs \
    '(_recent[slot] ?? Recent.None).With(xid)' \
    '(_recent[slot] is { Count: > 0 } one ? new Recent([Math.Max(one.Xids[0], xid)], 1, null) : Recent.None.With(xid))'
mutant "a look does not ask for what was running at the one before" CacheSimulationTests Data/CacheLog.cs \
    'e.xid = ANY($2::text::xid8[])' '(e.xid = ANY($2::text::xid8[]) AND false)'
mutant "lists do not carry which products there are" CacheSimulationTests Products/ProductSelection.cs \
    '        fill.Shows(CacheTag.Products);' ''
mutant "lists do not carry which products are in stock" CacheSimulationTests Products/ProductSelection.cs \
    '            fill.Shows(CacheTag.ProductsInStock);' ''
mutant "lists do not carry the ratings that order them" InvalidationTests Products/ProductListStore.cs \
    '            fill.Shows(CacheTag.ProductRatings);' ''
mutant "a look asks twice: for events, then for the snapshot" CacheSimulationTests Data/CacheLog.cs \
    '        return poll;
    }' \
    '        if (poll is null) { return null; }

        await row.DisposeAsync();
        await Task.Delay(20, ct);
        await using var second = connection.CreateCommand("SELECT snapshot::text FROM cache_now");
        return await second.ExecuteScalarAsync(ct) is string text ? poll with { Snapshot = Snapshot.Parse(text) } : null;
    }'
mutant "the log is pruned by the age of events" LogHorizonTests Caching/LogHorizon.cs \
    '_steps.Enqueue((_notedAt, now.Xmin));' '_steps.Enqueue((_notedAt, now.Xmax));'
mutant "any flight is joined" CacheSimulationTests Caching/ResponseCache.cs \
    'flight.Number > lastFlightAtArrival ? entry' 'flight.Number > 0 ? entry'
mutant "events are applied before the outcome of the commit is known" CacheSimulationTests Caching/CacheChanges.cs \
    '        while (await reader.NextResultAsync(ct));
' \
    '        while (await reader.NextResultAsync(ct));
        Apply();
        _events.Clear();
'
mutant "a look that began before everything was void counts as one from the start" CacheSimulationTests Caching/CacheClock.cs \
    'poll.Since != Polled || started' 'started'
mutant "an answer from before the log is judged by it" CacheSimulationTests Caching/CacheEpoch.cs \
    ' && stamp.Snapshot.Xmin >= floor' ''
mutant "nothing is forgotten when unread events were pruned" CacheSimulationTests Caching/CacheClock.cs \
    ' || poll.PrunedBelow > polled.Xmin' ''
mutant "an answer is stamped after it was read" CacheSimulationTests Data/CacheFill.cs \
    '(Snapshot, Incarnation) = (Snapshot.Parse(reader.GetString(0)), reader.GetString(1));' \
    '(Snapshot, Incarnation) = (new Snapshot(1UL << 40, 1UL << 40, []), reader.GetString(1));'

mutant "a stock that skips one is taken" StockRenewalTests Caching/RecentChanges.cs \
    'change.Version == stocks[place].Shown.Version + 1' 'change.Version > stocks[place].Shown.Version'
mutant "what else a transaction changed is overlooked" CacheSimulationTests Caching/RecentChanges.cs \
    'change.Others.Exists(entry.Tags.Contains)' 'change.Others.Contains("catalog")'
mutant "a stock is taken from a commit that is in doubt" CacheSimulationTests Caching/CacheChanges.cs \
    'IsCommitted ? _events :' '_events.Count > 0 ? _events :'
mutant "a column beside the stock is overlooked" InvalidationTests Data/Migrations/0007_log_stock.sql \
    '(a.stock_version, a.rating_count, a.updated_at) IS NOT DISTINCT FROM (b.stock_version + 1, b.rating_count, b.updated_at)' \
    '(a.stock_version, a.rating_count) IS NOT DISTINCT FROM (b.stock_version + 1, b.rating_count)'

mutant "an e-mail in a path is logged" SecretsInLogsTests Telemetry/LoggedPath.cs \
    "!text.Contains('@', StringComparison.Ordinal) && " '' " && !word.Contains('@', StringComparison.Ordinal)" ''
mutant "the commit of a transaction is not counted" EveryOperationTests Data/Transaction.cs \
    'RoundTrip.Begin(name.Commit)' 'null'
mutant "only the first order of a batch is charged the round trip" RequestFactsTests Orders/OrderLane.cs \
    'foreach (var order in batch)
            {
                order.Use?.NoteShared(use);' 'foreach (var order in batch.Take(1))
            {
                order.Use?.NoteShared(use);'

[ -n "$only_check" ] || echo "$caught caught, $missed missed"
[ "$missed" -eq 0 ]
