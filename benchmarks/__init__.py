"""The measured claims, each beside its named peer, in one run."""
