"""The measured claims, each beside its named peer, in one run."""

import os

# Before LightGBM is imported: threads that wait by spinning take the processor from those that work.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
