"""The public log in the formats of C2SP, so that strangers' tools can read and check it.

signed-note, tlog-checkpoint, tlog-tiles, tlog-cosignature, tlog-witness, tlog-proof and tlog-policy
are specified at c2sp.org. The entries are the page records of docs/line-log.md; no hash differs
from the log's own. Pure: nothing here knows the database.
"""
