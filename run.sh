#!/usr/bin/env bash
# Starts the shop: installs PostgreSQL's programs if they are missing, builds, serves. Arguments go to tienda: ./run.sh --help
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")"
. scripts/tools.sh

need_dotnet
# With a server of its own (POSTGRES_HOST, also in a settings file) the shop needs no PostgreSQL here.
if [ -z "${POSTGRES_HOST:-}" ] && [[ " $* " != *" --env-file"* ]] && ! grep -qsE '^(export +)?POSTGRES_HOST=.' .env.production .env; then
    need_postgres
fi

trust_clone
say "Building Tienda"
quietly dotnet build src/Tienda -c Release --nologo -v quiet
exec dotnet artifacts/bin/Tienda/release/Tienda.dll "$@"
