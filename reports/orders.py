"""A selection in JSON form, for files that a worker makes later."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from reports.definitions import EXPORTS
from reports.enums import Encoding, Headers, Packing, Zone
from reports.selection import Form, Selection, select
from staff.models import User


def order_of(selection: Selection, form: Form) -> dict[str, Any]:
    return {
        "first": selection.first and selection.first.isoformat(),
        "last": selection.last and selection.last.isoformat(),
        "region": selection.region,
        "cohort": selection.cohort,
        "columns": [column.name for column in selection.columns],
        "recipient": selection.recipient,
        "since": selection.since and selection.since.isoformat(),
        "encoding": form.encoding.value,
        "zone": form.zone.value,
        "headers": form.headers.value,
        "packing": form.packing.value,
    }


def selection_of(export: str, order: Mapping[str, Any], user: User | None) -> Selection:
    """The selection of an order, checked anew; raises BadSelection."""
    definition = EXPORTS[export]
    return select(
        definition,
        user=user,
        first=order["first"] and date.fromisoformat(order["first"]),
        last=order["last"] and date.fromisoformat(order["last"]),
        since=order["since"] and datetime.fromisoformat(order["since"]),
        region=order["region"],
        cohort=order["cohort"],
        columns=order["columns"],
        people=definition.names_people(order["columns"]),
        recipient=order["recipient"],
    )


def form_of(order: Mapping[str, Any]) -> Form:
    return Form(
        encoding=Encoding(order["encoding"]),
        zone=Zone(order["zone"]),
        headers=Headers(order["headers"]),
        packing=Packing(order["packing"]),
    )
