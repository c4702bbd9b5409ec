"""The laptop cloud: AWS as one local process, so that the synthesized templates run unchanged without an account."""
