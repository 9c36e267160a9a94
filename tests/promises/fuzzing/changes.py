"""How a request that a page offers is changed, field by field, by Hypothesis."""

from collections.abc import Iterator
from dataclasses import replace

from hypothesis import strategies as st

from tests.promises.fuzzing.targets import FORM, MULTIPART, Change, Plan, Target

METHODS = ["GET", "POST", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]
# The first of them are the ones that most often went wrong.
ODD = [
    b"", b"x", b"\x00", b"9" * 40, b"-1", b"\xed\xa0\x80", b"0", b"9" * 19, b"abc", b"a\x00b",
    b"\xff\xfe", b"1e9", b"nan", "١٢".encode(), "é".encode(), b":", b"d:", b"c:", b"d:/", b"c:x",
    b"c:" + b"9" * 30, b"2026-02-30", b"0001-01-01", b"9999-12-31", b"99999-01-01", b"12:61",
    b"24:00", b"true", b"None", b"null", b"[]", b"{}", b"1,2", b"1,", b"nan,inf", b"37.5,127.0",
    "서울특별시|".encode(), b"|", b"a" * 3000, b"%00", b"%s", b"%(x)s", b"{x}", b"../../etc/passwd",
    b"//evil.example", b"{{7*7}}", b"<b>", b"' or 1=1 --", b"\r\nSet-Cookie: a=b",
    "\u202e".encode(), "\ufeff".encode(), "\U0001f600".encode(), b"9" * 5000, b"__all__", b"-",
    b"00000000-0000-0000-0000-000000000000", b"1" * 36, b"e", b"\\", b"'", b'"', b" ", b"\n",
]  # fmt: skip
TYPES = [
    f"{FORM}; charset=utf-7", f"{FORM}; charset=euc-kr", f"{FORM}; charset=nothing",
    f"{FORM}; charset*=utf-8''utf-7", f'{FORM}; charset="utf-16"', f"{FORM}; charset=",
    "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=é",
    f"{MULTIPART}; charset=utf-16", "multipart/form-data; boundary=" + "b" * 300,
    "multipart/mixed; boundary=xxx", "application/json", "text/plain; charset=latin-1",
    "application/octet-stream", "", "x", ";", "é", f"{FORM};;;=", FORM, MULTIPART,
]  # fmt: skip
COOKIES = ["", "x", "a:b:c", "é", "9" * 3000, "W10:1:x", "eyJ9", "::", "\\000", "null", "[]", '"']
HEADERS = [
    ("accept-language", "x" * 300), ("accept-language", "é"), ("accept-language", "ko;q=x,"),
    ("referer", "http://testserver/"), ("referer", "//é"), ("referer", "http://["),
    ("if-none-match", '"x'), ("if-modified-since", "Thu, 99 Foo 99999 99:99:99"),
    ("range", "bytes=9-1,-"), ("accept", "é"), ("accept-encoding", "br;q=x"), ("te", "x"),
    ("x-forwarded-for", "é, 1.2.3.4, [::"), ("forwarded", "for=_x;;"), ("user-agent", ""),
    ("x-requested-with", "XMLHttpRequest"), ("sec-fetch-site", "same-origin"),
    ("authorization", "Bearer é"), ("authorization", "Basic ="), ("content-encoding", "gzip"),
    ("expect", "x"), ("x-http-method-override", "DELETE"), ("cookie", "=;=;jari_who"),
    ("cookie2", "x"), ("origin", "null"), ("date", "x"), ("content-language", "é"),
]  # fmt: skip
# Tried in every field of every route before anything else.
PLAIN = [b"", b"\x00", b"x", b"9" * 19, b"\xed\xa0\x80", b"-1"]
UNKNOWN = ["0", "nobody", "9" * 19, "00000000-0000-4000-8000-000000000000"]


def sweep(target: Target, names: list[str]) -> Iterator[Plan]:
    """The plain faults, each in all fields at once: few requests, so that no route is left out."""
    fields = [name for name in names if name != "csrfmiddlewaretoken"]
    if fields:
        for value in PLAIN:
            yield Plan(target, changes=tuple(("set", name, value) for name in fields))
        yield Plan(target, changes=tuple(("drop", name, b"") for name in fields))
    for path in _unknown(target):
        yield Plan(target, path=path)
    if target.method == "POST":
        yield from (Plan(target, content_type=kind) for kind in TYPES[:4])


def one_by_one(target: Target, names: list[str]) -> Iterator[Plan]:
    """The plain faults in one field at a time: a field that is read first may hide the others."""
    for name in names:
        if name != "csrfmiddlewaretoken":
            yield from (Plan(target, changes=(("set", name, value),)) for value in PLAIN)


def _unknown(target: Target) -> Iterator[str]:
    """The address with ids of nothing in the place of its arguments."""
    route, path = target.route.split("/"), target.path.removeprefix("/").split("/")
    places = [number for number, part in enumerate(route) if "<" in part and number < len(path)]
    for text in UNKNOWN if places else []:
        yield "/" + "/".join(text if number in places else part for number, part in enumerate(path))


def values(known: list[str]) -> st.SearchStrategy[bytes]:
    """What may be typed: what often goes wrong, what exists elsewhere, anything."""
    odd, real = st.sampled_from(ODD), st.sampled_from([text.encode() for text in known])
    text = st.text(st.characters(codec=None), max_size=30)
    anything = st.one_of(
        text.map(lambda typed: typed.encode("utf-8", "surrogatepass")),
        st.integers(-(2**70), 2**70).map(lambda number: str(number).encode()),
        st.dates().map(lambda day: day.isoformat().encode()),
        st.times().map(lambda time: time.isoformat().encode()),
        st.binary(max_size=20),
        st.floats().map(lambda number: str(number).encode()),
    )
    return st.one_of(odd, odd, odd, real, anything)


@st.composite
def plans(draw: st.DrawFn, targets: list[Target], names: list[str], known: list[str]) -> Plan:
    """One field changed, mostly; sometimes several, or something beside the fields."""
    plan = Plan(draw(st.sampled_from(targets)))
    own = [name for name, _value in plan.target.values if name != "csrfmiddlewaretoken"]
    if own or names:
        plan = replace(plan, changes=draw(_changes(plan.target, own, names, known)))
    beside = draw(st.integers(0, 9))
    # Of ten requests seven have nothing but their fields changed.
    if beside == 7:
        plan = replace(plan, **draw(st.sampled_from(_HEADS)))
    elif beside == 8:
        plan = replace(plan, content_type=draw(st.sampled_from(TYPES)))
    elif beside == 9:
        plan = draw(_otherwise(plan, names, known))
    return plan


_HEADS = [
    *({"method": method} for method in METHODS),
    *({"header": header} for header in HEADERS),
    {"token": False},
]


@st.composite
def _changes(
    draw: st.DrawFn, target: Target, own: list[str], names: list[str], known: list[str]
) -> tuple[Change, ...]:
    fields = st.sampled_from(own * 3 + names if own else names)
    offered = [value for _name, value in target.options] or ["1"]
    changes = []
    for _number in range(draw(st.sampled_from([1, 1, 1, 1, 2, 4]))):
        what = draw(st.sampled_from(["set", "set", "set", "set", "drop", "add", "other"]))
        name = draw(fields)
        if what == "drop":
            changes.append((what, name, b""))
        elif what == "other":  # another one of those the page offers
            changes.append(("set", name, draw(st.sampled_from(offered)).encode()))
        else:
            changes.append((what, name, draw(values(known))))
    return tuple(changes)


@st.composite
def _otherwise(draw: st.DrawFn, plan: Plan, names: list[str], known: list[str]) -> Plan:
    what = draw(st.sampled_from(["cookie", "query", "path", "body"]))
    if what == "cookie":
        name = draw(st.sampled_from([*plan.target.state.cookies, "jari_known", "jari_provider"]))
        return replace(plan, cookie=(name, draw(st.sampled_from(COOKIES))))
    if what == "query":
        name = draw(st.sampled_from([*names, "q", "next"]))
        return replace(plan, query=((name, draw(values(known))),))
    if what == "body":
        return replace(plan, body=draw(st.binary(max_size=200)))
    parts = plan.target.path.split("/")
    place = draw(st.integers(0, len(parts) - 1))
    parts[place] = draw(values(known)).decode(errors="replace")
    return replace(plan, path="/".join(parts) if parts[0] == "" else "/" + "/".join(parts))
