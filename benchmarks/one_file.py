"""One file, planned, and its first and last chunk transformed as the function does it: a process of its own."""

from __future__ import annotations

import re
import sys
import time
from pathlib import Path

from noriba.datasets.chunks import plan_file, read_chunk
from noriba.datasets.parts import encode_parquet
from noriba.datasets.sources import choose_source, load_sources
from noriba.datasets.transformation import transform_chunk
from noriba.errors import RefusedObjectError
from noriba.usecase import load_use_case

_FULL_MIB = 8


def main(path: Path) -> None:
    """Print the number of chunks, the slowest step, the peak and what was found."""
    use_case, chunks, seconds, answer, times = load_use_case("taxi_eta"), 0, [0.0], "", ""
    load_sources(use_case)
    before_mib = read_peak_mib()
    start = time.perf_counter()
    try:
        with path.open("rb") as file:
            plan = plan_file(file, size=path.stat().st_size)
            source = choose_source(load_sources(use_case), plan.header)
            seconds.append(time.perf_counter() - start)
            chunks = len(plan.chunks)
            for chunk in dict.fromkeys([plan.chunks[0], plan.chunks[-1]]):
                start = time.perf_counter()
                done = transform_chunk(read_chunk(file, plan, chunk), source, use_case, object_key=path.name)
                for table in (done.kept, done.quarantine):
                    if table is not None:
                        encode_parquet(table)
                answer = answer or f"{done.rows_kept:,} kept, {done.rows_quarantined:,} quarantined"
                seconds.append(time.perf_counter() - start)
            if plan.format == "csv":
                chunk_mib = max(chunk.last - chunk.first for chunk in plan.chunks) / 2**20
                # In a small one, what any chunk takes would hide it.
                times = "" if chunk_mib < _FULL_MIB else f"{(read_peak_mib() - before_mib) / chunk_mib:.0f}"
    except RefusedObjectError as error:
        answer = f"refused: {error}"
        seconds.append(time.perf_counter() - start)
    print(f"{chunks:>6} {max(seconds):>9.1f} {read_peak_mib():>8,} {times:>8}  {answer[:100]}")


def read_peak_mib() -> int:
    """The most memory that this process has had at once; `getrusage` would count its parent's too."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found[1]) // 1024 if found else 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))
