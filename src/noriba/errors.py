"""The project's own exceptions: raised where the fact is known, mapped to HTTP or to a failed state at the edge.

The class name is part of a contract: Step Functions reports a failed Lambda function by it, and state machines
catch it. Messages say what was wrong, which field or row, and what to do; they never hold a rider's data.
"""


class NoribaError(Exception):
    """Base of every error that Noriba raises on purpose."""


class FeatureDefinitionError(NoribaError):
    """A feature set that cannot be computed: a duplicate, a cycle, or an input that nothing provides."""


class FeatureMismatchError(NoribaError):
    """Columns that are not those a model was trained on."""


class UnknownUseCaseError(NoribaError):
    """No use case of that name is installed."""


class UseCaseError(NoribaError):
    """A use case is declared in a way that cannot work; the message names the field and the remedy."""


class RefusedObjectError(NoribaError):
    """A landed object that cannot be read as a whole; its rows were not looked at."""


class NotEnoughDataError(NoribaError):
    """Too few rows to train, calibrate and evaluate a model."""


class CorruptSnapshotError(NoribaError):
    """A snapshot whose parts are missing or are not those its manifest pinned."""


class CorruptBundleError(NoribaError):
    """A model bundle whose files are missing or are not those it was sealed with."""
