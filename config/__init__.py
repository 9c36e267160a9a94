import sys
from pathlib import Path

# queue/ is a folder, not a package: the app inside it imports as waiting_room.
_QUEUE = str(Path(__file__).resolve().parent.parent / "queue")
if _QUEUE not in sys.path:
    sys.path.append(_QUEUE)
