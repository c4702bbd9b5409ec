"""Challengers made of the champion: registered by the calls that the registrar makes, and approved beforehand.

Approved as they are registered, for only a *change* to `Approved` starts a rollout: these are begun by hand, with a
plan of seconds.
"""

from __future__ import annotations

import json
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from laptop.faults.artifacts import pack, unpack
from noriba.aws.live_models import FeatureArchive
from noriba.aws.objects import ObjectStore, split_uri
from noriba.records.approvals import APPROVED
from noriba.records.artifacts import FEATURES_FILE, ModelArtifact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from noriba.client import ModelPackage, Session

_SERVER = Path(__file__).parent / "faulty_server.py"
_SERVE = """#!/usr/bin/env -S OMP_WAIT_POLICY=passive python3
from faulty_server import serve

if __name__ == "__main__":
    serve("{kind}")
"""


@dataclass(frozen=True)
class Workshop:
    """Where challengers are made.

    Attributes:
        session: the deployment.
        champion: what they are made of.
        assembly: the CDK assembly that the laptop cloud finds images in.
    """

    session: Session
    champion: ModelPackage
    assembly: Path

    def read_champion(self) -> dict[str, bytes]:
        """The files of the champion's bundle."""
        bucket, key = split_uri(self.champion.model_data_uri)
        return unpack(ObjectStore(self.session.at("registry").s3, bucket).read(key))

    def register(self, name: str, files: Mapping[str, bytes], *, image_uri: str | None = None) -> ModelPackage:
        """Register a bundle, with the champion's evidence, as an approved version.

        Args:
            name: of the challenger; its artifact's key is made of it.
            files: the bundle.
            image_uri: of its container; the champion's when left out.
        """
        sagemaker = self.session.at("registry").sagemaker
        bucket, _key = split_uri(self.champion.model_data_uri)
        models = ObjectStore(self.session.at("registry").s3, bucket)
        artifact = pack(files)
        key = f"{self.session.use_case_name}/faults/{name}/model.tar.gz"
        models.write(key, artifact)
        model_data_uri = models.uri(key)
        FeatureArchive(models).keep(files[FEATURES_FILE])
        known = sagemaker.describe_model_package(ModelPackageName=self.champion.arn)
        specification = known["InferenceSpecification"]
        image_uri = image_uri or self.champion.image_uri
        made = sagemaker.create_model_package(
            ModelPackageGroupName=self.champion.group,
            ModelPackageDescription=f"the champion, changed: {name}",
            ModelApprovalStatus=APPROVED,
            InferenceSpecification={
                "Containers": [{"Image": image_uri, "ModelDataUrl": model_data_uri}],
                "SupportedContentTypes": specification["SupportedContentTypes"],
                "SupportedResponseMIMETypes": specification["SupportedResponseMIMETypes"],
            },
            CustomerMetadataProperties=known["CustomerMetadataProperties"],
        )
        arn = made["ModelPackageArn"]
        self.session.ledger.record_registration(
            arn, image_uri=image_uri, model_data_uri=model_data_uri, sha256=ModelArtifact(artifact).sha256
        )
        return self.session.registry.describe(arn)

    def build_image(self, kind: str) -> str:
        """The URI of the champion's image with broken serving code in it.

        Args:
            kind: a class of `faulty_server`.
        """
        repository, _, tag = self.champion.image_uri.rpartition(":")
        asset = self._find_asset(tag)
        folder = self.assembly / f"faulty.{kind}"
        shutil.copytree(self.assembly / asset["directory"], folder, dirs_exist_ok=True)
        programs = (folder / asset["dockerFile"]).parent
        shutil.copy(_SERVER, programs)
        serve = programs / "serve"
        serve.write_text(_SERVE.format(kind=kind), encoding="utf-8")
        serve.chmod(serve.stat().st_mode | stat.S_IXUSR)
        faulty = f"faulty-{kind.lower()}"
        source = {"directory": folder.name, "dockerFile": asset["dockerFile"]}
        place = {"repositoryName": repository.rpartition("/")[2], "imageTag": faulty}
        images = {faulty: {"source": source, "destinations": {"here": place}}}
        (self.assembly / f"{faulty}.assets.json").write_text(json.dumps({"dockerImages": images}), encoding="utf-8")
        return f"{repository}:{faulty}"

    def _find_asset(self, tag: str) -> dict[str, str]:
        for manifest in self.assembly.glob("*.assets.json"):
            for asset in json.loads(manifest.read_text(encoding="utf-8")).get("dockerImages", {}).values():
                if tag in {place["imageTag"] for place in asset["destinations"].values()}:
                    source: dict[str, str] = asset["source"]
                    return {"dockerFile": "Dockerfile", **source}
        raise LookupError(f"no image of {self.assembly} has the tag {tag}")
