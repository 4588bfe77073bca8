"""Prints what Gajim has in its archive, as JSON: a list of {"jid", "kind", "message"}, oldest first.

Arguments: the configuration folder.
"""

import json
import pathlib
import sqlite3
import sys

# gajim.common.const.KindConstant
KINDS = {4: "received", 6: "sent"}

file = pathlib.Path(sys.argv[1], "logs.db")
rows = []
if file.exists():
    connection = sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)
    rows = connection.execute("SELECT jid, kind, message FROM logs JOIN jids USING (jid_id) ORDER BY log_line_id")
print(json.dumps([{"jid": jid, "kind": KINDS.get(kind, str(kind)), "message": text} for jid, kind, text in rows]))
