"""Collecting the texts to translate loses none of those that are there."""

import polib

from launcher.texts import add_new


def catalog(*entries: polib.POEntry) -> polib.POFile:
    found = polib.POFile()
    found.extend(entries)
    return found


def test_new_texts_are_added_in_order_and_nothing_is_lost_or_guessed() -> None:
    known = catalog(
        polib.POEntry(msgid="b", msgstr="비"),
        polib.POEntry(msgid="better than Django's", msgstr="더 낫게"),
    )
    collected = catalog(
        polib.POEntry(msgid="c", msgstr="비", flags=["fuzzy", "python-format"]),
        polib.POEntry(msgid="a %(n)s", msgid_plural="as", msgstr_plural={0: ""}),
        polib.POEntry(msgid="b", msgstr=""),
        polib.POEntry(msgid="gone", msgstr="옛것", obsolete=True),
    )

    untranslated = add_new(known, collected)

    assert untranslated == ["a %(n)s", "c"]
    assert [(entry.msgid, entry.msgstr) for entry in known] == [
        ("a %(n)s", ""),
        ("b", "비"),
        ("better than Django's", "더 낫게"),
        ("c", ""),
    ]
    assert known[3].flags == ["python-format"]
