"""Open times for other programs: what is in the files, how they appear, where their links lead."""

import gzip
import json
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from booking.finder import availability
from booking.finder.search import Search, clinic_times
from eligibility.enums import Order
from reports import jobs, scheduling_links
from reports.open_files import folder_of
from tests.eligibility.signing_in import sign_in
from tests.factories import (
    AdmissionFactory,
    ClinicFactory,
    CohortFactory,
    RoomFactory,
    SlotFactory,
    VaccineFactory,
)
from tests.reports.fhir_validators import complaints

pytestmark = pytest.mark.django_db
MANIFEST = "/open/slots/$bulk-publish"


@pytest.fixture(autouse=True)
def home(settings, tmp_path, clock):
    settings.HOME = tmp_path
    settings.PUBLIC_URL = "https://jari.example"
    clock.at("10:00")


def content(answer) -> bytes:
    return b"".join(answer.streaming_content)


def files_of(client) -> dict[str, list[dict]]:
    """The resources of all files that the manifest names, by type."""
    manifest = json.loads(content(client.get(MANIFEST)))
    found: dict[str, list[dict]] = {}
    for output in manifest["output"]:
        lines = content(client.get(urlsplit(output["url"]).path)).splitlines()
        if lines:
            found.setdefault(output["type"], []).extend(map(json.loads, lines))
    return found


def tomorrow(clock, hour: int):
    return clock.now().replace(hour=hour, minute=0) + timedelta(days=1)


def test_open_times_are_published_and_both_validators_are_silent(client, clock):
    vaccine = VaccineFactory(cvx="150", kdca_type="35")
    RoomFactory(cohort=CohortFactory(order=Order.FIFO, vaccines=[vaccine.code]))
    clinic = ClinicFactory(name='김 "의" 원', region="부산광역시", district="해운대구", phone="")
    for hour in (9, 11, 15):
        SlotFactory(clinic=clinic, vaccine=vaccine, starts_at=tomorrow(clock, hour))
    # Not public: over, full, of a clinic that takes no bookings, of a vaccine no line gives.
    SlotFactory(clinic=clinic, vaccine=vaccine, starts_at=clock.now() - timedelta(hours=1))
    SlotFactory(clinic=clinic, vaccine=vaccine, starts_at=tomorrow(clock, 18), full=True)
    SlotFactory(vaccine=vaccine, clinic=ClinicFactory(active=False))
    SlotFactory(clinic=clinic, starts_at=tomorrow(clock, 10))

    jobs.publish_slots()

    found = files_of(client)
    assert complaints([one for each in found.values() for one in each]) == []
    [location], [schedule], slots = found["Location"], found["Schedule"], found["Slot"]
    assert (location["name"], location["identifier"][0]["value"]) == (clinic.name, clinic.code)
    codes = [coding["code"] for coding in schedule["serviceType"][0]["coding"]]
    assert codes == ["57", "35", "150", vaccine.code]
    on = tomorrow(clock, 9).date()
    assert [(slot["start"], slot["end"]) for slot in slots] == [
        (f"{on}T09:00:00+09:00", f"{on}T11:30:00+09:00"),
        (f"{on}T15:00:00+09:00", f"{on}T15:30:00+09:00"),
    ]
    # As the finder has it.
    facts = availability.directory().clinics[clinic.pk]
    shown = clinic_times(facts, Search(vaccine=vaccine.code)).clinics[0].times
    assert len(shown) == 3


def test_a_link_leads_to_the_door_and_through_it_to_the_times(client, clock):
    room = RoomFactory()
    slot = SlotFactory(starts_at=tomorrow(clock, 9))
    jobs.publish_slots()

    [published] = files_of(client)["Slot"]
    address = urlsplit(published["extension"][0]["valueUrl"])
    # As a client may add to it.
    link = f"{address.path}?{address.query}&source=app&booking-referral=1"
    outside = client.get(link)
    assert (outside.status_code, "slot" in outside.content.decode()) == (403, False)
    admission = AdmissionFactory(room=room)
    sign_in(client, admission.ticket.person)
    inside = client.get(link)
    assert inside.status_code == 200
    assert f'value="{slot.pk}"' in inside.content.decode()


def test_files_change_with_the_tables_and_only_then(client, clock):
    RoomFactory()
    slot = SlotFactory(starts_at=tomorrow(clock, 9))
    jobs.publish_slots()
    url = "/open/slots/slots-KR-11.ndjson"
    first = client.get(url, headers={"Accept-Encoding": "gzip"})
    assert (first["Content-Encoding"], first["Content-Type"]) == ("gzip", "application/fhir+ndjson")
    assert gzip.decompress(content(first)) == content(client.get(url))
    assert "max-age=60" in first["Cache-Control"]
    assert first["Content-Disposition"] == 'inline; filename="slots-KR-11.ndjson"'

    clock.forward(minutes=1)
    assert scheduling_links.publish() == 1  # the manifest, which says when
    known = {"If-None-Match": first["ETag"], "Accept-Encoding": "gzip"}
    assert client.get(url, headers=known).status_code == 304
    slot.delete()
    assert scheduling_links.publish() == 2
    assert content(client.get(url)) == b""
    names = {path.name for path in folder_of("slots").iterdir() if path.name[0] != "."}
    assert names == {
        name + end
        for name in ["$bulk-publish", "locations.ndjson", "schedules.ndjson", "slots-KR-11.ndjson"]
        for end in ("", ".gz")
    }


def test_before_and_after_the_windows_no_time_is_published(client, clock):
    SlotFactory(starts_at=tomorrow(clock, 9))
    RoomFactory(gathering=True)
    jobs.publish_slots()

    found = files_of(client)

    assert {kind: len(lines) for kind, lines in found.items()} == {"Location": 1}
    assert client.get("/open/slots/..%2Fsecret").status_code == 404
    assert client.get("/open/slots/.digests.json").status_code == 404


def test_a_file_that_breaks_off_is_never_seen(monkeypatch, client, clock):
    RoomFactory()
    SlotFactory(starts_at=tomorrow(clock, 9))
    jobs.publish_slots()
    before = content(client.get(MANIFEST))
    (folder_of("slots") / ".part-of-a-killed-worker").touch()
    SlotFactory(starts_at=tomorrow(clock, 10))
    clock.forward(minutes=1)
    with monkeypatch.context() as patch:

        def full(*_args):
            raise OSError("full")

        patch.setattr("reports.open_files.os.fchmod", full)
        with pytest.raises(OSError, match="full"):
            jobs.publish_slots()

    assert content(client.get(MANIFEST)) == before
    assert not list(folder_of("slots").glob(".part-*"))
