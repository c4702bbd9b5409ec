"""CSV in pieces: the lines that begin within a stretch of bytes, each validated before any is parsed.

A row must end with its line: a value that holds a line break is not supported, and its lines are called broken. Lines
are validated as Arrow columns, all at once: a chunk may hold eight million of them, and as many Python objects would
take gigabytes.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from noriba.datasets.raw import BROKEN, MOST_HEADER_BYTES, RawRows, Rows, check_header, make_plan
from noriba.errors import RefusedObjectError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from noriba.datasets.raw import BinaryFile
    from noriba.records.ingest import Chunk, FilePlan

CSV_BYTES_PER_CHUNK = 16 * 2**20
MOST_CSV_MEMORY_PER_BYTE = 45
"""Of a chunk, while it is read, validated and written, whatever stands in it: the dearest byte ends a line of one."""
MOST_LINE_BYTES = 2**16
"""A longer line is a broken row: it has lost its line ends, or holds what is no trip. Of it, the beginning is kept."""
_SHOWN_CHARACTERS = 1_000
_LINE_STEP = 2**16
_MOST_BLANK_BYTES = 8 * 2**20
_LINES_AT_ONCE = 2**16
# As pyarrow reads a field: a quote opens only at its start, and closes where no second one follows.
_QUOTED = rb'"(?:[^"]|"")*+"(?!")'
_FIELD = rb"(?:" + _QUOTED + rb'[^,]*+|[^",][^,]*+|)'
_CLOSED_LINE = re.compile(_FIELD + rb"(?:," + _FIELD + rb")*+")
_QUOTED_FIELD = re.compile(rb"(?:^|(?<=,))" + _QUOTED)
_OTHER_FORMATS = {
    b"\x1f\x8b": "it is compressed by gzip; unpack it (gunzip)",
    b"PK\x03\x04": "it is a zip archive or a workbook; unpack it, or save it as CSV in UTF-8",
    b"\xff\xfe": "it is UTF-16 text; save the file as UTF-8",
    b"\xfe\xff": "it is UTF-16 text; save the file as UTF-8",
}
Faults: TypeAlias = np.ndarray[tuple[int], np.dtype[np.int32]]
# What is wrong with a line, where it is not its number of fields.
_TOO_LONG, _OPEN_QUOTE, _NO_TEXT, _FINE = -3, -2, -1, 0
_PROBLEMS = {
    _TOO_LONG: f"longer than {MOST_LINE_BYTES:,} bytes; has it lost its line ends? This is its beginning",
    _OPEN_QUOTE: "a quote is not closed on its line; a value can hold no line break",
    _NO_TEXT: "not UTF-8 text; save the file as UTF-8",
}


def plan_csv(file: BinaryFile, *, size: int) -> FilePlan:
    """Chunks of so many bytes, after the header.

    Raises:
        RefusedObjectError: binary, without a usable header, without rows, or too large.
    """
    file.seek(0)
    head = file.read(MOST_HEADER_BYTES)
    _check_format(head)
    line, newline, _rest = head.partition(b"\n")
    if not newline and size > len(head):
        raise RefusedObjectError(
            f"the first line is longer than {MOST_HEADER_BYTES:,} bytes; is this CSV, with a header and line ends?"
        )
    header = _read_header(line)
    check_header(header)
    first = len(line) + 1
    if not newline or not _has_text(file, first):
        raise RefusedObjectError(f"the file has a header (columns: {len(header)}) but no rows")
    return make_plan("csv", header, [*range(first, size, CSV_BYTES_PER_CHUNK), size])


def _check_format(head: bytes) -> None:
    """See that a file may be CSV.

    Raises:
        RefusedObjectError: it begins as something else does; the message says how to save it.
    """
    for signature, remedy in _OTHER_FORMATS.items():
        if head.startswith(signature):
            raise RefusedObjectError(f"neither Parquet nor CSV: {remedy}")
    if b"\0" in head:
        raise RefusedObjectError(
            "neither Parquet nor CSV: the file begins with binary data; save it as CSV in UTF-8, or as Parquet"
        )
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"{", b"[")):
        raise RefusedObjectError("neither Parquet nor CSV: JSON is not read; save the rows as CSV or Parquet")


def _read_header(line: bytes) -> tuple[str, ...]:
    try:
        line.decode()
    except UnicodeDecodeError:
        raise RefusedObjectError("the first line is not UTF-8 text; save the file as UTF-8") from None
    try:
        return tuple(pa.csv.read_csv(io.BytesIO(line + b"\n")).column_names)
    except pa.ArrowException:
        # Without the reader's words: it repeats what stands in the line.
        raise RefusedObjectError("not readable as CSV: the first line is no header") from None


def _has_text(file: BinaryFile, offset: int) -> bool:
    """Whether anything but blanks follows, as far as a person would scroll."""
    file.seek(offset)
    for _ in range(0, _MOST_BLANK_BYTES, _LINE_STEP):
        block = file.read(_LINE_STEP)
        if not block or block.strip():
            return bool(block)
    return False


def read_csv(file: BinaryFile, plan: FilePlan, chunk: Chunk) -> RawRows:
    """The lines that begin within the chunk.

    Raises:
        RefusedObjectError: Arrow does not take what was found to be whole.
    """
    text = _cut_long_lines(_read_whole_lines(file, chunk, is_first=chunk.index == 0))
    text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    lines = _split(text)
    shown = _show(lines, text)
    faults = _find_faults(lines, shown, fields=len(plan.header))
    rows = np.flatnonzero(faults == _FINE)
    return RawRows(_parse(lines.take(pa.array(rows)), plan.header), rows, _explain(shown, faults, len(plan.header)))


def _read_whole_lines(file: BinaryFile, chunk: Chunk, *, is_first: bool) -> bytes:
    """The lines that begin within the chunk: from its first line start to the end of the line that crosses its end.

    A line that goes on beyond what a line may have is cut there.
    """
    # One byte before the chunk tells whether a line begins exactly at its edge.
    begin = chunk.first if is_first else chunk.first - 1
    file.seek(begin)
    text = file.read(chunk.last - begin)
    if not is_first:
        _before, newline, text = text.partition(b"\n")
        if not newline:
            return b""
    if not text or text.endswith(b"\n"):
        return text
    rest, newline, _next = file.read(MOST_LINE_BYTES + 1).partition(b"\n")
    return text + rest + newline


def _cut_long_lines(text: bytes) -> bytes:
    """The text with the beginnings of lines that are too long.

    Their carriage returns become blanks: they would end lines too, and where a file is cut must make no difference.
    """
    pieces, begin, done = [], 0, 0
    while begin + MOST_LINE_BYTES < len(text):
        end = text.rfind(b"\n", begin, begin + MOST_LINE_BYTES + 1)
        if end < 0:
            cut = begin + MOST_LINE_BYTES + 1
            pieces += [text[done:begin], text[begin:cut].replace(b"\r", b" ")]
            end = text.find(b"\n", cut)
            end = done = end if end >= 0 else len(text)
        begin = end + 1
    return b"".join([*pieces, text[done:]]) if pieces else text


def _split(text: bytes) -> pa.BinaryArray:
    lines = pc.split_pattern(pa.array([text], pa.binary()), pattern=b"\n").values
    return lines.filter(pc.greater(pc.binary_length(lines), 0))


def _show(lines: pa.BinaryArray, text: bytes) -> pa.StringArray:
    """The lines as people read them, with U+FFFD where there is no UTF-8."""
    try:
        return lines.cast(pa.string())
    except pa.ArrowInvalid:
        # A line end is never part of another character, so these are the same lines.
        return _split(text.decode(errors="replace").encode()).cast(pa.string())


def _find_faults(lines: pa.BinaryArray, shown: pa.StringArray, *, fields: int) -> Faults:
    """What would make a line unreadable, make it swallow those that follow, or give it too many or too few fields.

    Returns:
        for each line 0 when it is whole, its number of fields when that is wrong, or one of the other faults.
    """
    found = _read_numbers(pc.count_substring(lines, b",")) + 1
    lengths = _read_numbers(pc.binary_length(lines))
    quoted = np.flatnonzero(_read_numbers(pc.match_substring(lines, b'"')) & (lengths <= MOST_LINE_BYTES))
    found[quoted] = np.fromiter(_count_fields(lines, quoted, fields), np.int32, len(quoted))
    found[_read_numbers(pc.not_equal(lines, shown.cast(pa.binary()))) & (found != _OPEN_QUOTE)] = _NO_TEXT
    found[lengths > MOST_LINE_BYTES] = _TOO_LONG
    return np.where(found == fields, _FINE, found)


def _read_numbers(column: pa.Array) -> np.ndarray[tuple[int], Any]:
    numbers: np.ndarray[tuple[int], Any] = column.to_numpy(zero_copy_only=False)
    return numbers


def _count_fields(lines: pa.BinaryArray, rows: Rows, fields: int) -> Iterator[int]:
    """The fields of lines with quotes, of which most should have so many."""
    whole = re.compile(_FIELD + rb"(?:," + _FIELD + rb"){%d}" % (fields - 1))
    for start in range(0, len(rows), _LINES_AT_ONCE):
        for line in lines.take(pa.array(rows[start : start + _LINES_AT_ONCE])).to_pylist():
            if whole.fullmatch(line):
                yield fields
            elif _CLOSED_LINE.fullmatch(line):
                yield 1 + _QUOTED_FIELD.sub(b"", line).count(b",")
            else:
                yield _OPEN_QUOTE


def _explain(shown: pa.StringArray, faults: Faults, fields: int) -> pa.Table:
    rows = np.flatnonzero(faults != _FINE)
    # Not by `np.unique`, which sorts: eight million lines of one fault would take a quarter of a gigabyte.
    kinds = pa.array(faults[rows]).dictionary_encode()
    problems = [_PROBLEMS.get(fault) or _describe_misfit(fault, fields) for fault in kinds.dictionary.to_pylist()]
    text = shown.take(pa.array(rows))
    text = pc.if_else(pa.array(faults[rows] == _TOO_LONG), pc.utf8_slice_codeunits(text, 0, _SHOWN_CHARACTERS), text)
    problem = pa.DictionaryArray.from_arrays(kinds.indices, pa.array(problems, pa.string()))
    return pa.table([pa.array(rows), text, problem], schema=BROKEN)


def _describe_misfit(found: int, fields: int) -> str:
    return f"{found} fields instead of {fields}; a comma in a value needs quotes"


def _parse(lines: pa.BinaryArray, header: Sequence[str]) -> pa.Table:
    if not len(lines):
        return pa.table({name: pa.array([], pa.string()) for name in header})
    text = pc.binary_join(pa.ListArray.from_arrays([0, len(lines)], lines), b"\n")[0].as_buffer()
    try:
        # No line is as long as one of the reader's blocks, a mebibyte: it would not read a line that is longer.
        return pa.csv.read_csv(
            pa.BufferReader(text),
            read_options=pa.csv.ReadOptions(column_names=list(header)),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=True, null_values=[""]
            ),
        )
    except pa.ArrowException:
        # Without the reader's words: it repeats the line that it does not take.
        raise RefusedObjectError("not readable as CSV: its lines are otherwise than they seemed") from None
