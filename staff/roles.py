"""Permissions of each role in the admin. staff.scoping limits them to rows of clinic or region."""

from staff.enums import Role

_VIEW, _ADD, _CHANGE = "view", "add", "change"
# Acts on accounts: make a link to set a password, reset wrong tries, remove a second factor.
_LINK, _UNLOCK, _RESET = "link", "unlock", "reset"
# Grant or refuse a role that another user requested.
_DECIDE = "decide"
# Downloads with a reason, booking for other people, sending failed messages again, printing
# letters.
_EXPORT, _BOOK, _RETRY, _PRINT = "export", "book", "retry", "print"
_PERMISSIONS: dict[str, dict[str, list[str]]] = {
    Role.CLINIC: {
        "booking.clinic": [_VIEW],
        "booking.slot": [_VIEW],
        "booking.closure": [_VIEW],
        "booking.reservation": [_VIEW, _CHANGE, _BOOK],
        "booking.vaccine": [_VIEW],
        "booking.carehome": [_VIEW],
        "booking.homevisit": [_VIEW],
        "booking.stock": [_VIEW, _ADD, _CHANGE],
        "booking.listentry": [_VIEW, _ADD, _CHANGE],
        "booking.outsidedose": [_VIEW, _ADD, _CHANGE],
        "vaccination.lot": [_VIEW, _ADD, _CHANGE],
        "vaccination.dosegiven": [_VIEW, _ADD, _CHANGE],
        "vaccination.recall": [_VIEW],
    },
    Role.MANAGER: {
        "booking.clinic": [_VIEW],
        "booking.slot": [_VIEW, _ADD, _CHANGE],
        "booking.closure": [_VIEW, _ADD, _CHANGE],
        "booking.reservation": [_VIEW, _CHANGE, _BOOK],
        "booking.vaccine": [_VIEW],
        "booking.carehome": [_VIEW, _ADD, _CHANGE],
        "booking.homevisit": [_VIEW, _ADD, _CHANGE],
        "booking.stock": [_VIEW, _ADD, _CHANGE],
        "booking.listentry": [_VIEW, _ADD, _CHANGE],
        "booking.outsidedose": [_VIEW, _ADD, _CHANGE],
        "vaccination.lot": [_VIEW, _ADD, _CHANGE],
        "vaccination.dosegiven": [_VIEW, _ADD, _CHANGE],
        "vaccination.recall": [_VIEW, _ADD],
        "bulk.upload": [_VIEW, _ADD],
        "staff.user": [_VIEW, _UNLOCK],
        "reports.reservations": [_EXPORT],
        "reports.doses": [_EXPORT],
        "reports.uptake": [_EXPORT],
        "reports.capacity": [_EXPORT],
        "reports.no-shows": [_EXPORT],
        "reports.cancellation-list": [_EXPORT],
        "reports.exportfile": [_VIEW],
    },
    Role.LOCAL: {
        "booking.clinic": [_VIEW],
        "booking.slot": [_VIEW],
        "booking.closure": [_VIEW],
        "booking.reservation": [_VIEW, _BOOK],
        "booking.carehome": [_VIEW, _ADD, _CHANGE],
        "booking.homevisit": [_VIEW, _ADD, _CHANGE],
        "booking.listentry": [_VIEW, _ADD, _CHANGE],
        "booking.outsidedose": [_VIEW, _ADD, _CHANGE],
        "eligibility.person": [_VIEW],
        "eligibility.decision": [_VIEW],
        "eligibility.proxyrequest": [_VIEW, _CHANGE],
        "waiting_room.ticket": [_VIEW],
        "vaccination.dosegiven": [_VIEW],
        "events.complaint": [_VIEW],
        "reports.reservations": [_EXPORT],
        "reports.doses": [_EXPORT],
        "reports.doses-elsewhere": [_EXPORT],
        "reports.uptake": [_EXPORT],
        "reports.capacity": [_EXPORT],
        "reports.no-shows": [_EXPORT],
        "reports.cancellation-list": [_EXPORT],
        "reports.complaints": [_EXPORT],
        "reports.exportfile": [_VIEW],
        "reports.dashboard": [_VIEW],
        "messaging.message": [_PRINT],
        "bulk.upload": [_VIEW, _ADD],
    },
    Role.AUTHORITY: {
        "booking.clinic": [_VIEW, _ADD, _CHANGE],
        "booking.vaccine": [_VIEW, _ADD, _CHANGE],
        "booking.slot": [_VIEW, _ADD, _CHANGE],
        "booking.closure": [_VIEW, _ADD, _CHANGE],
        "booking.reservation": [_VIEW],
        "booking.carehome": [_VIEW, _ADD, _CHANGE],
        "booking.homevisit": [_VIEW, _ADD, _CHANGE],
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
        "eligibility.proxyrequest": [_VIEW, _CHANGE],
        "waiting_room.room": [_VIEW, _CHANGE],
        "reports.control": [_VIEW],
        "reports.evening": [_VIEW],
        "waiting_room.ticket": [_VIEW],
        "vaccination.lot": [_VIEW],
        "vaccination.dosegiven": [_VIEW],
        "vaccination.recall": [_VIEW, _ADD],
        "vaccination.questionnaire": [_VIEW, _ADD, _CHANGE],
        "events.complaint": [_VIEW],
        "bulk.upload": [_VIEW, _ADD],
        "statements.statement": [_VIEW, _ADD, _CHANGE],
        "statements.helpline": [_VIEW, _ADD, _CHANGE],
        "messaging.owntext": [_VIEW, _CHANGE],
        "staff.access": [_VIEW],
        "staff.user": [_VIEW, _LINK, _UNLOCK, _RESET],
        "staff.rolerequest": [_VIEW, _ADD, _DECIDE],
        "staff.loginfailure": [_VIEW],
        "reports.reservations": [_EXPORT],
        "reports.doses": [_EXPORT],
        "reports.doses-elsewhere": [_EXPORT],
        "reports.uptake": [_EXPORT],
        "reports.capacity": [_EXPORT],
        "reports.no-shows": [_EXPORT],
        "reports.cancellation-list": [_EXPORT],
        "reports.waiting": [_EXPORT],
        "reports.reviews": [_EXPORT],
        "reports.complaints": [_EXPORT],
        "reports.messages": [_EXPORT],
        "reports.staff-acts": [_EXPORT],
        "reports.access": [_EXPORT],
        "reports.exportfile": [_VIEW],
        "reports.dashboard": [_VIEW],
        "reports.cohortplan": [_VIEW, _ADD, _CHANGE],
        "reports.exporttoken": [_VIEW, _ADD, _CHANGE],
        "reports.exportschedule": [_VIEW, _ADD, _CHANGE],
    },
    Role.OPERATOR: {
        "waiting_room.room": [_VIEW, _CHANGE],
        "reports.control": [_VIEW, _CHANGE],
        "reports.evening": [_VIEW, _CHANGE],
        "eligibility.cohort": [_VIEW],
        "booking.clinic": [_VIEW],
        "booking.slot": [_VIEW],
        "messaging.message": [_VIEW, _RETRY],
        "staff.user": [_VIEW, _ADD, _CHANGE, _LINK, _UNLOCK, _RESET],
        "staff.access": [_VIEW],
        "staff.rolerequest": [_VIEW, _ADD],
        "staff.loginfailure": [_VIEW],
        "django_rq.dashboard": [_VIEW, _CHANGE],
        "reports.uptake": [_EXPORT],
        "reports.capacity": [_EXPORT],
        "reports.no-shows": [_EXPORT],
        "reports.waiting": [_EXPORT],
        "reports.messages": [_EXPORT],
        "reports.staff-acts": [_EXPORT],
        "reports.access": [_EXPORT],
        "reports.exportfile": [_VIEW],
        "reports.exporttoken": [_VIEW],
        "reports.exportschedule": [_VIEW],
    },
    Role.AUDITOR: {
        "booking.clinic": [_VIEW],
        "booking.vaccine": [_VIEW],
        "eligibility.cohort": [_VIEW],
        "eligibility.cohortchange": [_VIEW],
        "waiting_room.room": [_VIEW],
        "reports.control": [_VIEW],
        "reports.evening": [_VIEW],
        "staff.user": [_VIEW],
        "staff.access": [_VIEW],
        "staff.rolerequest": [_VIEW],
        "staff.loginfailure": [_VIEW],
        "reports.uptake": [_EXPORT],
        "reports.capacity": [_EXPORT],
        "reports.no-shows": [_EXPORT],
        "reports.waiting": [_EXPORT],
        "reports.staff-acts": [_EXPORT],
        "reports.access": [_EXPORT],
        "reports.exportfile": [_VIEW],
        "reports.exporttoken": [_VIEW],
        "reports.exportschedule": [_VIEW],
    },
}


def allowed_to(role: str) -> set[str]:
    """All permissions of a role in Django's form, `booking.view_slot`."""
    return {
        f"{label}.{act}_{model}"
        for dotted, acts in _PERMISSIONS.get(role, {}).items()
        for label, model in [dotted.split(".")]
        for act in acts
    }


# Models that show people's data: a role with a right over one is granted by a second user.
_WITH_PEOPLE = {
    "booking.reservation",
    "booking.closure",
    "booking.carehome",
    "booking.homevisit",
    "booking.listentry",
    "booking.outsidedose",
    "eligibility.person",
    "eligibility.decision",
    "eligibility.review",
    "eligibility.correction",
    "eligibility.proxyrequest",
    "eligibility.rosterupload",
    "waiting_room.ticket",
    "vaccination.dosegiven",
    "vaccination.recall",
    "reports.reservations",
    "reports.doses",
    "reports.doses-elsewhere",
    "reports.cancellation-list",
    "reports.reviews",
}


def sees_people(role: str) -> bool:
    """Whether this role has any right over people's data."""
    return not _WITH_PEOPLE.isdisjoint(_PERMISSIONS.get(role, {}))


def table() -> dict[str, dict[str, list[str]]]:
    """Model → role → acts, for docs/roles.md."""
    models = sorted({model for rights in _PERMISSIONS.values() for model in rights})
    return {
        model: {str(role): _PERMISSIONS[role].get(model, []) for role in Role} for model in models
    }


def allowed(role: str, perm: str) -> bool:
    return perm in allowed_to(role)
