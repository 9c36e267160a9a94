"""Who may do what in the admin. Which rows they see is staff.scoping's part."""

from staff.enums import Role

_VIEW, _ADD, _CHANGE = "view", "add", "change"
# Beyond Django's own: downloads with a reason, booking for others, and sending failed messages
# again.
_EXPORT, _BOOK, _RETRY = "export", "book", "retry"
_PERMISSIONS: dict[str, dict[str, list[str]]] = {
    Role.CLINIC: {
        "booking.clinic": [_VIEW],
        "booking.slot": [_VIEW, _ADD, _CHANGE],
        "booking.reservation": [_VIEW, _CHANGE, _EXPORT, _BOOK],
        "booking.vaccine": [_VIEW],
        "booking.stock": [_VIEW, _ADD, _CHANGE],
        "booking.listentry": [_VIEW, _ADD, _CHANGE],
        "booking.outsidedose": [_VIEW, _ADD, _CHANGE],
    },
    Role.LOCAL: {
        "booking.clinic": [_VIEW],
        "booking.slot": [_VIEW],
        "booking.reservation": [_VIEW, _EXPORT, _BOOK],
        "booking.listentry": [_VIEW, _ADD, _CHANGE],
        "booking.outsidedose": [_VIEW, _ADD, _CHANGE],
        "eligibility.person": [_VIEW],
        "eligibility.decision": [_VIEW],
        "waiting_room.ticket": [_VIEW],
    },
    Role.AUTHORITY: {
        "booking.clinic": [_VIEW, _ADD, _CHANGE],
        "booking.vaccine": [_VIEW, _ADD, _CHANGE],
        "booking.slot": [_VIEW, _ADD, _CHANGE],
        "booking.reservation": [_VIEW, _EXPORT],
        "booking.stock": [_VIEW],
        "booking.listentry": [_VIEW],
        "booking.outsidedose": [_VIEW, _ADD, _CHANGE],
        "eligibility.cohort": [_VIEW, _ADD, _CHANGE],
        "eligibility.cohortchange": [_VIEW, _ADD, _CHANGE],
        "eligibility.person": [_VIEW],
        "eligibility.decision": [_VIEW],
        "eligibility.review": [_VIEW, _CHANGE],
        "eligibility.rosterupload": [_VIEW, _ADD],
        "eligibility.correction": [_VIEW, _CHANGE],
        "waiting_room.room": [_VIEW, _CHANGE],
        "waiting_room.ticket": [_VIEW],
        "staff.access": [_VIEW],
    },
    Role.OPERATOR: {
        "waiting_room.room": [_VIEW, _CHANGE],
        "eligibility.cohort": [_VIEW],
        "booking.clinic": [_VIEW],
        "booking.slot": [_VIEW],
        "messaging.message": [_VIEW, _RETRY],
        "staff.user": [_VIEW, _ADD, _CHANGE],
        "staff.access": [_VIEW],
        "django_rq.dashboard": [_VIEW, _CHANGE],
    },
}


def allowed_to(role: str) -> set[str]:
    """All permissions of a role, as Django writes them: `booking.view_slot`."""
    return {
        f"{label}.{act}_{model}"
        for dotted, acts in _PERMISSIONS.get(role, {}).items()
        for label, model in [dotted.split(".")]
        for act in acts
    }


def allowed(role: str, perm: str) -> bool:
    return perm in allowed_to(role)
