"""What the ledger keeps of models that functions answer with, where no endpoint of SageMaker's runs.

Words and rules are those of SageMaker's endpoints: variants with weights, a shadow beside one, and a configuration's
name, so that a rollout, and whoever looks at production, need not know which of the two there is.
"""

from __future__ import annotations

from itertools import accumulate

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

SETTLED_S = 10.0
"""How long a function believes what it has read; so much later, all have heard of a change."""


class HostedModel(BaseModel):
    """A registered model.

    Attributes:
        package_arn: its package.
        model_data_uri: its artifact.
        sha256: of the artifact, as it was registered.
    """

    model_config = ConfigDict(frozen=True)

    package_arn: str
    model_data_uri: str
    sha256: str


class NamedVariant(BaseModel):
    """A variant as a configuration has it: its name, that of its model, and its weight when it begins."""

    model_config = ConfigDict(frozen=True)

    name: str
    model_name: str
    weight: float = Field(default=1.0, ge=0)


class HostedVariant(NamedVariant):
    """A variant that answers, with its model."""

    model: HostedModel


class HostedConfiguration(BaseModel):
    """Variants that are to answer, and who gets copies.

    Attributes:
        variants: the champion first.
        shadows: at most one, beside one variant.
        capture_percent: of the requests that are kept, with their answers.
    """

    model_config = ConfigDict(frozen=True)

    variants: tuple[NamedVariant, ...] = Field(min_length=1)
    shadows: tuple[NamedVariant, ...] = Field(default=(), max_length=1)
    capture_percent: float = Field(default=0, ge=0, le=100)


class HostedEndpoint(BaseModel):
    """What answers under an endpoint's name.

    Attributes:
        config: the configuration's name.
        variants: see `HostedConfiguration`.
        shadow: gets a copy of every request; nobody hears its answers.
        capture_percent: see `HostedConfiguration`.
        changed_at: when it was changed last.
    """

    model_config = ConfigDict(frozen=True)

    config: str
    variants: tuple[HostedVariant, ...] = Field(min_length=1)
    shadow: HostedVariant | None = None
    capture_percent: float = 0
    changed_at: AwareDatetime

    def find(self, name: str) -> HostedVariant | None:
        """The variant of that name."""
        return next((variant for variant in self.variants if variant.name == name), None)

    def choose(self, draw: float) -> HostedVariant:
        """The variant that answers a request: each as often as its weight says.

        Args:
            draw: evenly from [0, 1).
        """
        total = sum(variant.weight for variant in self.variants)
        bounds = accumulate(variant.weight for variant in self.variants)
        fitting = (variant for variant, bound in zip(self.variants, bounds, strict=True) if draw * total < bound)
        # Weights of nothing but zero choose nobody; the champion is first.
        return next(fitting, self.variants[0])
