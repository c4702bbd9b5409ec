"""`serve`, as SageMaker runs it."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from noriba.features.columns import take_rows
from noriba.records.artifacts import GoldenRecord
from noriba.records.experience import EXPERIENCE_FILE
from noriba.records.explanations import Doubt
from noriba.records.inference import CONTENT_TYPE, decode_answer, decode_refusal, encode_columns
from noriba.records.packed import is_packed, pack_columns, read_answer
from noriba.records.plausibility import find_answer_fault
from noriba.records.stretching import Stretch
from noriba.records.wanted import Wanted
from noriba.rollout.golden import find_differences
from noriba.training.bundles import load_bundle
from noriba.usecase import HumilityPolicy, load_use_case
from tests.containers.programs import PROGRAMS, REPOSITORY, describe_environment, find_program, run_program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from noriba.features import Column
    from noriba.records.inference import ModelAnswer
    from tests.containers.conftest import Training

HOST = "127.0.0.1"
START_S = 60.0
STOP_S = 20.0
ANSWER_S = 10.0
WHY, HUMBLE = Wanted(explain=True), Wanted(humility=HumilityPolicy())


@dataclass(frozen=True)
class Server:
    """A running server."""

    process: subprocess.Popen[str]
    port: int

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(HOST, self.port, timeout=ANSWER_S)

    def ask(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        """One request on a connection of its own."""
        connection = self.connect()
        try:
            connection.request(method, path, body, {"Content-Type": CONTENT_TYPE})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


@contextmanager
def serve(base: Path, **environment: str) -> Iterator[Server]:
    """Serve the model of a tree, until the block ends."""
    port = free_port()
    process = subprocess.Popen(
        [find_program("serve", base)],
        cwd=base,
        env=describe_environment(base, SERVE_HOST=HOST, SAGEMAKER_BIND_TO_PORT=str(port), **environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            server = Server(process, port)
            await_ping(server)
            yield server
        finally:
            process.terminate()
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()


def await_ping(server: Server) -> None:
    deadline = time.monotonic() + START_S
    while True:
        assert server.process.poll() is None, server.process.communicate()[0]
        assert time.monotonic() < deadline, "the server did not start in time"
        try:
            status, _body = server.ask("GET", "/ping")
        except ConnectionRefusedError:
            time.sleep(0.05)
        else:
            assert status == 200
            return


@pytest.fixture(scope="module")
def server(training: Training) -> Iterator[Server]:
    with serve(training.base) as running:
        yield running


@pytest.fixture(scope="module")
def record(training: Training) -> GoldenRecord:
    return GoldenRecord.model_validate_json((training.model / "golden.json").read_bytes())


@pytest.fixture(scope="module")
def columns(record: GoldenRecord) -> dict[str, Column]:
    """The golden rows as the predict function sends them."""
    use_case = load_use_case("taxi_eta")
    return use_case.features.compute_identified(record.columns())


def test_a_ping_is_answered_at_once_with_nothing(server: Server) -> None:
    assert server.ask("GET", "/ping") == (200, b"")


def test_golden_rows_are_answered_as_in_training(
    server: Server, columns: dict[str, Column], record: GoldenRecord, training: Training
) -> None:
    status, body = server.ask("POST", "/invocations", encode_columns(columns))

    answer = decode_answer(body)
    assert status == 200
    assert list(find_differences(answer, record)) == []
    assert find_answer_fault(answer, rows=len(record.answers["value"])) is None
    assert answer.claimed_coverage == pytest.approx(0.8)
    assert answer.bundle_digest == load_bundle(training.model)[1]


def test_a_packed_table_is_answered_by_the_same_numbers_packed(server: Server, columns: dict[str, Column]) -> None:
    written = server.ask("POST", "/invocations", encode_columns(columns, wanted=HUMBLE))[1]
    status, packed = server.ask("POST", "/invocations", pack_columns(columns, wanted=HUMBLE))

    assert status == 200
    assert is_packed(packed)
    assert read_answer(packed) == decode_answer(written)


def test_a_packed_table_that_is_cut_short_or_hostile_is_a_bad_request_and_the_next_is_answered(
    server: Server, columns: dict[str, Column]
) -> None:
    whole = pack_columns(columns)
    # Eight million rows of nothing; a layout as long as the body; and one that ends within a number.
    hostile = (whole[:8] + b"\xff\xff\x7f\0" + whole[12:], whole[:12] + b"\xff\xff\xff\xff" + whole[16:], whole[:-3])

    for body in (*hostile, whole[:9], whole[: len(whole) // 2], b"NORIBA\x02\n" + whole[8:], whole + b"\0"):
        status, answer = server.ask("POST", "/invocations", body)
        assert status == 400
        assert json.loads(answer)["error"]
    assert server.ask("POST", "/invocations", whole)[0] == 200


def test_a_packed_table_of_other_features_says_which_the_model_reads(
    server: Server, columns: dict[str, Column], training: Training
) -> None:
    other = {name.partition("@")[0] + "@000000000000": column for name, column in columns.items()}
    status, answer = server.ask("POST", "/invocations", pack_columns(other))

    assert status == 424
    fingerprint = load_bundle(training.model)[0].feature_fingerprint
    assert decode_refusal(answer.decode()).feature_fingerprint == fingerprint


def test_trees_are_compiled_and_answer_as_before(
    server: Server, columns: dict[str, Column], record: GoldenRecord
) -> None:
    assert server.process.stdout is not None
    # The fixture's server says it once; nobody else reads what it says.
    assert any("trees compiled" in line for line in server.process.stdout)

    answer = read_answer(server.ask("POST", "/invocations", pack_columns(columns))[1])
    assert list(find_differences(answer, record)) == []


def test_columns_of_other_variants_travel_along_unread(server: Server, columns: dict[str, Column]) -> None:
    rows = len(next(iter(columns.values())))
    foreign = {"haversine_m@000000000000": np.full(rows, 1e9), "traffic@0123456789ab": np.full(rows, np.nan)}

    alone = server.ask("POST", "/invocations", encode_columns(columns))
    in_company = server.ask("POST", "/invocations", encode_columns({**foreign, **columns}))

    assert in_company == alone


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "Expecting value"),
        (b"columns=1", "Expecting value"),
        (b"{}", "the body must be"),
        (b'{"columns": {"a@1": ["1"]}}', "column a@1 must be a list of numbers or null"),
        (b'{"columns": {"a@1": []}}', "at least one row"),
        (b'{"columns": {"a@1": [1], "b@1": [1, 2]}}', "one common length"),
    ],
)
def test_a_body_that_is_no_table_is_a_bad_request(server: Server, body: bytes, reason: str) -> None:
    status, answer = server.ask("POST", "/invocations", body)

    assert status == 400
    assert reason in json.loads(answer)["error"]


def test_columns_of_other_definitions_are_refused_by_the_model(server: Server, columns: dict[str, Column]) -> None:
    identity = next(iter(columns))
    others = {f"{name}0" if name == identity else name: column for name, column in columns.items()}

    status, answer = server.ask("POST", "/invocations", encode_columns(others))

    assert status == 424
    refusal = decode_refusal(answer.decode())
    assert refusal.error.startswith(f"the model needs {identity}; it was given ")
    # By which whoever asked finds the definitions of what it needs.
    assert refusal.feature_fingerprint == load_use_case("taxi_eta").features.fingerprint


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/invocations"), ("POST", "/ping"), ("GET", "/"), ("POST", "/invocations/")]
)
def test_there_are_two_routes(server: Server, method: str, path: str) -> None:
    status, answer = server.ask(method, path)

    assert status == 404
    assert f"no route {method} {path}" in json.loads(answer)["error"]


def test_many_ask_at_once_and_each_gets_its_own_answer(
    server: Server, columns: dict[str, Column], record: GoldenRecord
) -> None:
    rows = len(record.answers["value"])

    def ask_row(call: int) -> tuple[int, tuple[float, ...]]:
        row = call % rows
        body = encode_columns(take_rows(columns, np.array([row])))
        status, answer = server.ask("POST", "/invocations", body)
        assert status == 200
        return row, decode_answer(answer).value

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask_row, range(10 * rows)))

    # A row alone is a row in company, bit for bit.
    assert all(value == (record.answers["value"][row],) for row, value in answers)


def test_a_connection_may_be_kept_and_a_bad_request_does_not_harm_it(
    server: Server, columns: dict[str, Column]
) -> None:
    connection = server.connect()
    statuses = []
    for body in (encode_columns(columns), b"no table", encode_columns(columns)):
        connection.request("POST", "/invocations", body)
        answer = connection.getresponse()
        answer.read()
        statuses.append(answer.status)
    connection.close()

    assert statuses == [200, 400, 200]


def test_when_told_to_stop_it_answers_what_was_asked_and_ends(training: Training, columns: dict[str, Column]) -> None:
    body = encode_columns(columns)
    with serve(training.base) as server, socket.create_connection((HOST, server.port), timeout=ANSWER_S) as asking:
        idle = server.connect()
        idle.request("GET", "/ping")
        idle.getresponse().read()
        head = f"POST /invocations HTTP/1.1\r\nHost: model\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        asking.sendall(head + body[:100])
        # Half a request on the way, and a connection kept open that nobody uses.
        time.sleep(0.2)
        server.process.terminate()
        time.sleep(0.2)
        asking.sendall(body[100:])
        answer = http.client.HTTPResponse(asking)
        answer.begin()

        assert answer.status == 200
        assert len(decode_answer(answer.read()).value) == len(next(iter(columns.values())))
        # uvicorn ends by the signal that it was sent, once all is answered.
        assert server.process.wait(STOP_S) in {0, -15}
        with pytest.raises(ConnectionRefusedError):
            server.ask("GET", "/ping")
        idle.close()


def test_who_asks_why_is_told_what_each_answer_is_made_of(server: Server, columns: dict[str, Column]) -> None:
    plain = server.ask("POST", "/invocations", encode_columns(columns))[1]
    explained = decode_answer(server.ask("POST", "/invocations", encode_columns(columns, wanted=WHY))[1])

    assert replace(explained, explanations=()) == decode_answer(plain)
    assert len(explained.explanations) == len(explained.value)
    for explanation, value in zip(explained.explanations, explained.value, strict=True):
        assert explanation.total == pytest.approx(value, abs=1e-6)
    assert find_answer_fault(explained, rows=len(explained.value)) is None
    whole = encode_columns(columns, wanted=Wanted(explain=True, contributions=99))
    for all_told, told in zip(
        decode_answer(server.ask("POST", "/invocations", whole)[1]).explanations, explained.explanations, strict=True
    ):
        assert all_told.rest == 0
        assert all_told.contributions[: len(told.contributions)] == told.contributions
        assert all_told.total == pytest.approx(told.total, abs=1e-6)


def test_a_ride_like_none_of_training_is_doubted_when_doubts_are_asked_for(
    server: Server, columns: dict[str, Column]
) -> None:
    [distance] = [identity for identity in columns if identity.startswith("haversine_m@")]
    [area] = [identity for identity in columns if identity.startswith("origin_area@")]
    rows = len(columns[distance])
    strange = {**columns, distance: columns[distance].copy(), area: columns[area].copy()}
    strange[distance][1], strange[area][2] = 250_000.0, 7_777.0

    humble = decode_answer(server.ask("POST", "/invocations", encode_columns(strange, wanted=HUMBLE))[1])
    proud = decode_answer(server.ask("POST", "/invocations", encode_columns(strange))[1])

    assert proud == replace(humble, doubts=())
    assert len(humble.doubts) == rows
    assert "above" in {doubt.kind for doubt in humble.doubts[1] if doubt.column == "haversine_m"}
    assert Doubt(kind="unseen", column="origin_area", value=7_777.0) in humble.doubts[2]


def test_intervals_are_stretched_for_the_model_that_needs_it_and_doubts_stay_what_they_were(
    server: Server, columns: dict[str, Column]
) -> None:
    def ask(stretch: Stretch | None) -> ModelAnswer:
        # Every interval but the narrowest is a reason to doubt, so that a stretched one would be another.
        wanted = Wanted(humility=HumilityPolicy(wider_than=0.5), stretch=stretch)
        return decode_answer(server.ask("POST", "/invocations", encode_columns(columns, wanted=wanted))[1])

    plain = ask(None)
    stretched = ask(Stretch(factor=1.5, bundle_digest=plain.bundle_digest))

    assert plain.doubts
    assert replace(stretched, low=plain.low, high=plain.high) == plain
    for end, was in ((stretched.low, plain.low), (stretched.high, plain.high)):
        away = np.log(np.array(was) / np.array(plain.value))
        assert np.abs(away).max() > 0.01
        np.testing.assert_allclose(np.log(np.array(end) / np.array(plain.value)), 1.5 * away)
    # A challenger is asked with the champion's words.
    assert ask(Stretch(factor=1.5, bundle_digest="c" * 64)) == plain


def test_a_bundle_of_before_experience_was_kept_doubts_nothing(
    training: Training, columns: dict[str, Column], tmp_path: Path
) -> None:
    shutil.copytree(training.model, tmp_path / "model")
    (tmp_path / "model" / EXPERIENCE_FILE).unlink()
    seal = tmp_path / "model/seal.json"
    sealed = json.loads(seal.read_text())
    del sealed[EXPERIENCE_FILE]
    seal.write_text(json.dumps(sealed))
    [distance] = [identity for identity in columns if identity.startswith("haversine_m@")]
    strange = {**columns, distance: columns[distance] + 250_000.0}

    with serve(tmp_path) as server:
        status, body = server.ask("POST", "/invocations", encode_columns(strange, wanted=HUMBLE))

    assert (status, decode_answer(body).doubts) == (200, ())


def test_several_workers_serve_one_model(training: Training, columns: dict[str, Column]) -> None:
    with serve(training.base, SAGEMAKER_MODEL_SERVER_WORKERS="2") as server:
        status, _answer = server.ask("POST", "/invocations", encode_columns(columns))

        assert status == 200


def test_a_corrupt_bundle_is_not_served_and_says_why(training: Training, tmp_path: Path) -> None:
    shutil.copytree(training.model, tmp_path / "model")
    (tmp_path / "model/model.json").write_text("{}")

    ended = run_program("serve", tmp_path, SERVE_HOST=HOST, SAGEMAKER_BIND_TO_PORT=str(free_port()))

    assert ended.code == 1
    assert ended.err == ("CorruptBundleError: the bundle's seal is broken by model.json; train or download it again\n")


def test_no_model_at_all_says_so(tmp_path: Path) -> None:
    ended = run_program("serve", tmp_path, SERVE_HOST=HOST, SAGEMAKER_BIND_TO_PORT=str(free_port()))

    assert ended.code == 1
    assert ended.err.startswith("CorruptBundleError: ")
    assert ended.err.endswith("holds no bundle: seal.json is missing\n")


def test_the_server_loads_nothing_that_only_training_needs(training: Training) -> None:
    # Compiling is Numba's, which loads some of SciPy where it finds it.
    program = """
import sys
import server
from job_tree import JobTree
from noriba.training.answering import Answerer
Answerer.load(JobTree.from_environment().model)
print({name.partition(".")[0] for name in sys.modules} & {"lightgbm", "numba", "pandas", "pyarrow", "sklearn", "scipy"})
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=describe_environment(training.base) | {"PYTHONPATH": f"{PROGRAMS}:{REPOSITORY / 'src'}:{REPOSITORY}"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines()[-1] == "set()"
