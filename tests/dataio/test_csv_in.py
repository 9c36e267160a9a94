import json

import pytest

from dataio.csv_in import BadFile, Column, Layout, open_table
from dataio.values import day, whole_number

PEOPLE = Layout(
    "people",
    [
        Column("name", max_length=5, personal=True),
        Column("birth_date", day, personal=True),
        Column("doses", whole_number(1, 3), required=False, default=1),
    ],
)


def table_of(path, content, layouts=(PEOPLE,)):
    path.write_bytes(content)
    with open_table(path, layouts) as table:
        return table.encoding, list(table.rows)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "people.csv"


@pytest.fixture(autouse=True)
def english(settings):
    settings.LANGUAGE_CODE = "en"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_reads_each_encoding_found_by_its_bytes(path, encoding):
    text = "name,birth_date,doses\r\n김영희,1962-03-01,2\r\n뷁쌰,1963-01-01,\r\n"

    found, rows = table_of(path, text.encode(encoding))

    assert found == encoding
    assert [(row.line, row.values["name"], row.values["doses"]) for row in rows] == [
        (2, "김영희", 2),
        (3, "뷁쌰", 1),
    ]


def test_line_numbers_count_lines_inside_quotes_and_empty_ones(path):
    _encoding, rows = table_of(path, 'name,birth_date\n"김\n영",x\n\n , \n이철,y\n'.encode())

    assert [row.line for row in rows] == [2, 6]


def test_old_mac_line_ends_count_too(path):
    _encoding, rows = table_of(path, "name,birth_date\r김,1962-01-01\r이,1962-01-02\r".encode())

    assert [row.line for row in rows] == [2, 3]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        ("name,birth_date\n".encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04rest", "Excel"),
        (b"name,birth_date\nKim,1962-01-01\n\xff\xfe,\n", "Line 3 is neither"),
        (
            "name,birth_date\n김,1962-01-01\n".encode() + "이,x\n".encode("cp949"),
            "Line 3 is neither",
        ),
        (b"name,birth_date\nKim\0,1962-01-01\n", "Line 2 contains a NUL"),
        (b"name;birth_date\nKim;1962-01-01\n", "no commas"),
        (b"name\nKim\n", "lacks these columns: birth_date"),
        (b"name,birth_date,Name\nKim,,\n", "twice: Name, name"),
        (b"name,birth_date,\nKim,,\n", "Column 3 has no name"),
        (b"name,birth_date,nickname\nKim,,\n", "not known: nickname"),
        (b'name,birth_date\nKim,1962-01-01\n"Lee,1962-01-01\n', "Line 3: the quotation marks"),
        (b'name,birth_date\n"Kim"x,1962-01-01\n', "Line 2: the quotation marks"),
    ],
)
def test_refuses_a_broken_file_and_says_where(path, content, problem):
    with pytest.raises(BadFile, match=problem):
        table_of(path, content)


def test_a_file_without_header_does_not_show_its_first_person(path):
    with pytest.raises(BadFile) as refusal:
        table_of(path, "김영희,1962-03-01\n".encode())

    assert "김영희" not in str(refusal.value)
    assert "1962" not in str(refusal.value)


def test_a_missing_file_is_said_in_one_sentence(path):
    with pytest.raises(BadFile, match="can't be opened"), open_table(path, [PEOPLE]):
        pass


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("김영희,1962-02-30,1", "column birth_date: There is no such day in the calendar."),
        (",1962-02-03,1", "column name: This must not be empty."),
        ("남궁민수철희,1962-02-03,1", "column name: At most 5 characters fit here."),
        ("김영희,1962-02-03,9", "column doses: Write a whole number from 1 to 3. (“9”)"),
        (
            "김영희,1962-02-03,1,more",
            "4 cells where the first line has 3; quote texts that hold a comma.",
        ),
        ("김영희,1962-02-03", "2 cells where the first line has 3; quote texts that hold a comma."),
    ],
)
def test_a_row_says_its_column_and_never_a_personal_value(path, line, problem):
    _encoding, rows = table_of(path, f"name,birth_date,doses\n{line}\n".encode())

    assert [row.problems for row in rows] == [[problem]]


def test_the_header_chooses_the_layout(path):
    other = Layout("other", [Column("code"), Column("name")], others_allowed=True)

    path.write_text("code,name,extra\na,b,c\n")
    with open_table(path, [PEOPLE, other]) as table:
        assert table.layout is other


def test_json_of_the_open_data_portal_reads_as_rows(tmp_path):
    items = [{"name": "김", "birth_date": "1962-01-01", "doses": 2}, {"name": "이"}]
    path = tmp_path / "people.json"

    _encoding, rows = table_of(path, json.dumps({"page": 1, "data": items}).encode())

    assert [row.values.get("doses") for row in rows] == [2, 1]
    assert rows[1].problems == ["column birth_date: This must not be empty."]


@pytest.mark.parametrize(
    ("content", "problem"),
    [(b"{", "Line 1: this is not well-formed"), (b"[1]", "list of objects"), (b"[]", "empty")],
)
def test_broken_json_is_refused(tmp_path, content, problem):
    with pytest.raises(BadFile, match=problem):
        table_of(tmp_path / "people.json", content)


@pytest.mark.parametrize("columns", [101, 100_000])
def test_a_header_of_very_many_columns_is_refused_at_once(path, columns, monkeypatch):
    header = ",".join(f"c{number}" for number in range(columns))

    with pytest.raises(BadFile, match=rf"has {columns} columns; at most 100 can be read"):
        table_of(path, f"{header}\n1\n".encode())


@pytest.mark.parametrize("name", ["people.csv", "people.json"])
def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path, name):
    path = tmp_path / name
    with path.open("wb") as file:
        file.write(b"[name")
        file.truncate((4 << 30) + (2 << 20))  # sparse: takes no room

    most = "4,096" if name.endswith("csv") else "64"
    with pytest.raises(BadFile, match=f"has 4,098 MB; at most {most} MB"):  # noqa: SIM117
        with open_table(path, (PEOPLE,)):
            pass
