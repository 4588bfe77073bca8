"""Writes Gajim's settings with Gajim's own code, so that it starts without its wizard, and without animations.

Arguments: the configuration folder. Standard input: JSON, see settingsFor in gajim.ts.
"""

import json
import pathlib
import shutil
import sys

import gi

gi.require_versions({"Gtk": "3.0", "Gdk": "3.0"})

from gajim.common import configpaths  # noqa: E402
from gajim.common.settings import Settings  # noqa: E402

wanted = json.load(sys.stdin)
configpaths.set_config_root(sys.argv[1])
configpaths.init()
configpaths.create_paths()
# The same file that Gajim writes when a person accepts the certificate.
shutil.copy(wanted["certificate"], configpaths.get("CERT_STORE") / "accepted")

settings = Settings()
settings.init()
for setting, value in wanted["app"].items():
    settings.set_app_setting(setting, value)
if wanted["name"] not in settings.get_accounts():
    settings.add_account(wanted["name"])
for setting, value in wanted["account"].items():
    settings.set_account_setting(wanted["name"], setting, value)
settings.save()
settings.close()

gtk = pathlib.Path.home() / ".config" / "gtk-3.0"
gtk.mkdir(parents=True, exist_ok=True)
(gtk / "settings.ini").write_text("[Settings]\ngtk-enable-animations=0\ngtk-cursor-blink=0\n")
