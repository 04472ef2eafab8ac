"""What a benchmark starts: each process in a session of its own, so that Ctrl+C reaches only us, and ended by its id."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

ROOT = Path(__file__).resolve().parent.parent

# Some settings would lead a shop elsewhere than the benchmark thinks.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("POSTGRES_", "REDIS_", "PG"))}


class BenchError(Exception):
    """A benchmark cannot go on; the message says why."""


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until(holds: Callable[[], bool], what: str, seconds: float = 60, pause: float = 0.05) -> None:
    patience = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > patience:
            raise BenchError(f"{what} in {seconds:.0f} seconds.")
        time.sleep(pause)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def exit_on_signals() -> None:
    """Makes SIGTERM and Ctrl+C leave by way of what is to be ended, also where somebody has had Ctrl+C ignored."""

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)


class Processes:
    """The processes of one benchmark, and the folder they work in. Leaving it ends and removes them."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="tienda-bench-"))
        # PostgreSQL runs as another user if we are root.
        self.folder.chmod(0o755)
        self._running: list[subprocess.Popen[bytes]] = []
        self._at_end: list[Callable[[], None]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        try:
            for process in reversed(self._running):
                self.end(process)
            for each in reversed(self._at_end):
                each()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
            exit_on_signals()

    def at_end(self, action: Callable[[], None]) -> None:
        """Does something when every process has ended, before the folder goes."""
        self._at_end.append(action)

    def folder_of(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        return folder

    def start(
        self, command: Sequence[str | Path], *, settings: Mapping[str, str] | None = None, cwd: Path | None = None, log: Path | None = None
    ) -> subprocess.Popen[bytes]:
        with Path(log or os.devnull).open("ab") as output:
            process = subprocess.Popen(
                [str(word) for word in command],
                env={**ENVIRONMENT, **(settings or {})},
                cwd=cwd or self.folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._running.append(process)
        return process

    def end(self, process: subprocess.Popen[bytes]) -> None:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process in self._running:
            self._running.remove(process)

    def run(self, command: Sequence[str | Path], *, settings: Mapping[str, str] | None = None, cwd: Path | None = None) -> str:
        """Runs a program to its end, which has to be a good one, and answers what it printed."""
        log = self.folder / f"output-{time.monotonic_ns()}"
        process = self.start(command, settings=settings, cwd=cwd, log=log)
        code = process.wait()
        self._running.remove(process)
        output = log.read_text(errors="replace")
        log.unlink()
        if code != 0:
            raise BenchError(f"{' '.join(str(word) for word in command)} ended with {code}:\n{output[-3000:]}")
        return output


def tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(it wrote no log)"
