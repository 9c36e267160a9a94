"""Numbers for everybody: what they count, what they hide, and that they are files."""

import csv
import io
import json

import frictionless
import pytest

from dataio.districts import REGIONS
from reports import jobs, open_data
from reports.models import PublishedTable
from reports.open_files import folder_of
from tests.factories import (
    ClinicFactory,
    PersonFactory,
    RoomFactory,
    SlotFactory,
    TicketFactory,
)
from tests.reports.files import scene_in

pytestmark = pytest.mark.django_db
SEOUL, BUSAN = "서울특별시", "부산광역시"


@pytest.fixture(autouse=True)
def home(settings, tmp_path, clock):
    settings.HOME = tmp_path
    settings.OPEN_LICENCE = "공공누리 제1유형(출처 표시) https://www.kogl.or.kr/info/license.do"
    clock.at("10:00")


def content(client, address: str, **headers) -> bytes:
    answer = client.get(address, headers=headers)
    assert answer.status_code == 200, address
    return b"".join(answer.streaming_content)


def table(client, name: str) -> list[dict]:
    text = content(client, f"/open/data/{name}.csv").decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def vaccinated(region: str, district: str, people: int) -> None:
    for number in range(people):
        scene_in(region, district, f"김서연{'가나다라마바사아자차'[number]}")


def test_people_are_counted_once_by_region_and_few_are_hidden(client, clock):
    vaccinated(SEOUL, "강남구", 6)
    vaccinated(BUSAN, "해운대구", 4)
    room = RoomFactory()
    for region in [SEOUL] * 5 + [BUSAN]:
        TicketFactory(room=room, person=PersonFactory(region=region))
    SlotFactory(clinic=ClinicFactory(region="대구광역시", district="중구"), capacity=7)
    clock.forward(days=1)

    jobs.publish_numbers()

    people = {row["region"]: row["people"] for row in table(client, "vaccinated")}
    assert (len(people), people[SEOUL], people[BUSAN]) == (len(REGIONS), "6", "")
    waiting = {row["region"]: row["people"] for row in table(client, "waiting")}
    assert (waiting[SEOUL], waiting[BUSAN]) == ("5", "")
    left = {row["region"]: row["places"] for row in table(client, "left")}
    assert (left["대구광역시"], left["대전광역시"]) == ("7", "0")
    assert {row["region_code"] for row in table(client, "left")} >= {"KR-11", "KR-26", "KR-49"}


def test_a_day_stays_as_it_was_published_and_the_next_is_added(client, clock):
    vaccinated(SEOUL, "강남구", 6)
    clock.forward(days=1)
    jobs.publish_numbers()
    vaccinated(SEOUL, "강남구", 2)
    jobs.publish_numbers()
    clock.forward(days=1)
    jobs.publish_numbers()
    jobs.publish_numbers()

    days = [row["people"] for row in table(client, "vaccinated") if row["region"] == SEOUL]

    # Two more people are fewer than may be told of.
    assert days == ["6", "6"]
    assert PublishedTable.objects.count() == 4


def test_the_files_are_as_their_package_says(client, clock):
    vaccinated(SEOUL, "강남구", 6)
    clock.forward(days=1)
    jobs.publish_numbers()

    package = json.loads(content(client, "/open/data/datapackage.json"))

    folder = folder_of(open_data.FOLDER)
    report = frictionless.validate("datapackage.json", basepath=str(folder))
    assert report.valid, report.flatten(["note"])
    assert package["licenses"] == [
        {"title": "공공누리 제1유형(출처 표시)", "path": "https://www.kogl.or.kr/info/license.do"}
    ]
    for resource in package["resources"]:
        described = json.loads(content(client, f"/open/data/{resource['name']}.csv-metadata.json"))
        rows = json.loads(content(client, f"/open/data/{resource['name']}.json"))["rows"]
        names = [column["name"] for column in described["tableSchema"]["columns"]]
        assert names == [field["name"] for field in resource["schema"]["fields"]] == list(rows[0])


@pytest.mark.parametrize(
    ("language", "words"),
    [("ko", ["누구나 보는 숫자", "5명 미만"]), ("en", ["Numbers for everybody", "under 5"])],
)
def test_the_page_is_a_file_in_each_language(client, clock, language, words):
    vaccinated(SEOUL, "강남구", 6)
    clock.forward(days=1)
    jobs.publish_numbers()

    page = content(client, f"/open/{language}/").decode()
    same = content(client, "/open/", **{"Accept-Language": language}).decode()

    assert page == same
    assert all(word in page for word in words)
    assert page.count("<svg") >= 4
    assert "csrfmiddlewaretoken" not in page
    assert client.get("/open/fr/").status_code == client.get("/open/data/x.csv").status_code == 404


def test_without_people_the_page_is_there(client):
    jobs.publish_numbers()

    assert "Numbers for everybody" in content(client, "/open/en/").decode()
    assert open_data.licence_of("") == {}
    assert open_data.licence_of("CC BY 4.0") == {"title": "CC BY 4.0"}
