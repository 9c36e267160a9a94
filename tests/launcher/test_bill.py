import json
import re

from launcher import bill


def test_the_bill_names_what_is_locked() -> None:
    lines = [line for line in bill.LOCK.read_text().splitlines() if re.match(r"\w", line)]

    made = json.loads(bill.BILL.read_text(encoding="utf-8"))

    assert made == bill.bill()
    assert len(made["components"]) == len(lines)
    assert all(part["externalReferences"][0]["hashes"] for part in made["components"])


def test_every_package_has_its_licence() -> None:
    rows = bill.LICENCES.read_text(encoding="utf-8").splitlines()[6:]
    found = [tuple(cell.strip() for cell in row.strip("|").split("|")) for row in rows]

    assert [row[:2] for row in found] == [(name, version) for name, version, _h in bill.locked()]
    assert not any(row[2] in ("", "not stated") for row in found)
