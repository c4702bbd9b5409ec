"""Parts are named by their content."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet
from hypothesis import given
from hypothesis import strategies as st

from noriba.datasets.parts import describe_part, encode_parquet, hash_content, name_part
from noriba.usecase import load_use_case

USE_CASE = load_use_case("taxi_eta")
VALUES = st.lists(st.floats(), min_size=1, max_size=20)


def make_table(values: list[float]) -> pa.Table:
    return pa.table({"pickup_at_s": np.arange(len(values)) + 100.0, "value": np.array(values)})


@given(VALUES)
def test_the_same_rows_make_the_same_bytes_which_read_back_bit_for_bit(values: list[float]) -> None:
    content = encode_parquet(make_table(values))

    assert content == encode_parquet(make_table(list(values)))
    read = pa.parquet.read_table(io.BytesIO(content))
    assert read["value"].to_numpy().tobytes() == np.array(values).tobytes()


@given(VALUES, st.integers(0, 19), st.floats())
def test_another_value_makes_another_name(values: list[float], place: int, value: float) -> None:
    changed = list(values)
    changed[place % len(values)] = value

    same_rows = np.array(changed).tobytes() == np.array(values).tobytes()
    same_name = hash_content(encode_parquet(make_table(values))) == hash_content(encode_parquet(make_table(changed)))

    assert same_name == same_rows


def test_another_order_of_rows_makes_another_name() -> None:
    assert encode_parquet(make_table([1.0, 2.0])) != encode_parquet(make_table([2.0, 1.0]))


def test_a_part_is_described_by_its_content() -> None:
    table = make_table([1.0, 2.0, 3.0])
    content = encode_parquet(table)

    part = describe_part(table, content, USE_CASE, version_id="v1")

    assert part.sha256 == hashlib.sha256(content).hexdigest()
    assert part.key == name_part(USE_CASE, part.sha256) == f"taxi_eta/parts/{part.sha256[:2]}/{part.sha256}.parquet"
    assert (part.rows, part.size, part.version_id) == (3, len(content), "v1")
    assert part.feature_fingerprint == USE_CASE.features.fingerprint
    assert (part.first_s, part.last_s) == (100.0, 102.0)
