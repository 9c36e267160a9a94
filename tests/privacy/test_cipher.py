import base64
from datetime import date

import pytest
from django.core.exceptions import FieldError
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from eligibility.models import Person
from privacy.cipher import (
    UnreadableData,
    blind_index,
    blind_indexes,
    block_decryptor,
    decrypt,
    encrypt,
    indexer,
)
from tests.factories import PersonFactory

OLD, NEW = (1, b"o" * 32), (2, b"n" * 32)


@given(st.text(), st.binary(min_size=1, max_size=40))
def test_what_was_encrypted_can_be_read_in_its_own_column_only(text, context):
    stored = encrypt(text, context=context)

    assert decrypt(stored, context=context) == text
    with pytest.raises(UnreadableData):
        decrypt(stored, context=context + b"x")


@pytest.mark.parametrize("place", [0, 1, 12, 13, -1])
def test_an_altered_value_is_refused(place):
    stored = bytearray(encrypt("김시험", context=b"a"))
    stored[place] ^= 1

    with pytest.raises(UnreadableData):
        decrypt(bytes(stored), context=b"a")


@pytest.mark.parametrize("stored", [b"", b"\x01", b"\x01" + b"x" * 12, b"\x01" + b"x" * 20])
def test_a_cut_value_is_refused(stored):
    with pytest.raises(UnreadableData):
        decrypt(stored, context=b"a")


def test_equal_texts_are_stored_differently():
    assert encrypt("김시험", context=b"a") != encrypt("김시험", context=b"a")


def test_the_newest_key_writes_and_every_key_reads(settings):
    settings.DATA_KEYS = [OLD]
    before = encrypt("before", context=b"a")
    settings.DATA_KEYS = [NEW, OLD]
    after = encrypt("after", context=b"a")

    assert (before[0], after[0]) == (1, 2)
    assert decrypt(before, context=b"a") == "before"
    settings.DATA_KEYS = [NEW]
    assert decrypt(after, context=b"a") == "after"
    with pytest.raises(UnreadableData):
        decrypt(before, context=b"a")


def test_a_block_is_read_as_its_values_are(settings):
    settings.DATA_KEYS = [OLD]
    old = encrypt("가", context=b"a")
    settings.DATA_KEYS = [NEW, OLD]
    new = [encrypt(text, context=b"a") for text in "나다"]
    decrypt_all = block_decryptor(context=b"a")

    assert [decrypt_all(block) for block in ([], new, [old, *new], [*new, old])] == [
        [],
        ["나", "다"],
        ["가", "나", "다"],
        ["나", "다", "가"],
    ]
    altered = new[1][:-1] + bytes([new[1][-1] ^ 1])
    for block in ([new[0], altered], [new[0], b""], [b"\x09" + old[1:], old]):
        with pytest.raises(UnreadableData):
            decrypt_all(block)


def test_blind_index_depends_on_the_key_and_on_what_it_is_for(settings):
    one = blind_index("김시험", context=b"a")
    other_use = blind_index("김시험", context=b"b")
    settings.INDEX_KEYS = [(1, b"another")]

    assert len(one) == 16
    assert len({one, other_use, blind_index("김시험", context=b"a")}) == 3


def test_the_first_index_key_writes_and_every_key_is_looked_up(settings):
    settings.INDEX_KEYS = [OLD]
    before = blind_index("김시험", context=b"a")
    settings.INDEX_KEYS = [NEW, OLD]
    after = blind_index("김시험", context=b"a")

    assert (before[0], after[0]) == (1, 2)
    assert before[1:] != after[1:]
    assert blind_indexes("김시험", context=b"a") == [after, before]
    assert indexer(context=b"a")("김시험") == after


@pytest.mark.django_db
def test_nothing_personal_stands_readable_in_the_database():
    person = PersonFactory(name="홍길동", birth_date=date(1964, 5, 12), phone="+821000007777")

    with connection.cursor() as cursor:
        cursor.execute("SELECT p::text FROM eligibility_person p WHERE id = %s", [person.pk])
        row = cursor.fetchone()[0]

    texts = ["홍길동", "1964-05-12", "+821000007777"]
    forms = [text.encode().hex() for text in texts] + texts
    forms += [base64.b64encode(text.encode()).decode() for text in texts]
    assert [form for form in forms if form in row] == []
    read = Person.objects.get(pk=person.pk)
    assert (read.name, read.birth_date, read.phone) == ("홍길동", date(1964, 5, 12), texts[2])


@pytest.mark.django_db
def test_an_encrypted_column_can_not_be_searched_by_mistake():
    with pytest.raises(FieldError, match="blind index"):
        Person.objects.filter(name="홍길동").count()
