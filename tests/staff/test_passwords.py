"""Which passwords staff may choose."""

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from staff.models import User
from staff.passwords import is_well_known
from tests.factories import ClinicFactory, StaffFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def user() -> User:
    clinic = ClinicFactory(name="새봄내과의원", code="S0001")
    return StaffFactory(
        role="clinic", clinic=clinic, username="minsu.kim", first_name="민수", last_name="김"
    )


@pytest.mark.parametrize(
    "password",
    [
        "seven long winding rivers",
        "고양이가 창가에서 졸고 있다",
        "correct-horse-battery-staple-jari",
        "719204817365920",
        "Tr7!xq#Lw9$z",
        "aaaabbbbcccc1!Zqpx",
        "고양이가 창가에서 졸고 있다 " * 8,
    ],
)
def test_long_ones_of_any_kind_are_taken(user, password):
    validate_password(password, user)


@pytest.mark.parametrize(
    "password",
    [
        "short-one-1",
        "jari2026",
        "jari2026!!!!",
        "J@ri-Clinic-2026",
        "jari-sample",
        "jari-sample-2026",
        "wkfl20262026",
        "백신예약접종관리자2026",
        "password123456",
        "Password123456!",
        "qwertyuiop123456",
        "123456789012",
        "010123456789",
        "19620301010123",
        "새봄내과의원2026!!",
        "minsu.kim.2026",
        "seoul-clinic-0001",
        "iloveyou1234",
        "x" * 129,
    ],
)
def test_what_would_be_guessed_first_is_refused(user, password):
    with pytest.raises(ValidationError):
        validate_password(password, user)


def test_each_refusal_says_why_in_korean(user):
    with pytest.raises(ValidationError) as refusal:
        validate_password("jari2026", user)

    assert refusal.value.messages == [
        "비밀번호는 12자 이상이어야 합니다. 낱말 서너 개를 이어도 좋습니다.",
        "서비스나 근무지, 계정의 이름으로 짐작할 수 있는 비밀번호입니다. "
        "관계없는 낱말로 정해 주세요.",
    ]


def test_the_password_of_the_sample_is_well_known(user):
    assert is_well_known("jari-sample", user)
    assert not is_well_known("seven long winding rivers", user)
