"""Hostile files: what one of them can take of a function; each is read in a process of its own, and there is no peer.

The worst that a chunk may be. Peaks are those of the whole process, imports included, as Linux counts them; what a full
chunk of CSV adds stands beside, in sizes of the chunk.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import available_timezones

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from noriba.datasets.csv_files import CSV_BYTES_PER_CHUNK, MOST_CSV_MEMORY_PER_BYTE
from noriba.datasets.raw import MOST_CHUNK_MEMORY_MIB

if TYPE_CHECKING:
    from collections.abc import Callable

_HEADER = b"pickup_at,dropoff_at,origin_zone,destination_zone,time_zone\n"
# The width of the columns of numbers that `one_file` prints.
_NUMBERS = 6 + 1 + 9 + 1 + 8 + 1 + 8
_RIDE = b"2026-01-05T12:00:00-05:00,2026-01-05T12:15:00-05:00,74,161,"


@dataclass(frozen=True)
class HostileFile:
    """A file that somebody might land, and how it is written."""

    name: str
    write: Callable[[Path], object]


def run() -> None:
    """Print seconds and peak memory of the plan and of the first and the last chunk of every file.

    Raises:
        SystemExit: a file took more than was promised.
    """
    print(f"  {'':<44} {'file MB':>8} {'chunks':>6} {'slowest s':>9} {'peak MiB':>8} {'× chunk':>8}  answer")
    broken: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for number, file in enumerate(FILES):
            path = Path(folder) / str(number)
            file.write(path)
            child = [sys.executable, "-m", "benchmarks.one_file", str(path)]
            done = subprocess.run(child, capture_output=True, text=True, check=False)  # noqa: S603  # our own program
            size_mb = path.stat().st_size / 1e6
            path.unlink()
            print(f"  {file.name:<44} {size_mb:>8.1f} {done.stdout.rstrip() or _read_end(done.stderr)}")
            if not _keeps_promise(done.stdout):
                broken.append(file.name)
    if broken:
        raise SystemExit(f"  the promise is broken by {', '.join(broken)}")
    print(f"  promised: no peak over {MOST_CHUNK_MEMORY_MIB} MiB, no CSV over {MOST_CSV_MEMORY_PER_BYTE} × its chunk")


def _keeps_promise(line: str) -> bool:
    """Whether what `one_file` printed (chunks, seconds, peak, and for a full chunk of CSV its multiple) is allowed."""
    words = line[:_NUMBERS].split()
    peak_mib = int(words[2].replace(",", "")) if len(words) > 2 else MOST_CHUNK_MEMORY_MIB + 1  # noqa: PLR2004
    return peak_mib <= MOST_CHUNK_MEMORY_MIB and (len(words) == 3 or int(words[3]) <= MOST_CSV_MEMORY_PER_BYTE)  # noqa: PLR2004


def _read_end(text: str) -> str:
    return (text.splitlines() or ["killed"])[-1]


def _csv(rows: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(_HEADER + rows)


def _fill(line: bytes, size: int = CSV_BYTES_PER_CHUNK) -> bytes:
    return line * (size // len(line))


def _rides(zones: Callable[[int], str], rows: int) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(_HEADER + b"".join(_RIDE + zones(row).encode() + b"\n" for row in range(rows)))


def _different_faults(path: Path) -> None:
    """Rows of as many kinds as ten faults make, in as few bytes as they take."""
    header = b"pickup_at,dropoff_at,origin_latitude,origin_longitude,destination_latitude,destination_longitude"
    cells = [b",".join(b"x" if kind >> bit & 1 else b"" for bit in range(8)) for kind in range(256)]
    path.write_bytes(header + b",time_zone,rain_mm_per_h\n" + _fill(b"\n".join(cells) + b"\n"))


def _parquet(columns: Callable[[], dict[str, pa.Array]], **options: object) -> Callable[[Path], object]:
    return lambda path: pa.parquet.write_table(pa.table(columns()), path, **{"row_group_size": 2**30, **options})


def _repeat_rides(rows: int, **more: pa.Array) -> dict[str, pa.Array]:
    pickup, dropoff = (pa.scalar(1_767_632_400 + late_s, pa.timestamp("s", "UTC")) for late_s in (0, 900))
    zone = pa.array(np.full(rows, 74))
    return {
        "pickup_at": pa.repeat(pickup, rows),
        "dropoff_at": pa.repeat(dropoff, rows),
        "origin_zone": zone,
        "destination_zone": zone,
        **more,
    }


def _repeat_text(size: int, rows: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), pa.array(["y" * size]))


def _simulate_csv(path: Path) -> None:
    """An honest file: 300 MB of canonical trips."""
    ride = b"2026-01-05T12:%02d:%02d-05:00,2026-01-05T13:15:00-05:00,%d,%d,America/New_York\n"
    block = b"".join(ride % (row % 60, row // 60 % 60, 1 + row % 263, 1 + row % 257) for row in range(20_000))
    path.write_bytes(_HEADER + _fill(block, 300_000_000))


def _list_zones() -> Callable[[int], str]:
    zones = sorted(available_timezones())
    return lambda row: zones[row % len(zones)]


FILES = (
    HostileFile("an honest CSV", _simulate_csv),
    HostileFile("an honest Parquet file, 250,000 rows", _parquet(lambda: _repeat_rides(250_000))),
    HostileFile("one time zone of 100 kB", _rides(lambda row: "z" * 100_000 * (row == 0), 25_000)),
    HostileFile("one time zone of 60 kB", _rides(lambda row: "z" * 60_000 * (row == 0), 25_000)),
    HostileFile("40,000 different time zones that are none", _rides(lambda row: f"zone {row}", 40_000)),
    HostileFile("a chunk of them", _rides(lambda row: f"{row:x}", 240_000)),
    HostileFile("every time zone of the world", _rides(_list_zones(), 200_000)),
    HostileFile("12 MB of x", _csv(_fill(b"x\n", 12_000_000))),
    HostileFile("a chunk of open quotes", _csv(_fill(b'"\n'))),
    HostileFile("a chunk of closed quotes", _csv(_fill(b'""\n'))),
    HostileFile("a chunk of quoted lines of 60 kB", _csv(_fill(b'"' + b'""' * 30_000 + b'"\n'))),
    HostileFile("a chunk of what is no UTF-8", _csv(_fill(b"\xff\n"))),
    HostileFile("a chunk of blank lines", _csv(b"x\n" + _fill(b"\n"))),
    HostileFile("a chunk of empty rows", _csv(_fill(b",,,,\n"))),
    HostileFile("a chunk of rows with faults of 256 kinds", _different_faults),
    HostileFile("a chunk of times of 60 kB", _csv(_fill(b"1" + b"T" * 60_000 + b",,,,\n"))),
    HostileFile("80 MB without a line end", _csv(b"x" * 80_000_000)),
    HostileFile(
        "1,000 columns of nothing",
        lambda path: path.write_bytes(
            b",".join([_HEADER.strip(), *(b"c%d" % column for column in islice(count(), 995))])
            + b"\n"
            + _fill(b"," * 999 + b"\n")
        ),
    ),
    HostileFile("40,000 columns", lambda path: path.write_bytes(_fill(b"c,", 80_000) + b"c\n1\n")),
    HostileFile(
        "13,000 columns of short names",
        lambda path: path.write_bytes(b",".join(b"%x" % column for column in range(13_000)) + b"\n1\n"),
    ),
    HostileFile("Parquet: 5 M rows in a row group", _parquet(lambda: _repeat_rides(5_000_000))),
    HostileFile("Parquet: 20 M rows in a row group", _parquet(lambda: _repeat_rides(20_000_000))),
    HostileFile(
        "Parquet: 20 M rows of 30 columns",
        _parquet(lambda: _repeat_rides(20_000_000, **{f"c{n}": pa.nulls(20_000_000) for n in range(26)})),
    ),
    HostileFile(
        "Parquet: 15,000 columns",
        _parquet(lambda: {f"column number {number:018}": pa.array([1]) for number in range(15_000)}),
    ),
    HostileFile(
        "Parquet: a text of 100 kB, 250,000 times",
        _parquet(lambda: _repeat_rides(250_000, note=_repeat_text(100_000, 250_000)), store_schema=False),
    ),
    HostileFile(
        "Parquet: a text of 250 bytes, 250,000 times",
        _parquet(
            lambda: _repeat_rides(250_000, note=_repeat_text(250, 250_000), time_zone=_repeat_text(9, 250_000)),
            store_schema=False,
        ),
    ),
    HostileFile(
        "Parquet: a page of 480 MiB",
        _parquet(
            lambda: _repeat_rides(7_500, note=pa.array(["z" * 2**16] * 7_500)),
            use_dictionary=False,
            compression="zstd",
            data_page_size=2**30,
        ),
    ),
    HostileFile(
        "Parquet: 1,000 columns",
        _parquet(lambda: _repeat_rides(250_000, **{f"c{number}": pa.nulls(250_000) for number in range(996)})),
    ),
)
