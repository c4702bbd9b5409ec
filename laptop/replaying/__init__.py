"""Recorded rides, asked again in their order and reported when they ended, while the loop goes on by itself.

`timelines` lets time pass, `apps` asks and reports, `journal` remembers, `frozen_model` answers beside, and `run` joins
them.
"""
