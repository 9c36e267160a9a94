"""`make messages`: add the texts that the code asks for to locale/, and lose none.

makemessages alone would drop the texts of Django's own that are said better here, and put every
entry in another order, so that two branches could never be merged."""

import subprocess
import sys
from pathlib import Path

import polib

CATALOG = Path("locale/ko/LC_MESSAGES/django.po")
WIDTH = 100


def main() -> int:
    before = CATALOG.read_bytes()
    manage = [sys.executable, "manage.py"]
    collect = ["makemessages", "--locale", "ko", "--ignore", ".venv*", "--ignore", "var*"]
    try:
        subprocess.run([*manage, *collect], check=True)  # noqa: S603
        collected = polib.pofile(str(CATALOG))
    finally:
        CATALOG.write_bytes(before)
    known = polib.pofile(str(CATALOG), wrapwidth=WIDTH)
    missing = add_new(known, collected)
    known.save()
    for text in missing:
        print(f"not translated yet: {text}")  # noqa: T201
    subprocess.run([*manage, "compilemessages", "--ignore", ".venv*"], check=True)  # noqa: S603
    return 0


def add_new(known: polib.POFile, collected: polib.POFile) -> list[str]:
    """Put what is new into `known`, in the order of the texts; what has no translation yet."""
    there = {(entry.msgctxt, entry.msgid) for entry in known}
    for entry in collected:
        if not entry.obsolete and (entry.msgctxt, entry.msgid) not in there:
            guessed = "fuzzy" in entry.flags
            known.append(
                polib.POEntry(
                    msgctxt=entry.msgctxt,
                    msgid=entry.msgid,
                    msgid_plural=entry.msgid_plural,
                    msgstr="" if guessed else entry.msgstr,
                    msgstr_plural={0: ""} if entry.msgid_plural else {},
                    flags=[flag for flag in entry.flags if flag != "fuzzy"],
                )
            )
    known.sort(key=lambda entry: (entry.msgid, entry.msgctxt or ""))
    return [entry.msgid for entry in known if not entry.translated()]


if __name__ == "__main__":
    sys.exit(main())
