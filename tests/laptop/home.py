"""A place for a laptop cloud of a test's own, and the command as a person types it there."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from laptop.state import PROJECT_ROOT

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Home:
    """A place for a laptop cloud that is not the developer's own."""

    folder: Path

    @property
    def report(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "report.json").read_text())
        return found

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return {**kept, "PATH": f"{PROJECT_ROOT / '.venv/bin'}:{kept['PATH']}", "NORIBA_HOME": str(self.folder)}

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Begin a command, and say what it says."""
        # A shell that runs the tests in the background has them ignore Ctrl-C, and what they start would inherit that.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return subprocess.Popen(
                ["noriba", *words], env=self.environment, cwd=PROJECT_ROOT, stderr=subprocess.PIPE, text=True
            )
        finally:
            signal.signal(signal.SIGINT, before)

    def run(
        self, *words: str, program: str = "noriba", stdin: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [program, *words],
            input=stdin,
            env={**self.environment, **variables},
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )

    def read(self, *words: str) -> Any:
        """What a command answers with `--json`."""
        done = self.run(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def find_model(self, version: int) -> dict[str, Any]:
        [found] = [model for model in self.read("models") if model["version"] == version]
        return dict(found)

    def promote(self, version: int) -> None:
        """Let a version into the next stage as often as it waits, until it is the champion."""
        end = time.monotonic() + 120
        while not self.find_model(version)["champion"]:
            assert time.monotonic() < end, self.run("rollout", "status").stdout
            # Between two stages it waits for no verdict.
            self.run("rollout", "promote", "--reason", "nobody asks here")
            time.sleep(2)

    def wait_for_candidate(self, snapshot_id: str) -> dict[str, Any]:
        end = time.monotonic() + 120
        while time.monotonic() < end:
            for model in self.read("models"):
                if model["snapshot_id"] == snapshot_id:
                    return dict(model)
            time.sleep(1)
        raise AssertionError(f"no candidate of {snapshot_id}")

    def demo(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.run("demo", "--report", str(self.folder / "report.json"), *words)
