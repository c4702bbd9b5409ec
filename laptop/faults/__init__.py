"""Rollouts that go wrong on purpose: bad challengers made of the champion, and what befalls good ones on the way."""
