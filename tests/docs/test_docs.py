"""The documentation is run, not believed."""

from __future__ import annotations

import doctest
import importlib
import inspect
import io
import json
import pkgutil
import re
import shlex
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer.main

import noriba
from infra.settings import Settings
from noriba.cli.main import build_app
from noriba.datasets.chunks import plan_file, read_chunk
from noriba.datasets.sources import choose_source, load_sources
from noriba.datasets.transformation import transform_chunk
from noriba.records.explanations import Contribution
from noriba.records.names import name_endpoint
from noriba.serving.answers import PredictionExplanation
from noriba.serving.outcomes import OutcomeRequest
from noriba.serving.requests import parse_body
from noriba.serving.wording import say_contribution
from noriba.usecase import load_use_case
from usecases.taxi_eta.bounds import RAIN_MM_PER_H
from usecases.taxi_eta.schema import Trip

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def find_blocks(language: str) -> list[tuple[Path, str]]:
    blocks = [(path, *found) for path in DOCUMENTS for found in FENCE.findall(path.read_text(encoding="utf-8"))]
    return [(path, text) for path, found, text in blocks if found == language]


def find_commands(program: str) -> list[str]:
    """Every shell line of the documents that calls this program, without its folder."""
    lines = [line.partition("#")[0].strip() for _document, text in find_blocks("sh") for line in text.splitlines()]
    return [
        line.removeprefix(".venv/bin/") for line in lines if line.removeprefix(".venv/bin/").startswith(f"{program} ")
    ]


@pytest.fixture(scope="module")
def command() -> Any:
    return typer.main.get_command(build_app())


def _list_commands(group: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every command with its whole name, those of groups too."""
    for name, found in group.commands.items():
        if hasattr(found, "commands"):
            yield from _list_commands(found, f"{before}{name} ")
        else:
            yield f"{before}{name}", found


@pytest.mark.parametrize("line", find_commands("noriba"))
def test_every_noriba_line_in_the_documents_names_a_command_and_its_options(line: str, command: Any) -> None:
    words = shlex.split(line)
    commands = dict(_list_commands(command))
    found = commands.get(" ".join(words[1:3])) or commands[words[1]]
    known = {option for parameter in found.params for option in parameter.opts + parameter.secondary_opts}
    assert {word for word in words[2:] if word.startswith("--")} <= known


@pytest.mark.parametrize("line", find_commands("make"))
def test_every_make_line_in_the_documents_names_a_target(line: str) -> None:
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert shlex.split(line)[1] in targets


def test_every_command_is_documented(command: Any) -> None:
    text = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    assert [name for name, _found in _list_commands(command) if f"`noriba {name}" not in text] == []


def test_every_command_takes_json_and_explains_every_option(command: Any) -> None:
    for name, found in _list_commands(command):
        assert "--json" in {option for parameter in found.params for option in parameter.opts}, name
        assert found.help, name
        silent = [p.name for p in found.params if not p.hidden and not getattr(p, "help", None)]
        assert silent == [], f"{name}: {silent}"


def test_every_setting_in_the_documents_exists() -> None:
    texts = [path.read_text(encoding="utf-8") for path in DOCUMENTS if path.name != "CHANGELOG.md"]
    named = {name for text in texts for name in re.findall(r"`(\w+) = [^`]*`", text)}
    assert named >= {"keep_data", "container_engine"}
    assert named <= Settings.model_fields.keys()


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [
        *project["project"]["dependencies"],
        *(item for extra in project["project"]["optional-dependencies"].values() for item in extra),
        *project["dependency-groups"]["dev"],
    ]
    names = {re.split(r"[\[<>=!~ ]", requirement)[0] for requirement in wanted}
    documented = set(re.findall(r"[\w-]+", (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")))
    assert sorted(names - documented) == []


def test_locks_name_no_host() -> None:
    locks = ("requirements.lock", "containers/model/requirements.lock", "tests/infra/personas/package-lock.json")
    for lock in locks:
        assert "://" not in (ROOT / lock).read_text(encoding="utf-8")


@pytest.mark.parametrize(("document", "text"), find_blocks("json"))
def test_json_in_the_documents_is_json(document: Path, text: str) -> None:
    assert json.loads(text), document


def test_the_examples_of_the_api_are_requests_that_it_takes() -> None:
    examples = [text for _document, text in find_blocks("http")]
    request = next(line for line in examples[0].splitlines() if line.startswith("{"))
    assert parse_body(load_use_case("taxi_eta").request, request)
    outcome, explanation = (text for document, text in find_blocks("json") if document.name == "api.md")
    assert parse_body(OutcomeRequest, outcome)
    for one in PredictionExplanation.model_validate_json(explanation).features:
        said = Contribution(column=one.feature, value=one.value, amount=one.amount)
        assert one.text == say_contribution(load_use_case("taxi_eta"), said)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_between_files_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_both_readmes_give_the_same_commands() -> None:
    blocks = {name: FENCE.findall((ROOT / name).read_text(encoding="utf-8")) for name in ("README.md", "README.ja.md")}
    assert blocks["README.md"] == blocks["README.ja.md"]


def list_modules() -> list[str]:
    return [module.name for module in pkgutil.walk_packages(noriba.__path__, "noriba.")]


@pytest.mark.parametrize("name", list_modules())
def test_examples_in_docstrings_are_true(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__, "a module says what it is for"
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("name", list_modules())
def test_public_functions_and_classes_say_what_they_do(name: str) -> None:
    module = importlib.import_module(name)
    own = [value for value in vars(module).values() if getattr(value, "__module__", None) == name]
    silent = [v.__name__ for v in own if inspect.isfunction(v) or inspect.isclass(v) if not v.__doc__]
    assert [name for name in silent if not name.startswith("_")] == []


def test_what_a_deployment_under_a_former_name_may_find_is_named_with_the_command_that_removes_it() -> None:
    page = (ROOT / "docs/aws.md").read_text(encoding="utf-8")
    group = f"/aws/sagemaker/Endpoints/{name_endpoint('taxi_eta', prefix='noriba')}"

    assert f"aws logs delete-log-group --log-group-name {group}" in page


def test_a_cleaning_that_takes_away_what_going_back_needs_is_warned_of_where_going_back_is_told() -> None:
    page = (ROOT / "docs/aws.md").read_text(encoding="utf-8")
    [chapter] = re.findall(r"^## 9\. Going back\n(.*?)^## ", page, re.DOTALL | re.MULTILINE)

    assert "`cdk gc`" in chapter
    assert "`noriba rollback`" in chapter


def test_the_table_of_canonical_trips_is_the_schema() -> None:
    text = (ROOT / "docs/data.md").read_text(encoding="utf-8")
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in text.splitlines() if "| `" in line]

    assert [row[0] for row in rows] == list(Trip.model_fields)
    assert Trip.model_validate_strings({row[0]: row[-1] for row in rows})
    assert [row[0] for row in rows if row[1] == "yes"] == [
        name for name, field in Trip.model_fields.items() if field.is_required()
    ]
    low, high = RAIN_MM_PER_H
    assert f"{low:.0f} to {high:.0f}; empty" in rows[-1][3]


def test_the_example_of_canonical_trips_is_read_whole() -> None:
    [text] = (text for path, text in find_blocks("csv") if path.name == "data.md")
    file, size = io.BytesIO(text.encode()), len(text)
    plan = plan_file(file, size=size)
    use_case = load_use_case("taxi_eta")
    source = choose_source(load_sources(use_case), plan.header)

    chunk = transform_chunk(read_chunk(file, plan, plan.chunks[0]), source, use_case, object_key="taxi_eta/a.csv")

    assert source.name == "canonical trips"
    assert (chunk.rows_kept, chunk.rows_quarantined, chunk.reasons) == (2, 0, {})
