"""`python -m laptop_cloud`: the laptop cloud in the foreground, until Ctrl-C."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from laptop_cloud.server import DEFAULT_PORT, CloudSettings, serve
from laptop_cloud.shared_clock import read_moment

if TYPE_CHECKING:
    from datetime import datetime


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m laptop_cloud", description="AWS as one local process.")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="to listen on, on 127.0.0.1 (%(default)s)")
    parser.add_argument("--state-dir", type=Path, required=True, help="for everything it keeps; parts are emptied")
    parser.add_argument(
        "--assembly", type=Path, action="append", default=[], help="a cdk.out whose containers may run; repeatable"
    )
    parser.add_argument("--account", default="123456789012", help="12 digits (%(default)s)")
    parser.add_argument("--region", default="us-east-1", help="(%(default)s)")
    parser.add_argument(
        "--clock",
        type=_read_moment,
        help="a time with its zone (2026-03-01T00:00:00Z), or now: a clock of its own, which may be moved forward",
    )
    given = parser.parse_args()
    assemblies = tuple(path.resolve() for path in given.assembly)
    serve(
        CloudSettings(
            port=given.port,
            state_dir=given.state_dir,
            assemblies=assemblies,
            account=given.account,
            region=given.region,
            clock=given.clock,
        )
    )


def _read_moment(text: str) -> datetime:
    try:
        return read_moment(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


if __name__ == "__main__":
    main()
