"""Whoever writes against SageMaker with AWS's own Python SDK can do so here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from emulator.tests.sagemaker.conftest import ROLE, pack

if TYPE_CHECKING:
    from collections.abc import Callable

    from laptop_cloud.process import RunningCloud

WALK = Path(__file__).with_name("sdk_core_walk.py")


def test_the_sdk_trains_deploys_asks_replaces_and_removes(
    cloud: RunningCloud, image: str, bucket: str, put: Callable[[str, bytes], str], name: str, tmp_path: Path
) -> None:
    models = [put(f"artifacts/{name}-{model}.tar.gz", pack({"name": model})) for model in ("first", "second")]
    words = (name, image, ROLE, bucket, *models)
    # What it keeps of its own stands in the user's folder.
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **cloud.environment}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", WALK, *words], env=environment, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout.splitlines()[-1])
    assert seen["trained"]["status"] == "Completed"
    assert seen["trained"]["artifacts"].endswith(f"{name}/output/model.tar.gz")
    assert (seen["answered"], seen["left"]) == (["first", "second"], [])
