"""What can be said on the command line or in the environment."""

import os
from argparse import Namespace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent

_options = Namespace(admin_key=None, accounts=400, flash_stock=1000, pauses=1.0)


def add_arguments(parser: Any, **_: Any) -> None:
    parser.add_argument("--admin-key", env_var="ADMIN_API_KEY", include_in_web_ui=False, help="The shop's ADMIN_API_KEY")
    parser.add_argument("--accounts", type=int, default=400, help="Buyers at most; with more users, several share one (default: 400)")
    parser.add_argument("--flash-stock", type=int, default=1000, help="Units that FlashSaleUser finds for sale (default: 1000)")
    parser.add_argument("--pauses", type=float, default=1.0, help="What the users' pauses are multiplied by (default: 1)")


def read(options: Namespace) -> None:
    vars(_options).update({name: value for name, value in vars(options).items() if name in _options})


def accounts() -> int:
    return int(_options.accounts)


def flash_stock() -> int:
    return int(_options.flash_stock)


def pauses() -> float:
    return float(_options.pauses)


def admin_key() -> str | None:
    """The key that was given, else the one that a shop with a private database made: it stands in the folder where it was started."""
    if _options.admin_key:
        return str(_options.admin_key)
    for folder in (Path.cwd(), ROOT):
        if key := _kept_in(folder / "data" / "secrets.env"):
            return key
    return None


def _kept_in(file: Path) -> str | None:
    if not os.access(file, os.R_OK):
        return None
    lines = (line.partition("=") for line in file.read_text(encoding="utf-8").splitlines())
    return next((value.strip() for name, _, value in lines if name.strip() == "ADMIN_API_KEY"), None)
