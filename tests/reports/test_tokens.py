"""Exports by token: `/exports/`."""

import gzip
import io
from datetime import timedelta

import arro3.io
import pytest
import zstandard

from reports.files import make_file
from reports.models import ExportFile, ExportToken
from reports.tokens import make_token, revoke_token
from staff.enums import Role
from staff.models import Access
from tests.factories import StaffFactory
from tests.reports.files import rows, rows_of, taken, two_districts

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def home(settings, tmp_path):
    settings.HOME = tmp_path


@pytest.fixture
def make(clock):
    user = StaffFactory()

    def make_one(name="dw", exports=("reservations",), **values) -> tuple[ExportToken, str]:
        values = {
            "region": "", "names": False, "recipient": "", "reason": "아침 보고", "by": user,
            "expires_at": clock.now() + timedelta(days=30), **values,
        }  # fmt: skip
        return make_token(name=name, exports=exports, **values)

    return make_one


@pytest.fixture
def ask(client):
    def ask_with(key: str, address: str, **headers):
        bearer = {"Authorization": f"Bearer {key}"} if key else {}
        return client.get(address, headers=bearer | headers)

    return ask_with


def body(answer) -> bytes:
    return b"".join(answer.streaming_content)


def test_a_token_opens_what_it_was_made_for(make, ask, clock):
    ours, _theirs = two_districts()
    token, key = make(region="서울특별시", names=True, exports=["reservations", "capacity"])
    assert key not in str(ExportToken.objects.values())

    overview = ask(key, "/exports/index.json").json()["exports"]
    assert [(one["name"], one["since"]) for one in overview] == [
        ("reservations", True),
        ("capacity", False),
    ]
    answer = ask(key, "/exports/reservations.csv")
    [row] = rows_of(body(answer))
    assert row["name"] == "우리편"
    assert [field["name"] for field in overview[0]["schema"]["fields"]] == list(row)
    assert (answer["Jari-Rows"], answer["Jari-Version"]) == ("1", "2")
    access = Access.objects.get(act="download")
    assert (access.by, access.user, access.numbers) == ("token:dw", None, [ours.person.pk])
    assert (access.address, access.reason) == ("127.0.0.1", "아침 보고")
    since = answer["Jari-Next-Since"].replace("+", "%2B")
    assert len(rows_of(body(ask(key, f"/exports/reservations.csv?since={since}")))) == 1
    clock.forward(hours=1)
    later = f"{clock.now():%Y-%m-%dT%H:%M:%SZ}"
    assert rows_of(body(ask(key, f"/exports/reservations.csv?since={later}"))) == []
    token.refresh_from_db()
    assert token.last_used_at is not None


def test_without_a_good_token_nothing_is_given(make, ask, client, clock):
    two_districts()
    revoked, revoked_key = make("revoked")
    revoke_token(token=revoked, by=StaffFactory())
    _expired, expired_key = make("expired", expires_at=clock.now() + timedelta(hours=1))
    _other, other_key = make("other", exports=["capacity"], region="부산광역시")
    clock.forward(hours=2)

    for key in ["", "jari_wrong", revoked_key, expired_key]:
        for address in ["/exports/index.json", "/exports/reservations.csv"]:
            answer = ask(key, address)
            assert (answer.status_code, list(answer.json())) == (401, ["problem"]), key
            assert answer["WWW-Authenticate"].startswith("Bearer")
    assert ask(other_key, "/exports/reservations.csv").status_code == 403
    wrong = {
        "region=서울특별시": "region",
        "columns=nothing": "columns",
        "columns=name": "columns",
        "from=2026-07-20&to=2026-07-19": "last",
        "from=yesterday": "from",
        "to=9999-12-31": "last",
        "since=0001-01-01T00:00": "since",
        "since=2026-07-20T00:00": "since",
        "cohort=%00": "cohort",
        "encoding=ebcdic": "encoding",
        "people=1": "people",
    }
    for query, option in wrong.items():
        answer = ask(other_key, f"/exports/capacity.csv?{query}")
        assert (answer.status_code, answer.json()["option"]) == (400, option), query
    for address in ["capacity.xlsx", "nothing.csv", f"files/{ExportFile().key}"]:
        assert ask(other_key, f"/exports/{address}").status_code == 404, address
    # A log-in opens nothing here.
    client.force_login(StaffFactory(role=Role.AUTHORITY))
    assert client.get("/exports/capacity.csv").status_code == 401
    assert not Access.objects.filter(act="download").exists()


def test_too_many_requests_wait_and_wrong_ones_sooner(make, ask):
    _token, key = make(exports=["capacity"])

    statuses = [ask(key, "/exports/index.json").status_code for _ in range(61)]
    wrong = [ask("jari_wrong", "/exports/index.json").status_code for _ in range(31)]

    assert statuses == [200] * 60 + [429]
    assert wrong == [401] * 30 + [429]


def test_a_kept_file_is_taken_up_where_it_broke_off(make, ask):
    two_districts()
    _token, key = make(names=True)
    _other, other_key = make("other")
    ordered = ask(key, "/exports/reservations.csv?keep=1")
    assert (ordered.status_code, ordered["Retry-After"]) == (202, "5")
    address = ordered["Location"]
    assert ask(key, address).status_code == 202
    file = ExportFile.objects.get()
    make_file(file.pk)

    answer = ask(key, address)
    whole, etag = body(answer), answer["ETag"]
    content, _written = taken("reservations", people=True)
    assert whole == content
    size = len(whole)
    first = ask(key, address, Range="bytes=0-99")
    rest = ask(key, address, Range="bytes=100-", **{"If-Range": etag})
    assert (first.status_code, first["Content-Range"]) == (206, f"bytes 0-99/{size}")
    assert body(first) + body(rest) == whole
    assert body(ask(key, address, Range="bytes=-5")) == whole[-5:]
    assert body(ask(key, address, Range="bytes=100-", **{"If-Range": '"other"'})) == whole
    beyond = ask(key, address, Range=f"bytes={size}-")
    assert (beyond.status_code, beyond["Content-Range"]) == (416, f"bytes */{size}")
    assert ask(key, address, **{"If-None-Match": etag}).status_code == 304
    assert ask(other_key, address).status_code == 404
    assert Access.objects.filter(what="kept_file", by="token:dw").count() == 1


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate", "gzip"),
        ("gzip;q=0.5, zstd", "zstd"),
        ("gzip;q=0", ""),
        ("identity, gzip;q=0.4", ""),
        ("*", "zstd"),
        ("nonsense;;q=9", ""),
    ],
)
def test_a_file_comes_in_the_coding_that_a_program_takes(make, ask, accepted, coding):
    two_districts()
    _token, key = make(exports=["capacity"])
    plain = body(ask(key, "/exports/capacity.csv"))

    answer = ask(key, "/exports/capacity.csv", **{"Accept-Encoding": accepted})

    assert answer.get("Content-Encoding", "") == coding
    assert "Accept-Encoding" in answer["Vary"]
    unpack = {
        "gzip": gzip.decompress,
        "zstd": lambda data: zstandard.ZstdDecompressor().stream_reader(data).read(),
        "": bytes,
    }
    assert unpack[coding](body(answer)) == plain
    # Kept files stay as they lie there, so that a byte of them is always the same one.
    address = ask(key, "/exports/capacity.csv?keep=1")["Location"]
    make_file(ExportFile.objects.get().pk)
    whole = ask(key, address, **{"Accept-Encoding": accepted})
    part = ask(key, address, **{"Accept-Encoding": accepted, "Range": "bytes=5-9"})
    assert not any(answer.has_header("Content-Encoding") for answer in (whole, part))
    assert (part.status_code, body(part)) == (206, body(whole)[5:10])


def test_files_are_packed(make, ask):
    two_districts()
    _token, key = make(names=True)
    content = body(ask(key, "/exports/reservations.csv"))

    packed = {
        kind: body(ask(key, f"/exports/reservations.{kind}"))
        for kind in ["csv.gz", "csv.zst", "parquet"]
    }

    assert gzip.decompress(packed["csv.gz"]) == content
    assert zstandard.ZstdDecompressor().stream_reader(packed["csv.zst"]).read() == content
    table = arro3.io.read_parquet(io.BytesIO(packed["parquet"])).read_all()
    found = rows("reservations", people=True)
    assert table["name"].to_pylist() == [row["name"] for row in found]
    assert table["dose"].to_pylist() == [int(row["dose"]) for row in found]
    starts = [moment.isoformat() for moment in table["starts_at"].to_pylist()]
    assert len(starts) == 2
    assert all(text.endswith("+00:00") for text in starts)


def test_the_authority_makes_a_token_once_shown_and_revokes_it(client, clock):
    client.force_login(StaffFactory(role=Role.AUTHORITY))
    address = "/admin/reports/exporttoken/"
    until = clock.now().date() + timedelta(days=30)
    form = {
        "name": "통계 서버", "exports": ["capacity", "uptake"], "until": until,
        "reason": "아침 보고",
    }  # fmt: skip

    made = client.post(f"{address}add/", form)
    token = ExportToken.objects.get()
    key = made.context["key"]
    assert (
        client.get("/exports/index.json", headers={"Authorization": f"Bearer {key}"}).status_code
        == 200
    )
    assert "no-store" in made["Cache-Control"]
    assert key not in client.get(f"{address}{token.pk}/change/").content.decode()
    far = {**form, "name": "x", "until": until + timedelta(days=400)}
    assert list(client.post(f"{address}add/", far).context["form"].errors) == ["until"]
    assert list(client.post(f"{address}add/", form).context["form"].errors) == ["name"]
    both = {**form, "name": "x", "names": "on", "recipient": "질병청"}
    assert list(client.post(f"{address}add/", both).context["form"].errors) == ["recipient"]
    client.post(f"{address}{token.pk}/revoke/")
    assert (
        client.get("/exports/index.json", headers={"Authorization": f"Bearer {key}"}).status_code
        == 401
    )
    client.force_login(StaffFactory(role=Role.AUDITOR))
    assert client.get(f"{address}add/").status_code == 403
    assert client.post(f"{address}{token.pk}/revoke/").status_code == 403
