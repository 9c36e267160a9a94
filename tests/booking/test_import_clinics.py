import io
import json

import pytest
from django.core.management import CommandError, call_command

from booking.models import Clinic

pytestmark = pytest.mark.django_db
CONTRACT = (
    "orgcd,orgnm,orgTlno,orgZipaddr,slrYmd,dywk,hldyYn,lunchSttTm,lunchEndTm,sttTm,endTm\n"
    "11100079,서울내과의원,02-123-4567,서울시 강남구 역삼로 1,20260719,1,N,1300,1400,0900,1800\n"
    "11100079,서울내과의원,02-123-4567,서울시 강남구 역삼로 1,20260720,2,N,1300,1400,0900,1800\n"
    "21100080,부산의원,,부산 부산진구 중앙대로 2,20260719,1,N,,,0900,1800\n"
)
CENTRE = {
    "id": 1,
    "centerName": "코로나19 중앙 예방접종센터",
    "sido": "서울특별시",
    "sigungu": "중구",
    "facilityName": "국립중앙의료원 D동",
    "zipCode": "04562",
    "address": "서울특별시 중구 을지로 39길 29",
    "lat": "37.567817",
    "lng": "127.004501",
    "createdAt": "2021-03-03 07:00:52",
    "updatedAt": "2021-07-16 04:55:08",
    "centerType": "중앙/권역",
    "org": "국립중앙의료원",
    "phoneNumber": "02-2260-7114",
}


def run(path, *options) -> str:
    out = io.StringIO()
    call_command("import_clinics", str(path), "--language=en", *options, stdout=out, stderr=out)
    return out.getvalue()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp949"])
def test_the_list_of_clinics_under_contract_is_known_by_its_header(tmp_path, encoding):
    path = tmp_path / "list.csv"
    path.write_text(CONTRACT, encoding=encoding)

    assert "2 added, 0 changed, 1 unchanged, 0 refused" in run(path)
    assert "0 added, 0 changed, 3 unchanged, 0 refused" in run(path)
    clinic = Clinic.objects.get(code="11100079")
    assert (clinic.region, clinic.district) == ("서울특별시", "강남구")
    assert Clinic.objects.get(code="21100080").district == "부산진구"


def test_the_contract_list_may_not_contradict_itself(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(CONTRACT.replace("서울내과의원", "서울외과의원", 1))

    with pytest.raises(CommandError):
        run(path)

    assert not Clinic.objects.exists()


@pytest.mark.parametrize("form", ["json", "json of the portal", "csv"])
def test_the_list_of_vaccination_centres_comes_as_json_or_csv(tmp_path, form):
    path = tmp_path / ("centres.csv" if form == "csv" else "centres.json")
    if form == "csv":
        path.write_text(
            ",".join(CENTRE) + "\n" + ",".join(str(value) for value in CENTRE.values()) + "\n"
        )
    else:
        content = [CENTRE] if form == "json" else {"currentCount": 1, "data": [CENTRE]}
        path.write_text(json.dumps(content, ensure_ascii=False))

    assert "1 added" in run(path)
    assert "1 unchanged" in run(path)
    clinic = Clinic.objects.get()
    assert clinic.code == "center-1"
    assert (clinic.region, clinic.district) == ("서울특별시", "중구")
    assert (clinic.latitude, clinic.longitude) == (37.567817, 127.004501)


def test_a_centre_without_a_region_is_refused_with_its_reason(tmp_path):
    path = tmp_path / "centres.json"
    lost = {**CENTRE, "id": 2, "sido": "", "sigungu": "", "address": "을지로 39길 29"}
    path.write_text(json.dumps([CENTRE, lost], ensure_ascii=False))

    text = run(path, "--skip-refused")

    assert "line 2, column address: no region and district of Korea can be read" in text
    assert Clinic.objects.count() == 1
    assert "을지로 39길 29" in (tmp_path / "centres.json.refused.csv").read_text()


OWN = "code,name,region,district,address"
ROW = "A1,가나의원,서울특별시,강남구,서울 강남구 역삼로 1"


def test_an_absent_column_changes_nothing_and_an_empty_cell_clears(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text(f"{OWN},phone,latitude,longitude\n{ROW},02-123-4567,37.5,127.0\n")
    run(path)
    path.write_text(f"{OWN}\n{ROW}\n")

    unchanged = run(path)

    assert "0 added, 0 changed, 1 unchanged, 0 refused" in unchanged
    clinic = Clinic.objects.get()
    assert (clinic.phone, clinic.latitude, clinic.longitude) == ("02-123-4567", 37.5, 127.0)

    path.write_text(f"{OWN},phone,latitude,longitude\n{ROW},,,\n")
    cleared = run(path)

    assert "0 added, 1 changed, 0 unchanged, 0 refused" in cleared
    clinic.refresh_from_db()
    assert (clinic.phone, clinic.latitude, clinic.longitude) == ("", None, None)
