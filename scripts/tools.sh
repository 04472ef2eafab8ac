# Sourced by run.sh and test.sh: what must be on the machine.

say() { printf '%s\n' "$*" >&2; }

need_dotnet() {
    dotnet --list-sdks 2>/dev/null | grep -q '^10\.' && return
    say "Tienda needs the .NET SDK 10: https://dotnet.microsoft.com/download/dotnet/10.0"
    exit 1
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# The programs of PostgreSQL 15 or newer, where the program looks for them too.
have_postgres() {
    local folder version
    for folder in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/postgresql*/bin /usr/local/opt/postgresql*/bin ${PATH//:/ }; do
        [ -x "$folder/initdb" ] || continue
        version=$("$folder/postgres" --version 2>/dev/null | sed -E 's/.*\(PostgreSQL\) ([0-9]+).*/\1/')
        [ "${version:-0}" -ge 15 ] && return
    done
    return 1
}

# The path of one of PostgreSQL's programs that stands beside its server, of the newest version.
postgres_program() { ls -d /usr/lib/postgresql/*/bin/"$1" 2>/dev/null | sort -V | tail -1; }

# Runs a command as the user whose the private PostgreSQL is: root's belongs to postgres.
as_postgres() { if [ "$(id -u)" = 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; }

need_postgres() {
    have_postgres && return
    if ! command -v apt-get >/dev/null; then
        say "Tienda needs the programs of PostgreSQL 15 or newer (nothing has to run):"
        say "  Fedora: sudo dnf install postgresql-server    macOS: brew install postgresql@17"
        exit 1
    fi
    say "Installing the PostgreSQL programs with apt-get; no database of the system's is made or started."
    [ "$(id -u)" = 0 ] || say "sudo may ask for your password."
    apt_install postgresql-common
    # Debian's package would make and start a cluster; while this file is there, it does not.
    local off=/etc/postgresql-common/createcluster.d/tienda.conf
    as_root mkdir -p "${off%/*}"
    echo 'create_main_cluster = false' | as_root tee "$off" >/dev/null
    local installed=0
    apt_install postgresql || installed=$?
    as_root rm -f "$off"
    [ "$installed" = 0 ] && have_postgres && return
    say "PostgreSQL 15 or newer could not be installed. Older systems find it at https://apt.postgresql.org"
    exit 1
}

# The tests put a real nginx in front of the shop, and a real Redis beside it.
need_nginx() { need_server nginx /usr/sbin/nginx nginx; }

need_redis() { need_server Redis /usr/bin/redis-server redis-server; }

# What the benchmarks make load with, and draw with.
need_wrk() { need_server wrk /usr/bin/wrk wrk; }

need_matplotlib() { "${python:-python3}" -c "import matplotlib" 2>/dev/null || apt_install python3-matplotlib; }

# The browser in which the tests look at the dashboard.
need_browser() { need_server Chromium /usr/bin/chromium chromium; }

# They set the clock of a shop.
need_faketime() { need_server faketime /usr/bin/faketime faketime; }

# What runs load_test.py.
need_locust() { need_server Locust /usr/bin/locust python3-locust; }

# What reads the files in deploy/ as those do who run them.
need_deploy_tools() {
    need_server docker-compose /usr/bin/docker-compose docker-compose
    need_server Prometheus /usr/bin/promtool prometheus
    need_server systemd /usr/bin/systemd-analyze systemd
    command -v node >/dev/null || need_server Node.js /usr/bin/node nodejs
    command -v npm >/dev/null || need_server npm /usr/bin/npm npm
    # Whole only when its list is there.
    local tools=artifacts/tools
    cmp -s tests/tools/package-lock.json $tools/installed.json && cp tests/tools/dockerfile.js $tools && return
    mkdir -p $tools
    cp tests/tools/* $tools
    quietly npm ci --prefix $tools --ignore-scripts --no-audit --no-fund || exit 1
    cp $tools/package-lock.json $tools/installed.json
}

# need_server NAME BINARY PACKAGE, whose service has the package's name
need_server() {
    [ -x "$2" ] && return
    if ! command -v apt-get >/dev/null; then
        say "The tests need $1 at $2 (nothing has to run)."
        exit 1
    fi
    say "Installing $1 with apt-get for the tests; the service in its package stays off."
    (
        # Debian's package would start a service; while this file is there, it does not. Somebody else's is left as it is.
        policy=/usr/sbin/policy-rc.d
        if [ ! -e "$policy" ]; then
            trap 'as_root rm -f "$policy"' EXIT
            printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
            as_root chmod 755 "$policy"
        fi
        apt_install "$3"
    )
    # It would also start with the machine, and now if the policy was another one.
    if command -v systemctl >/dev/null; then as_root systemctl disable --now "$3" >/dev/null 2>&1; fi
    [ -x "$2" ] && return
    say "$1 could not be installed."
    exit 1
}

# Package lists may be missing (as in container images) or old; they are fetched only then.
apt_install() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "$@" >/dev/null 2>&1 && return
    as_root apt-get update -qq && as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "$@" >/dev/null
}

# A clone may belong to another user than the one who builds it; git refuses to read such a one, and the build asks it for the commit.
trust_clone() {
    export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0="$PWD"
}

# Shows the output of a command only if it fails.
quietly() {
    local output
    output=$("$@" 2>&1) || { local code=$?; say "$output"; return "$code"; }
}
