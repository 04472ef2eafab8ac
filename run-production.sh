#!/usr/bin/env bash
# Runs the shop in production: settings from .env.production (or the environment), secrets made once in data/secrets.env, the database
# brought to this version, then the workers. Arguments go to `tienda serve`: ./run-production.sh --port 9000. SIGHUP replaces the workers.
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
. "$here/scripts/tools.sh"

need_dotnet
if [ -z "${POSTGRES_HOST:-}" ] && ! grep -qsE '^(export +)?POSTGRES_HOST=.' .env.production .env; then
    say "POSTGRES_HOST is not set: production has a database server of its own. Put it into .env.production; docs/operations.md has an example."
    exit 1
fi
say "Building Tienda"
program=$here/artifacts/bin/Tienda/release/Tienda.dll
(cd "$here" && trust_clone && quietly dotnet build src/Tienda -c Release --nologo -v quiet)
dotnet "$program" secrets
# The server may start at the same moment.
for attempt in 1 2 3 4 5 6; do
    dotnet "$program" migrate && break
    [ "$attempt" -lt 6 ] || exit 1
    say "Trying again in 5 seconds"
    sleep 5
done
exec dotnet "$program" serve "$@"
