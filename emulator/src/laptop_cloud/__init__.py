"""A laptop cloud: AWS as one local process, so that an unchanged CDK application runs without an account."""

__version__ = "0.1.0"
