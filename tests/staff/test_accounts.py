"""Accounts and roles: nobody raises their own, and two give what shows people."""

from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from staff.accounts import AccountRefused, decide_on, link_for, may_act, request_role
from staff.enums import RequestStatus, Role
from staff.models import Authenticator, RoleRequest, Session, User
from staff.roles import sees_people
from staff.roles_page import roles_page
from tests.factories import ClinicFactory, StaffFactory
from tests.staff.signing_in import authenticator_of

pytestmark = pytest.mark.django_db
USERS, REQUESTS = "/admin/staff/user/", "/admin/staff/rolerequest/"
ASKED = {"role": "authority", "reason": "새로 오신 담당자입니다"}


@pytest.fixture
def operator():
    return StaffFactory(role=Role.OPERATOR)


@pytest.fixture
def authority():
    return StaffFactory(role=Role.AUTHORITY)


@pytest.fixture
def newcomer():
    return StaffFactory(role="", username="new")


def test_nobody_changes_their_own_role(client, operator):
    client.force_login(operator)
    form = {"username": operator.username, "role": "authority", "is_active": "on"}

    client.post(f"{USERS}{operator.pk}/change/", form)
    answer = client.post(f"{USERS}{operator.pk}/role/", ASKED)

    operator.refresh_from_db()
    assert answer.status_code == 403
    assert operator.role == Role.OPERATOR
    with pytest.raises(AccountRefused):
        request_role(user=operator, by=operator, **ASKED)


def test_the_form_of_an_account_changes_no_role(client, operator, newcomer):
    client.force_login(operator)

    client.post(
        f"{USERS}{newcomer.pk}/change/",
        {"username": "renamed", "role": "authority", "is_superuser": "on", "is_active": "on"},
    )

    newcomer.refresh_from_db()
    assert (newcomer.username, newcomer.role, newcomer.is_superuser) == ("renamed", "", False)


def test_what_an_operator_proposes_an_authority_grants(client, operator, authority, newcomer):
    client.force_login(operator)
    client.post(f"{USERS}{newcomer.pk}/role/", ASKED)
    asked = RoleRequest.objects.get()
    own = client.post(f"{REQUESTS}{asked.pk}/decide/", {"verdict": "grant"})
    newcomer.refresh_from_db()
    assert (own.status_code, newcomer.role) == (403, "")

    client.force_login(authority)
    client.post(f"{REQUESTS}{asked.pk}/decide/", {"verdict": "grant"})

    newcomer.refresh_from_db()
    asked.refresh_from_db()
    assert newcomer.role == Role.AUTHORITY
    assert (asked.status, asked.decided_by, asked.asked_by) == (
        RequestStatus.GRANTED,
        authority,
        operator,
    )
    assert newcomer.events.order_by("pgh_id").last().role == Role.AUTHORITY
    assert asked.events.count() == 2


def test_who_asked_does_not_grant(client, authority, newcomer):
    client.force_login(authority)
    client.post(f"{USERS}{newcomer.pk}/role/", ASKED)
    asked = RoleRequest.objects.get()

    answer = client.post(f"{REQUESTS}{asked.pk}/decide/", {"verdict": "grant"})

    newcomer.refresh_from_db()
    assert (answer.status_code, newcomer.role) == (403, "")


def test_who_is_to_get_it_does_not_grant(authority):
    asked = request_role(
        user=authority, by=StaffFactory(role=Role.OPERATOR), role=Role.LOCAL, region="서울특별시",
        reason="자리 이동",
    )  # fmt: skip

    with pytest.raises(AccountRefused):
        decide_on(request=asked, granted=True, by=authority)


@pytest.mark.parametrize("role", [role for role in Role if sees_people(role)])
def test_an_account_that_first_sees_people_starts_anew(role, operator, authority, newcomer):
    """Whoever made the account, or set its password, must not get in with the new rights."""
    authenticator_of(newcomer)
    place = {"clinic": ClinicFactory(), "region": "서울특별시"}

    asked = request_role(user=newcomer, by=operator, role=role, reason="업무 시작", **place)
    assert asked.status == RequestStatus.OPEN
    decide_on(request=asked, granted=True, by=authority)

    newcomer.refresh_from_db()
    assert newcomer.role == role
    assert not newcomer.has_usable_password()
    assert not Authenticator.objects.filter(user=newcomer).exists()


@pytest.mark.parametrize("role", ["", Role.OPERATOR, Role.AUDITOR])
def test_roles_without_people_are_given_at_once_and_kept(role, operator, newcomer):
    asked = request_role(user=newcomer, by=operator, role=role, reason="야간 당직")

    newcomer.refresh_from_db()
    assert (newcomer.role, asked.status, asked.decided_by) == (role, RequestStatus.GRANTED, None)
    assert newcomer.check_password("password")


def test_another_place_is_granted_like_a_role(operator):
    clerk = StaffFactory(role=Role.LOCAL, region="서울특별시", district="강남구")

    request_role(user=clerk, by=operator, role=Role.LOCAL, region="부산광역시", reason="전보")

    clerk.refresh_from_db()
    assert clerk.region == "서울특별시"


def test_a_refused_role_changes_nothing_and_stays_refused(operator, authority, newcomer):
    asked = request_role(user=newcomer, by=operator, **ASKED)

    decide_on(request=asked, granted=False, by=authority)
    decide_on(request=asked, granted=True, by=authority)

    newcomer.refresh_from_db()
    assert newcomer.role == ""
    assert RoleRequest.objects.get().status == RequestStatus.REFUSED


def test_the_database_refuses_what_one_person_decides(operator, newcomer):
    values = {"role": "authority", "reason": "x", "status": "granted", "decided_at": timezone.now()}
    for by, decided_by in [(newcomer, operator), (operator, operator), (operator, newcomer)]:
        with pytest.raises(IntegrityError), transaction.atomic():
            RoleRequest.objects.create(user=newcomer, asked_by=by, decided_by=decided_by, **values)


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"role": "clinic"}, "clinic"),
        ({"role": "manager", "clinic": "nowhere"}, "clinic"),
        ({"role": "local"}, "region"),
        ({"role": "local", "region": "서울특별시", "district": "종로 구"}, "district"),
        ({"role": "king"}, "role"),
        ({"role": "operator", "reason": "x"}, "reason"),
    ],
)
def test_a_role_needs_its_place_and_a_reason(client, operator, newcomer, form, field):
    client.force_login(operator)

    answer = client.post(f"{USERS}{newcomer.pk}/role/", {"reason": "업무 시작", **form})

    assert field in answer.context["form"].errors
    assert not RoleRequest.objects.exists()


def test_a_new_account_has_no_password_until_its_owner_sets_one(client, operator):
    client.force_login(operator)

    client.post(f"{USERS}add/", {"username": "fresh", "password1": "x", "is_superuser": "on"})

    made = User.objects.get(username="fresh")
    assert (made.is_staff, made.is_superuser, made.role) == (True, False, "")
    assert not made.has_usable_password()
    page = client.post(f"{USERS}{made.pk}/link/")
    link = page.context["link"].removeprefix("http://testserver")
    form = type(client)().get(link, follow=True)
    assert form.context["validlink"] is True
    assert made.events.filter(link_made_at__isnull=False).count() == 1


def test_nobody_sets_the_password_of_another(client):
    boss = StaffFactory(superuser=True)
    client.force_login(boss)
    user = StaffFactory()

    answer = client.post(
        f"{USERS}{user.pk}/password/",
        {"password1": "eight quiet paper lanterns", "password2": "eight quiet paper lanterns"},
    )

    user.refresh_from_db()
    assert answer.status_code != 200
    assert user.check_password("password")


@pytest.mark.parametrize("act", ["link", "reset"])
def test_what_opens_an_account_that_sees_people_is_for_those_who_grant_roles(
    client, operator, authority, act
):
    clerk = StaffFactory(role=Role.LOCAL, region="서울특별시")
    authenticator_of(clerk)
    boss = StaffFactory(superuser=True)

    for user, account, may in [
        (operator, clerk, False),
        (operator, authority, False),
        (operator, boss, False),
        (authority, boss, False),
        (operator, operator, False),
        (authority, authority, False),
        (authority, clerk, True),
        (boss, authority, True),
    ]:
        client.force_login(user)
        answer = client.post(f"{USERS}{account.pk}/{act}/")
        assert (answer.status_code != 403) is may, (user.role, account.role)
        assert may_act(user, account, act) is may


def test_a_manager_unlocks_the_own_clinic_and_sees_no_other_account(client):
    clinic = ClinicFactory()
    manager = StaffFactory(role=Role.MANAGER, clinic=clinic)
    own = StaffFactory(role=Role.CLINIC, clinic=clinic)
    other = StaffFactory(role=Role.CLINIC, clinic=ClinicFactory())
    client.force_login(manager)

    page = client.get(USERS)

    assert {user.pk for user in page.context["cl"].result_list} == {manager.pk, own.pk}
    assert client.post(f"{USERS}{own.pk}/unlock/").status_code == 302
    assert client.post(f"{USERS}{other.pk}/unlock/").status_code == 404
    assert client.post(f"{USERS}{own.pk}/link/").status_code == 403
    assert client.post(f"{USERS}{own.pk}/role/", ASKED).status_code == 403
    own.refresh_from_db()
    assert own.unlocked_at is not None


def test_switching_on_again_gives_no_rights_over_people(client, operator):
    clerk = StaffFactory(role=Role.LOCAL, region="서울특별시")
    client.force_login(operator)
    form = {"username": clerk.username}
    client.post(f"{USERS}{clerk.pk}/change/", form)
    clerk.refresh_from_db()
    assert not clerk.is_active

    answer = client.post(f"{USERS}{clerk.pk}/change/", {**form, "is_active": "on"})

    clerk.refresh_from_db()
    assert "is_active" in answer.context["adminform"].form.errors
    assert not clerk.is_active


def test_an_auditor_reads_acts_and_no_people(client, newcomer):
    client.force_login(StaffFactory(role=Role.AUDITOR))

    for address, status in [
        ("/admin/staff/access/", 200),
        (REQUESTS, 200),
        (USERS, 200),
        (f"{USERS}{newcomer.pk}/history/", 200),
        ("/admin/booking/reservation/", 403),
        ("/admin/eligibility/person/", 403),
        ("/admin/waiting_room/ticket/", 403),
        ("/admin/messaging/message/", 403),
    ]:
        assert client.get(address).status_code == status, address
    assert client.post(f"{USERS}{newcomer.pk}/change/", {"username": "x"}).status_code == 403


def test_switching_an_account_off_ends_its_sessions_for_good(client, authority):
    clerk = StaffFactory(role=Role.LOCAL, region="서울특별시")
    clerks = type(client)()
    clerks.force_login(clerk)
    assert clerks.get("/admin/").status_code == 200
    operator = StaffFactory(role=Role.OPERATOR)
    client.force_login(operator)

    client.post(f"{USERS}{clerk.pk}/change/", {"username": clerk.username})

    assert clerks.get("/admin/").url.startswith("/admin/login/")
    assert not Session.objects.filter(user=clerk).exists()
    User.objects.filter(pk=clerk.pk).update(is_active=True)
    assert clerks.get("/admin/").url.startswith("/admin/login/")


def test_the_first_account_is_invited_from_the_shell(client, capsys):
    assert not User.objects.exists()  # migrations make none

    call_command("invite", "first", role="authority")

    link = capsys.readouterr().out.strip()
    user = User.objects.get(username="first")
    assert link.startswith(settings.PUBLIC_URL)
    assert (user.role, user.is_staff, user.has_usable_password()) == ("authority", True, False)
    path = link.removeprefix(settings.PUBLIC_URL.rstrip("/"))
    assert client.get(path, follow=True).context["validlink"] is True


def test_a_link_of_a_switched_off_account_is_not_made(client, authority):
    clerk = StaffFactory(role=Role.LOCAL, region="서울특별시", is_active=False)
    client.force_login(authority)

    assert client.post(f"{USERS}{clerk.pk}/link/").status_code == 403


def test_links_differ_for_each_account(newcomer, operator):
    assert link_for(newcomer, by="staff:1") != link_for(operator, by="staff:1")


def test_the_page_of_roles_is_what_the_table_says():
    page = Path(settings.BASE_DIR / "docs" / "roles.md").read_text(encoding="utf-8")

    assert page == roles_page(), "manage.py roles > docs/roles.md"
