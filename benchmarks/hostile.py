"""Hostile files: what one of them can take of a function, each read in a process of its own; there is no peer.

Peaks are of the whole process, in MiB, with what it holds before it reads anything beside them.
"""

from __future__ import annotations

import io
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from benchmarks.landing import land

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_HEADER = "pickup_at,dropoff_at,origin_zone,destination_zone,time_zone\n"
_ROW = "2026-01-05T12:00:00-05:00,2026-01-05T12:15:00-05:00,74,161"
