"""The servers beside the shop: Redis, the repository's nginx, and bare Kestrel as the limit."""

from __future__ import annotations

import subprocess
from pathlib import Path

from bench.processes import ROOT, BenchError, Processes, free_port, listens, tail, wait_until

NGINX = "/usr/sbin/nginx"
BARE = ROOT / "artifacts/bin/Bare/release/Bare.dll"

# The load generator's users come from addresses of their own, which it claims; so nginx has to believe it, as it would believe a CDN. It
# then counts connections by these addresses, and hands them on to the shop, which believes nginx by default.
_TRUST = "set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;"


class Server:
    """Something that listens on a port of 127.0.0.1."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def _listening(process: subprocess.Popen[bytes], port: int, name: str, log: Path) -> Server:
    def ready() -> bool:
        if process.poll() is not None:
            raise BenchError(f"{name} ended:\n{tail(log)}")
        return listens(port)

    wait_until(ready, f"{name} did not listen")
    return Server(process, port)


def start_redis(processes: Processes) -> Server:
    port, log = free_port(), processes.folder / "redis.log"
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    return _listening(processes.start(command, log=log), port, "Redis", log)


def start_nginx(processes: Processes, shop_port: int) -> Server:
    """nginx as an operator installs it with deploy/nginx, on another port and in another folder."""
    port = free_port()
    folder = processes.folder_of(f"nginx-{port}")
    upstream = _changed("tienda-upstream.conf", {"127.0.0.1:8000": f"127.0.0.1:{shop_port}"})
    server = _changed(
        "tienda.conf",
        {
            "    listen 80;": f"    listen 127.0.0.1:{port};",
            "    listen [::]:80;": "",
            "/var/log/nginx/": f"{folder}/",
            "/etc/nginx/": f"{folder}/",
        },
    )
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    config = folder / "nginx.conf"
    config.write_text(
        f"worker_processes auto;\npid {folder}/pid;\nerror_log {folder}/error.log;\nworker_rlimit_nofile 16384;\n"
        f"events {{ worker_connections 8192; }}\nhttp {{\n{temporary}\n{_TRUST}\n{upstream}\n{server}\n}}\n"
    )
    log = folder / "error.log"
    command = [NGINX, "-c", config, "-p", folder, "-e", log, "-g", "daemon off;"]
    return _listening(processes.start(command, log=log), port, "nginx", log)


def _changed(file: str, changes: dict[str, str]) -> str:
    text = (ROOT / "deploy/nginx" / file).read_text()
    for installed, here in changes.items():
        if installed not in text:
            raise BenchError(f"deploy/nginx/{file} has no '{installed}' any more.")
        text = text.replace(installed, here)
    return text


def start_bare(processes: Processes, *answers: Path | str) -> Server:
    """Kestrel that answers with the bytes of a file, and nothing else; further pairs of a path's beginning and a file differ by path."""
    port = free_port()
    log = processes.folder / f"bare-{port}.log"
    return _listening(processes.start(["dotnet", BARE, str(port), *answers], log=log), port, "bare Kestrel", log)
