"""A file is left out only where no row of its partition can be asked for."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from laptop_cloud.extensions.athena_partitions import Conditions

KEYS = {"day", "town"}
DAYS = ("2026-07-01", "2026-07-02", "2026-07-03")
TOWNS = ("oslo", "rome")
NAMES = st.sampled_from(["day", "t.day", "town", "hour"])
OPERATORS = st.sampled_from(["=", "<", "<=", ">", ">=", "<>"])
COMPARISONS = st.one_of(
    st.builds("{} {} '{}'".format, NAMES, OPERATORS, st.sampled_from([*DAYS, *TOWNS, "2026-07-02x", ""])),
    st.builds("'{1}' {2} {0}".format, NAMES, st.sampled_from(DAYS), OPERATORS),
    st.builds("day BETWEEN '{}' AND '{}'".format, st.sampled_from(DAYS), st.sampled_from(DAYS)),
    st.builds("day IN ('{}', '{}')".format, st.sampled_from(DAYS), st.sampled_from(DAYS)),
    st.just("hour >= '7'"),
)
CLAUSES = st.recursive(
    COMPARISONS,
    lambda inner: st.one_of(
        st.builds("({} AND {})".format, inner, inner),
        st.builds("({} OR {})".format, inner, inner),
        st.builds("(NOT {})".format, inner),
    ),
    max_leaves=6,
)
SHAPES = st.sampled_from(
    [
        "SELECT * FROM t WHERE {}",
        "SELECT * FROM (SELECT * FROM t WHERE {}) x WHERE day IS NOT NULL",
        "WITH these AS (SELECT * FROM t WHERE {}) SELECT * FROM these",
        "WITH t AS (SELECT * FROM t WHERE {}) SELECT * FROM t WHERE day > ''",
        "WITH T AS (SELECT * FROM t WHERE town = 'oslo'), u AS (SELECT * FROM t WHERE {}) SELECT * FROM U",
        "WITH a AS (SELECT * FROM t WHERE {}) SELECT * FROM t b WHERE town = (SELECT max(town) FROM a)",
        "SELECT * FROM (WITH u AS (SELECT * FROM t WHERE {}) SELECT * FROM u) x WHERE day IN (SELECT day FROM t)",
        "SELECT * FROM t WHERE day IN (SELECT day FROM t WHERE {})",
        "SELECT * FROM t WHERE {} UNION ALL SELECT * FROM t WHERE town = 'rome'",
        "SELECT t.* FROM t JOIN t u ON t.day = u.day AND t.town = u.town WHERE {}",
        "SELECT t.* FROM t LEFT JOIN (SELECT DISTINCT town AS place FROM t) u ON u.place = t.town WHERE {}",
    ]
)


@settings(deadline=None, max_examples=50)
@given(SHAPES, CLAUSES)
@example("SELECT * FROM t WHERE {}", "(day >= '2026-07-02' AND day <= '2026-07-02')")
def test_no_row_is_lost(shape: str, clause: str) -> None:
    query = shape.format(clause)
    partitions = [(day, town) for day in DAYS for town in TOWNS]
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t (day VARCHAR, town VARCHAR, hour VARCHAR)")
        connection.executemany("INSERT INTO t VALUES (?, ?, '8')", partitions)
        try:
            whole = connection.execute(query).fetchall()
        except duckdb.BinderException:
            # `day` of which one, where two are joined?
            return
        asked = Conditions(query)
        for day, town in partitions:
            if not asked.may_need(f"day={day}/town={town}/a.parquet", KEYS):
                connection.execute("DELETE FROM t WHERE day = ? AND town = ?", [day, town])
        assert sorted(connection.execute(query).fetchall()) == sorted(whole)


def test_other_days_are_left_out() -> None:
    asked = Conditions("SELECT * FROM t WHERE town = 'oslo' AND day BETWEEN '2026-07-02' AND '2026-07-03' AND x > 1")

    assert not asked.may_need("town=oslo/day=2026-07-01/a.parquet", KEYS)
    assert not asked.may_need("town=rome/day=2026-07-02/a.parquet", KEYS)
    assert asked.may_need("town=oslo/day=2026-07-02/a.parquet", KEYS)
    assert asked.may_need("a.parquet", KEYS)


def test_common_table_expressions_read_nothing_themselves() -> None:
    asked = Conditions(
        "WITH a AS (SELECT * FROM t WHERE day = '2026-07-02'), b AS (SELECT * FROM A) "
        "SELECT (SELECT count(*) FROM b), a.x FROM a LEFT JOIN b ON a.x = b.x"
    )

    assert asked.may_need("day=2026-07-02/a.parquet", KEYS)
    assert not asked.may_need("day=2026-07-01/a.parquet", KEYS)


def test_a_folder_that_is_no_partition_says_nothing() -> None:
    assert Conditions("SELECT * FROM t WHERE day = '2026-07-02'").may_need("day=2026-07-01/a.parquet", {"town"})


@pytest.mark.parametrize("query", ["SELECT FROM WHERE", "SELECT 1", "SHOW TABLES", "", "SELECT 'o''neil"])
def test_what_asks_for_nothing_leaves_nothing_out(query: str) -> None:
    assert Conditions(query).may_need("day=2026-07-01/a.parquet", KEYS)
