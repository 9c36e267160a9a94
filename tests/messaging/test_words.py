"""No message holds what another person typed: it would be read as the portal's word."""

import re
from datetime import date

import pytest
from django.conf import settings

from booking.models import Offer
from booking.services import notices
from booking.services.changes import cancel_reservation
from booking.services.notices import notify_changed, render_confirmed, render_reminders
from booking.services.offers import make_offers
from eligibility.enums import Card, Correctable, ReviewReason
from eligibility.services.corrections import ask_correction, refuse_correction
from eligibility.services.family import (
    answer_proxy_request,
    ask_to_book_for,
    end_proxy,
    withdraw_proxy_request,
)
from eligibility.services.identity import start_verification
from eligibility.services.identity_cards import see_card
from eligibility.services.reviews import open_review, refuse_review
from messaging.enums import Channel
from messaging.models import Message
from staff.actors import actor_of
from staff.enums import NoticeKind
from staff.notices import notify
from tests.booking.test_offers import entry
from tests.factories import (
    AdmissionFactory,
    CohortFactory,
    PersonFactory,
    ReservationFactory,
    RoomFactory,
    SlotFactory,
    StaffFactory,
)
from tests.waiting_room.scene import call, join, make_room
from waiting_room.services.telling import request_alert, send_alerts

pytestmark = pytest.mark.django_db(transaction=True)

MARK = "표식표식"
NOTE = "쪽지쪽지"


def marked(**values):
    return PersonFactory(name=MARK, **values)


def account() -> list[str]:
    user = StaffFactory(email="officer@example.org")
    notify(user, NoticeKind.PASSKEY_ADDED, by=actor_of(user), name=MARK)
    notify(user, NoticeKind.NEW_BROWSER, by=actor_of(user), address="192.0.2.1", agent=NOTE)
    return texts("account")


def code() -> list[str]:
    start_verification(name=MARK, birth_date=date(1969, 5, 12), phone="+821012345678")
    return texts("code")


def proxy() -> list[str]:
    other = PersonFactory(name="김다른")
    by = marked()
    asked = ask_to_book_for(by=by, name=other.name, birth_date=other.birth_date, phone=other.phone)
    end_proxy(proxy=answer_proxy_request(request=asked, yes=True, by="phone"), by=by)
    return texts("proxy")


def review() -> list[str]:
    cohort, person = CohortFactory(), marked(declared=True)
    asked = open_review(person=person, cohort=cohort, reason=ReviewReason.IDENTITY, note=NOTE)
    refuse_review(review=asked, by="staff:1", answer="")
    return texts("review")


def phone() -> list[str]:
    see_card(person=marked(), card=Card.RESIDENT, by="staff:1", phone="+821087654321")
    return texts("phone")


def correction() -> list[str]:
    asked = ask_correction(person=marked(), field=Correctable.NAME, wanted=NOTE)
    refuse_correction(correction=asked, by="staff:1", answer="")
    return texts("correction")


def called() -> list[str]:
    return told_in_line(calling=1)["called"]


def soon() -> list[str]:
    return told_in_line(calling=0)["soon"]


def told_in_line(*, calling: int) -> dict[str, list[str]]:
    room = make_room()
    ticket = join(room)
    type(ticket.person).objects.filter(pk=ticket.person_id).update(name=MARK)
    request_alert(ticket=ticket, channel=Channel.SMS, language="ko")
    document = {**room.board.document, "waits": [[9, 300, 600]]}
    type(room.board).objects.filter(room=room).update(document=document)
    if calling:
        call(room, calling)
    send_alerts()
    return {kind: texts(kind) for kind in ("called", "soon")}


def reserved():
    return ReservationFactory(person=marked())


def confirmed() -> list[str]:
    return [one.text for one in render_confirmed([f"confirmed:{reserved().number}"]).values()]


def reminder() -> list[str]:
    one = reserved()
    return [two.text for two in render_reminders([f"reminder:{one.number}:{one.slot_id}"]).values()]


def cancelled() -> list[str]:
    cancel_reservation(reservation=reserved(), by="person")
    return texts("cancelled")


def restored() -> list[str]:
    notices.notify_restored([reserved()])
    return texts("restored")


def changed() -> list[str]:
    notify_changed(reserved())
    return texts("changed")


def offer() -> list[str]:
    admission = AdmissionFactory(room=RoomFactory(), person=marked())
    entry(admission)
    SlotFactory()
    make_offers()
    assert Offer.objects.exists()
    return texts("offer")


def texts(kind: str) -> list[str]:
    return [message.text for message in Message.objects.filter(kind=kind)]


KINDS = {
    made.__name__: made
    for made in [
        account, code, proxy, review, correction, phone, called, soon,
        confirmed, reminder, cancelled, restored, changed, offer,
    ]
}  # fmt: skip


def test_every_kind_of_message_is_tried_here():
    files = [
        file.read_text()
        for folder in ["booking", "eligibility", "queue", "messaging", "staff"]
        for file in (settings.BASE_DIR / folder).rglob("*.py")
    ]
    writing = "\n".join(text for text in files if "messaging.services import" in text)
    named = re.findall(r'\bkind="(\w+)"', writing)

    # Named by their wording.
    by_wording = {"reminder", "called", "soon", "cancelled", "restored"}
    assert {*named, *by_wording} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_no_message_holds_what_somebody_typed(kind):
    written = KINDS[kind]()

    assert written
    for text in written:
        assert MARK not in text
        assert NOTE not in text
        # A phone in any spelling; random codes and the ids of tickets may hold its first digits.
        without_ids = re.sub(r"[0-9a-f-]{36}", "", text)
        assert not re.search(r"\+82|8210\d{8}|010-?\d{4}", without_ids)


def test_a_stranger_gets_one_message_a_day_however_often_somebody_asks_to_book_for_them():
    by, stranger = marked(), PersonFactory(name="김다른")
    details = {
        "name": stranger.name, "birth_date": stranger.birth_date, "phone": stranger.phone,
    }  # fmt: skip

    for _time in range(3):
        withdraw_proxy_request(request=ask_to_book_for(by=by, **details))

    assert Message.objects.filter(kind="proxy").count() == 1
