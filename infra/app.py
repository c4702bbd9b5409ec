"""What `cdk` runs; see cdk.json.

NORIBA_SETTINGS names another file of settings, or none when it is empty; `-c topology=FILE` an organisation, and with
`-c delivery=pipeline` or `delivery=github` how changes reach its accounts.
"""

import json
import os
import sys
from pathlib import Path

from infra.application import ROOT, build_app
from infra.settings_file import SettingsError
from infra.topology import DELIVERY, TopologyError

named = os.environ.get("NORIBA_SETTINGS")
name = "noriba.toml" if named is None else named
file = Path(ROOT, name) if name else None
# With a name that was mistyped, the defaults would be deployed over another deployment.
if named and file is not None and not file.exists():
    sys.exit(f"\nNoriba's settings:\nNORIBA_SETTINGS names {named}, and there is no file {file}\n")
try:
    # Where `cdk` puts what `-c` gave.
    if DELIVERY in json.loads(os.environ.get("CDK_CONTEXT_JSON", "{}")):
        # Of what this imports, the loop needs nothing.
        from infra.delivery.application import build_delivery

        build_delivery().synth()
    else:
        build_app(settings_file=file).synth()
except SettingsError as error:
    sys.exit(f"\nNoriba's settings:\n{error}\n")
except TopologyError as error:
    sys.exit(f"\nNoriba's topology:\n{error}\n")
