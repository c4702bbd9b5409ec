"""An object that is written again and again is written down once each time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from emulator.tests.conftest import Clients


def test_versions_are_all_there_and_not_written_down_with_each_other(
    client: Clients, cloud_state: Path, name: str
) -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    versions = [s3.put_object(Bucket=name, Key="a", Body=b"%d" % number)["VersionId"] for number in range(5)]
    s3.delete_object(Bucket=name, Key="a", VersionId=versions.pop())

    for number, version in enumerate(versions):
        assert s3.get_object(Bucket=name, Key="a", VersionId=version)["Body"].read() == b"%d" % number
    listed = s3.list_object_versions(Bucket=name)["Versions"]
    assert [one["VersionId"] for one in listed] == versions[::-1]
    [written] = cloud_state.glob(f"s3/*/{name}/a.meta.json")
    assert "versions" not in json.loads(written.read_text())
