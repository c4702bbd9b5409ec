# noqa: INP001 -- a folder for a path, no package
"""First on a program's path: what its image does not have cannot be imported here either, and time is the cloud's.

https://docs.python.org/3/library/site.html (it is imported at every start)
https://docs.python.org/3/library/sys.html#sys.modules (None: an import fails)
"""

import importlib.util
import os
import sys
from pathlib import Path

_used = set()
if _clock := os.environ.get("LAPTOP_CLOUD_CLOCK"):
    _path = Path(__file__).parents[2] / "shared_clock.py"
    _spec = importlib.util.spec_from_file_location("_laptop_cloud_clock", _path)
    _module = sys.modules["_laptop_cloud_clock"] = importlib.util.module_from_spec(_spec)  # type: ignore[arg-type]  # it is there
    _spec.loader.exec_module(_module)  # type: ignore[union-attr]  # as above
    _module.enter(_clock)
    _used = set(_module.LIBRARIES)

for _name in filter(None, os.environ.get("LAPTOP_CLOUD_ABSENT", "").split(",")):
    if _name not in _used:
        sys.modules[_name] = None  # type: ignore[assignment]  # that is how
