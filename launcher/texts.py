"""`make messages`: adds new texts of the code to the catalog in locale/, and removes none.

makemessages alone would drop entries that override Django's own translations, and reorder all
entries, so that branches could not be merged."""

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
    catalog = polib.pofile(str(CATALOG), wrapwidth=WIDTH)
    missing = add_new(catalog, collected)
    catalog.save()
    for text in missing:
        print(f"not translated yet: {text}")  # noqa: T201
    subprocess.run([*manage, "compilemessages", "--ignore", ".venv*"], check=True)  # noqa: S603
    return 0


def add_new(catalog: polib.POFile, collected: polib.POFile) -> list[str]:
    """Add new entries of `collected` to `catalog` and sort it; returns the untranslated texts."""
    existing = {(entry.msgctxt, entry.msgid) for entry in catalog}
    for entry in collected:
        if not entry.obsolete and (entry.msgctxt, entry.msgid) not in existing:
            # gettext's guess from a similar text is dropped: it would be shown as it is.
            guessed = "fuzzy" in entry.flags
            catalog.append(
                polib.POEntry(
                    msgctxt=entry.msgctxt,
                    msgid=entry.msgid,
                    msgid_plural=entry.msgid_plural,
                    msgstr="" if guessed else entry.msgstr,
                    msgstr_plural={0: ""} if entry.msgid_plural else {},
                    flags=[flag for flag in entry.flags if flag != "fuzzy"],
                )
            )
    catalog.sort(key=lambda entry: (entry.msgid, entry.msgctxt or ""))
    return [entry.msgid for entry in catalog if not entry.translated()]


if __name__ == "__main__":
    sys.exit(main())
