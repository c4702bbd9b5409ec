"""What the package index would give: each wheel in an environment of its own, far from this checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from uv import find_uv_bin

ROOT = Path(__file__).parents[1]
ELSEWHERE = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=cwd, env=ELSEWHERE, capture_output=True, text=True, check=False, timeout=180)


def uv(*words: str, cwd: Path) -> None:
    done = run(find_uv_bin(), *words, cwd=cwd)
    assert done.returncode == 0, done.stderr


def build(project: Path, folder: Path) -> Path:
    uv("build", "--quiet", "--wheel", "--out-dir", str(folder), str(project), cwd=folder)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel: Path, folder: Path, *, extra: str = "") -> Path:
    """A new environment with a wheel and what it asks for, as the lock has it; its programs."""
    uv("venv", "--quiet", "--python", sys.executable, str(folder / "venv"), cwd=folder)
    programs = folder / "venv/bin"
    to = ("--python", str(programs / "python"), "--constraints", str(ROOT / "requirements.lock"))
    uv("pip", "install", "--quiet", *to, f"{wheel}{extra}", cwd=folder)
    return programs


@pytest.fixture(scope="module")
def noriba(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("noriba"))


@pytest.fixture(scope="module")
def laptop_cloud(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT / "emulator", tmp_path_factory.mktemp("laptop_cloud"))


def test_each_wheel_holds_its_one_package_typed(noriba: Path, laptop_cloud: Path) -> None:
    for wheel, package in ((noriba, "noriba"), (laptop_cloud, "laptop_cloud")):
        names = zipfile.ZipFile(wheel).namelist()
        assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {package}
        assert f"{package}/py.typed" in names


def test_the_command_runs_where_nothing_else_of_this_checkout_is(noriba: Path, tmp_path: Path) -> None:
    programs = install(noriba, tmp_path, extra="[cli]")

    done = run(str(programs / "noriba"), "--help", cwd=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "approve" in done.stdout
    # Those of a checkout, which has templates to deploy.
    assert "demo" not in done.stdout


def test_the_library_alone_says_in_one_line_what_its_command_lacks(noriba: Path, tmp_path: Path) -> None:
    programs = install(noriba, tmp_path)

    done = run(str(programs / "noriba"), "--help", cwd=tmp_path)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "the noriba command needs its extra: pip install 'noriba[cli]'\n"


def test_the_laptop_cloud_serves_whoever_has_never_heard_of_noriba(laptop_cloud: Path, tmp_path: Path) -> None:
    programs = install(laptop_cloud, tmp_path)
    command = str(programs / "laptop-cloud")
    try:
        up = run(command, "up", cwd=tmp_path)
        assert up.returncode == 0, up.stderr
        env = run(command, "env", cwd=tmp_path)
        assert "export AWS_ENDPOINT_URL=http://127.0.0.1:" in env.stdout
        (tmp_path / "ask.py").write_text(
            "import boto3; print(boto3.client('s3').create_bucket(Bucket='mine')['Location'])"
        )
        ask = f'eval "$({command} env)"; {programs / "python"} ask.py'
        asked = run("sh", "-c", ask, cwd=tmp_path)
        assert asked.stdout.strip() == "/mine", asked.stderr
    finally:
        down = run(command, "down", cwd=tmp_path)
    assert down.stderr == "stopped\n"
    assert run(command, "status", cwd=tmp_path).stderr.startswith("no cloud is running in .laptop-cloud; start one:")
