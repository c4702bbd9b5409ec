"""What `cdk` runs; see cdk.json."""

from infra.application import build_app

build_app().synth()
