"""What the pages show, put together from answers."""

from datetime import datetime

from . import reasons
from .enums import Window
from .models import Person
from .normal import masked_phone
from .services import Answer


def eligibility_page(person: Person, answers: list[Answer], now: datetime) -> dict:
    """The context of the eligibility page: what is possible first, then what is not."""
    cards = [_card(answer, now) for answer in answers]
    return {
        "person": {
            "name": person.name,
            "birth_date": person.birth_date,
            "phone": masked_phone(person.phone),
        },
        "possible": [card for card in cards if card["eligible"]],
        "impossible": [
            card for card in cards if not card["eligible"] and card["state"] != Window.CLOSED
        ],
        "can_join": any(card["eligible"] and card["state"] != Window.CLOSED for card in cards),
    }


def _card(answer: Answer, now: datetime) -> dict:
    return {
        "cohort": answer.cohort,
        "eligible": answer.eligible,
        "state": answer.window(now),
        "window_from": answer.window_from,
        "window_to": answer.window_to,
        "reasons": [reasons.sentence(code, values) for code, values in answer.reasons],
        "advice": "" if answer.eligible else reasons.what_would_change_it(answer.rule),
        "provisional": answer.provisional,
    }
