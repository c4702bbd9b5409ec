"""The `noriba` command: what people do with a deployment, on AWS or wherever the environment points."""

import sys

_EXTRA = {"boto3", "botocore", "rich", "typer"}


def main() -> None:
    """Run the command, or say what it lacks: the library alone installs no more than a function needs."""
    try:
        from noriba.cli.main import main as run  # noqa: PLC0415
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        sys.exit("the noriba command needs its extra: pip install 'noriba[cli]'")
    run()
