"""What `cdk` runs; see cdk.json. NORIBA_SETTINGS names another file of settings, or none when it is empty."""

import os
import sys
from pathlib import Path

from infra.application import ROOT, build_app
from infra.settings_file import SettingsError

name = os.environ.get("NORIBA_SETTINGS", "noriba.toml")
try:
    build_app(settings_file=Path(ROOT, name) if name else None).synth()
except SettingsError as error:
    sys.exit(f"\nNoriba's settings:\n{error}\n")
