# noqa: INP001 -- a folder for a path, no package
"""First on a program's path: what its image does not have cannot be imported here either.

https://docs.python.org/3/library/site.html (it is imported at every start)
https://docs.python.org/3/library/sys.html#sys.modules (None: an import fails)
"""

import os
import sys

for _name in filter(None, os.environ.get("LAPTOP_CLOUD_ABSENT", "").split(",")):
    sys.modules[_name] = None  # type: ignore[assignment]  # that is how
