"""An environment: a whole loop in an account of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from aws_cdk import App, Stage

from infra.application import ROOT, add_loop
from infra.delivery.asker import AskerStack
from infra.delivery.checkout import name_in_repository
from infra.packages import Packages
from infra.places import OneAccount
from infra.settings_file import read_settings
from infra.topology import TopologyError
from noriba.usecase import load_use_case

if TYPE_CHECKING:
    from collections.abc import Sequence

    from constructs import Construct

    from infra.delivery.scope import Scope
    from infra.topology import Delivery

STAGING, PRODUCTION = "staging", "production"


def find_settings(delivery: Delivery, name: str) -> Path | None:
    """The file of an environment's settings; None: the defaults.

    Raises:
        TopologyError: the repository has no such file.
    """
    file = delivery.targets[name].settings
    if file is None:
        return None
    found = name_in_repository(Path(file))
    if found is None:
        raise TopologyError(
            f"delivery.{name}.settings: there is no file {file} in the repository; copy noriba.example.toml to it and "
            "commit it, under a name that .gitignore does not list: a pipeline knows nothing else"
        )
    return ROOT / found


class LoopStage(Stage):
    """The stacks of the loop for one environment, under the names that they have everywhere.

    The stage has no name, which would become the first part of theirs: `noriba` finds stacks by the prefix alone.

    Attributes:
        name: such as `staging`.
        settings: those of the environment.
    """

    def __init__(self, scope: Construct, name: str, *, shared: Scope, use_cases: Sequence[str]) -> None:
        target = shared.delivery.targets[name]
        super().__init__(scope, name.capitalize(), stage_name="", env=shared.find_environment(target.account))
        self.name = name
        self.settings = read_settings(self.node, find_settings(shared.delivery, name))
        scope_of_loop = cast("App", self)
        places = OneAccount(scope_of_loop, settings=self.settings, packages=Packages(ROOT, ROOT / ".build"))
        add_loop(scope_of_loop, places, [load_use_case(name) for name in use_cases])
        if name == STAGING:
            AskerStack(self, f"{self.settings.prefix}-integration", shared=shared, prefix=self.settings.prefix)
