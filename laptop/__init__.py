"""Noriba on the laptop cloud: the commands `up`, `down` and `demo` of a checkout."""
