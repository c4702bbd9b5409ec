"""Firehose collects records into one object, and separates them when told to.

MiniStack writes one object per record, at once. Firehose buffers, hands the buffer to its processors, and writes the
records one after the other: https://docs.aws.amazon.com/firehose/latest/dev/basic-deliver.html. A laptop need not wait
for the configured interval (up to 15 minutes): the buffer is written every second. With dynamic partitioning, records
of the same keys are one object: https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning.html
"""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from laptop_cloud.extensions.ticker import Ticker
from laptop_cloud.ministack_seams import Seam, current_account, current_region, in_scope, reach, wrap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_BUFFER_S = 1.0

Json = dict[str, Any]
Record = tuple[str, bytes]


class _Batch(NamedTuple):
    account: str
    region: str
    stream: Json
    destination: Json
    records: list[Record]


class Buffer:
    """The records that wait to be written."""

    def __init__(self) -> None:
        self._batches: dict[int, _Batch] = {}
        self._lock = threading.Lock()
        self._ticker = Ticker("firehose", self.flush, every_s=_BUFFER_S)

    def add(self, stream: Json, destination: Json, records: Iterable[Record]) -> None:
        """Take records in."""
        with self._lock:
            batch = self._batches.setdefault(
                id(destination), _Batch(current_account(), current_region(), stream, destination, [])
            )
            batch.records.extend(records)

    def flush(self) -> None:
        """Write all that waits."""
        with self._lock:
            batches, self._batches = self._batches, {}
        for batch in batches.values():
            with in_scope(batch.account, batch.region):
                _write(batch)

    def flush_now(self) -> None:
        """Write all that waits, and return when nothing is being written any more."""
        self._ticker.work_now()

    def stop(self) -> None:
        """Write all that waits, and end."""
        self._ticker.stop()
        self.flush()


def install() -> Buffer:
    """Close the gap."""
    buffer = Buffer()
    wrap(Seam.DELIVER_RECORDS, lambda _original: buffer.add)
    return buffer


def _write(batch: _Batch) -> None:
    settings = batch.destination["config"]
    partition_keys: dict[str, dict[str, str]] = {}
    processed = reach(Seam.PROCESS_RECORDS)(
        batch.stream, batch.destination, batch.records, partition_sink=partition_keys
    )
    delimiter = _delimiter(settings)
    write_block = reach(Seam.DELIVER_BLOCK)
    if (settings.get("DynamicPartitioningConfiguration") or {}).get("Enabled"):
        for destination, keys, block in _divide(batch.destination, processed, partition_keys, delimiter):
            write_block(batch.stream, destination, block, keys)
    elif processed:
        write_block(batch.stream, batch.destination, b"".join(data + delimiter for _, data in processed))
    # MiniStack keeps every record ever put, for its own tests; here they would only fill the memory.
    batch.destination["records"].clear()


def _divide(
    destination: Json, processed: Iterable[Record], partition_keys: dict[str, dict[str, str]], delimiter: bytes
) -> Iterator[tuple[Json, dict[str, str] | None, bytes]]:
    """A block for each partition: the destination, with the partition in its prefix, keys by functions, and content.

    A record whose keys cannot be found is a block of its own; whoever writes it finds out why.
    """
    settings = destination["config"]
    blocks: dict[str, list[bytes]] = defaultdict(list)
    keys: dict[str, tuple[Json, dict[str, str] | None]] = {}
    for record_id, data in processed:
        by_function = partition_keys.get(record_id)
        try:
            by_query: dict[str, str] = reach(Seam.FIND_PARTITION)(settings, data) or {}
        except Exception:  # noqa: BLE001 -- MiniStack's own, of a class that it keeps to itself
            yield destination, by_function, data + delimiter
            continue
        name = json.dumps([by_query, by_function])
        prefix = settings.get("Prefix", "")
        for key, value in by_query.items():
            prefix = prefix.replace(f"!{{partitionKeyFromQuery:{key}}}", value)
        known = {**settings, "Prefix": prefix, "DynamicPartitioningConfiguration": {"Enabled": False}}
        keys[name] = {**destination, "config": known}, by_function
        blocks[name].append(data + delimiter)
    for name, block in blocks.items():
        yield *keys[name], b"".join(block)


def _delimiter(settings: Json) -> bytes:
    r"""What the `AppendDelimiterToRecord` processor puts after each record; its parameter is escaped: `\n`."""
    processing = settings.get("ProcessingConfiguration") or {}
    if not processing.get("Enabled"):
        return b""
    for processor in processing.get("Processors", ()):
        if processor["Type"] == "AppendDelimiterToRecord":
            parameters = {each["ParameterName"]: each["ParameterValue"] for each in processor.get("Parameters", ())}
            return str(parameters.get("Delimiter", "\\n")).encode().decode("unicode_escape").encode()
    return b""
