"""Text messages, Alimtalk and mail by providers that report what became of them."""

import base64
import hashlib
import json
import threading
from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.urls import reverse

from events.services import story_of
from messaging import checks, gateways, jobs, receipts, services
from messaging.channels import check_settings
from messaging.enums import Channel, MessageStatus, Receipt
from messaging.handover import message_of, reference_of
from messaging.models import Gateway, Message
from messaging.services import send_message, send_waiting, write_message
from messaging.wordings import render
from outside import dependencies
from tests.factories import PersonFactory
from tests.messaging.providers import SECRET, TOKEN, Postmark, Solapi, report

pytestmark = pytest.mark.django_db

PHONE, HOOK = "+821000000001", "the-secret-of-the-webhook"
TEMPLATES = {
    "cancelled": {"ko": {"id": "KA01TP1", "text": "예약이 취소되었습니다.\n#{appointments}"}},
}


@pytest.fixture
def solapi():
    server = Solapi()
    yield server
    server.stop()


@pytest.fixture
def postmark():
    server = Postmark()
    yield server
    server.stop()


@pytest.fixture(autouse=True)
def _portal(settings, tmp_path, clock):
    settings.HOME = tmp_path
    settings.SOLAPI_SECRET = HOOK
    dependencies._dependency.cache_clear()
    clock.freeze()


@pytest.fixture
def sms(solapi, settings):
    settings.MESSAGE_CHANNELS = {"sms": solapi.url()}
    return solapi


@pytest.fixture
def kakao(solapi, settings):
    settings.MESSAGE_CHANNELS = {"sms": solapi.url(), "kakao": solapi.url("&pf=KA01PF1")}
    settings.KAKAO_TEMPLATES = TEMPLATES
    return solapi


@pytest.fixture
def mail(postmark, settings):
    settings.MESSAGE_CHANNELS = {"email": "anymail://postmark?from=jari@agency.example"}
    settings.ANYMAIL = {
        "POSTMARK_SERVER_TOKEN": TOKEN,
        "POSTMARK_API_URL": f"http://127.0.0.1:{postmark.server_port}/",
        "WEBHOOK_SECRET": "jari:hook",
        "REQUESTS_TIMEOUT": 4,
    }
    return postmark


def written(text="내일 9시", *, channel=Channel.SMS, to=PHONE, **more) -> Message:
    key = f"k{Message.objects.count()}"
    write_message(key=key, kind="cancelled", channel=channel, to=to, text=text, **more)
    return Message.objects.get(key=key)


def by_template(**more) -> Message:
    text = render("cancelled", Channel.SMS, "ko", appointments="1차: 12월 31일")
    return written(text, **more)


def told(client, *reports, secret=HOOK, body=None):
    return client.post(
        reverse("solapi_reports"),
        json.dumps(list(reports)) if body is None else body,
        content_type="application/json",
        headers={
            "X-Solapi-Secret": hashlib.sha1(secret.encode(), usedforsecurity=False).hexdigest(),
            "X-Solapi-Event-Name": "SINGLE-REPORT",
        },
    )


def told_of_mail(client, report, *, auth="jari:hook", provider="postmark"):
    basic = base64.b64encode(auth.encode()).decode()
    return client.post(
        reverse("mail_reports", args=[provider]),
        report if isinstance(report, str) else json.dumps(report),
        content_type="application/json",
        headers={"Authorization": f"Basic {basic}"},
    )


def test_a_short_text_goes_as_sms_a_long_one_as_lms_and_foreign_numbers_keep_their_country(sms):
    for text, to in [("내일 9시", PHONE), ("가" * 46, PHONE), ("Đặt chỗ 😀", "+14155550123")]:
        written(text, to=to)

    send_waiting()

    assert [(each["to"], each["country"], each["type"]) for each in sms.taken] == [
        ("01000000001", "82", "SMS"),
        ("01000000001", "82", "LMS"),
        ("4155550123", "1", "SMS"),
    ]
    # Letters without a code in the networks are refused there.
    assert sms.taken[2]["text"] == "Dat cho ?"
    rows = Message.objects.order_by("pk").values_list("status", "gateway", "provider_id")
    assert list(rows) == [("sent", "sms", each["messageId"]) for each in sms.taken]


@pytest.mark.parametrize("wrapped", [False, True])
def test_what_was_delivered_stands_on_the_event_line(sms, client, wrapped):
    person = PersonFactory()
    for _message in range(2):
        written(person_id=person.pk)
    send_waiting()
    arrived, lost = sms.taken

    answer = told(
        client, report(arrived, "4000", wrapped=wrapped), report(lost, "3043", wrapped=wrapped)
    )

    assert answer.status_code == 200
    assert list(Message.objects.order_by("pk").values_list("receipt", "receipt_reason")) == [
        (Receipt.DELIVERED, ""),
        (Receipt.FAILED, "solapi 3043"),
    ]
    kinds = [event.kind for event in story_of(person.pk)]
    assert sorted(kind for kind in kinds if kind.startswith("message_")) == [
        "message_delivered",
        "message_sent",
        "message_sent",
        "message_undelivered",
    ]


def test_reports_in_any_order_and_number_have_one_outcome(sms, client):
    written()
    send_waiting()
    [taken] = sms.taken
    for status in ("3000", "3043", "4000", "2000", "3043"):
        assert told(client, report(taken, status)).status_code == 200
    assert Message.objects.get().receipt == Receipt.FAILED


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("{", 400),
        ("[" * 50_000, 400),
        ("{}", 400),
        (json.dumps([{}] * 501), 400),
        (json.dumps([1, None, {"data": 2}, {}, {"statusCode": "4000"}]), 200),
        (json.dumps([{"statusCode": "4000", "messageId": "M" * 3000}]), 200),
        (json.dumps([{"statusCode": "4000", "customFields": {"jari": "1-0"}}]), 200),
    ],
)
def test_a_report_that_can_not_be_read_or_is_of_no_message_changes_nothing(
    sms, client, body, expected
):
    written()
    send_waiting()
    assert told(client, body=body).status_code == expected
    assert Message.objects.get().receipt == Receipt.NONE


def test_a_stranger_reports_nothing_and_is_stopped(sms, client, settings):
    written()
    send_waiting()
    answers = [
        told(client, report(sms.taken[0], "3043"), secret="guess").status_code for _try in range(32)
    ]
    assert (answers[0], answers[-1]) == (403, 429)
    assert Message.objects.get().receipt == Receipt.NONE
    # The provider behind the same address goes on.
    assert told(client, report(sms.taken[0], "4000")).status_code == 200
    assert Message.objects.get().receipt == Receipt.DELIVERED
    settings.SOLAPI_SECRET = ""
    assert told(client, secret="").status_code == 404
    assert client.get(reverse("solapi_reports")).status_code == 405


def test_a_reference_is_of_this_portal_alone(settings):
    reference = reference_of(5)
    assert message_of(reference) == 5
    assert [message_of(each) for each in ("5-" + "0" * 20, "x", "5", "-", "9" * 30, "5-é")] == (
        [None] * 6
    )
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new" * 20, [settings.SECRET_KEY]
    assert message_of(reference) == 5
    settings.SECRET_KEY_FALLBACKS = []
    assert message_of(reference) is None


def test_after_a_crash_between_handing_over_and_recording_nothing_goes_twice(sms, monkeypatch):
    message = written()

    def crash(*_args, **_more):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(Message, "save", crash)
        with pytest.raises(MemoryError):
            send_message(message.pk)
    assert Message.objects.get().status == MessageStatus.WAITING

    assert send_message(message.pk) == MessageStatus.SENT
    assert len(sms.taken) == 1
    assert Message.objects.get().provider_id == sms.taken[0]["messageId"]


def test_a_message_that_never_reached_the_provider_goes_after_asking(sms):
    message = written()
    Message.objects.filter(pk=message.pk).update(tried_at=message.created_at)
    assert send_message(message.pk) == MessageStatus.SENT
    assert (sms.asked, len(sms.taken)) == (1, 1)


def test_a_provider_that_took_it_and_did_not_answer_is_asked_and_reports(
    sms, client, monkeypatch, clock
):
    monkeypatch.setattr(gateways, "SECONDS", 0.2)
    first, second = written(), written()
    sms.next.silent = True
    send_message(first.pk)
    clock.move_to(Gateway.objects.get().rests_until + timedelta(seconds=1))
    dependencies._dependency.cache_clear()
    send_message(second.pk)
    assert set(Message.objects.values_list("status", flat=True)) == {MessageStatus.WAITING}
    sms.next.silent = False
    sms.next.go_on.set()

    told(client, report(sms.taken[0], "4000"))  # of one it reports by itself

    monkeypatch.setattr(gateways, "SECONDS", 30)
    clock.move_to(Gateway.objects.get().rests_until + timedelta(seconds=1))
    dependencies._dependency.cache_clear()
    send_waiting()
    rows = Message.objects.order_by("pk").values_list("status", "receipt", "provider_id")
    ids = [each["messageId"] for each in sms.taken]
    assert len(ids) == 2
    assert list(rows) == [("sent", "delivered", ids[0]), ("sent", "", ids[1])]


def test_429_is_a_rest_at_once_and_other_refusals_name_their_code(sms):
    written()
    sms.next.refusal = "1062"
    send_waiting()
    message = Message.objects.get()
    assert message.problem == "The channel did not take the message: sms 1062."
    assert (message.tried_at, Gateway.objects.get().rests_until) == (None, None)

    sms.next.refusal, sms.next.status = "", 429
    send_waiting()
    assert Gateway.objects.get().rests_until
    message.refresh_from_db()
    assert (message.status, message.tried_at) == (MessageStatus.WAITING, None)


def test_an_alimtalk_is_the_registered_text_and_asks_the_provider_for_no_text_message(kakao):
    by_template()
    written()  # without a template

    send_waiting()

    notice, text = kakao.taken
    assert (notice["type"], notice["text"]) == ("ATA", "예약이 취소되었습니다.\n1차: 12월 31일")
    assert notice["kakaoOptions"] == {
        "pfId": "KA01PF1",
        "templateId": "KA01TP1",
        "disableSms": True,
    }
    assert text["type"] == "SMS"
    assert list(Message.objects.order_by("pk").values_list("gateway", flat=True)) == [
        "kakao",
        "sms",
    ]


def test_an_alimtalk_that_does_not_arrive_is_a_text_message_once(kakao, client):
    person = PersonFactory()
    by_template(person_id=person.pk)
    send_waiting()
    for _report in range(3):
        told(client, report(kakao.taken[0], "3104"))

    send_waiting()
    told(client, report(kakao.taken[0], "3104"))  # late, and not of the text message
    told(client, report(kakao.taken[1], "4000"))

    assert [each["type"] for each in kakao.taken] == ["ATA", "SMS"]
    message = Message.objects.get()
    assert (message.gateway, message.receipt) == ("sms", Receipt.DELIVERED)
    kinds = [event.kind for event in story_of(person.pk)]
    assert kinds.count("alimtalk_failed") == 1


def test_a_repeated_report_of_an_alimtalk_does_not_stop_the_text_message(kakao, client):
    """Not even while the text message is being handed over."""
    message = by_template()
    send_waiting()
    told(client, report(kakao.taken[0], "3104"))
    services._begin_try(message.pk)

    told(client, report(kakao.taken[0], "3104"))

    assert Message.objects.get().status == MessageStatus.WAITING


def test_where_alimtalk_takes_nothing_the_text_message_goes_at_once(kakao, settings):
    settings.MESSAGE_CHANNELS["kakao"] = "solapi://K:wrong@127.0.0.1:1?pf=KA01PF1"
    by_template()
    send_waiting()
    assert Message.objects.get().gateway == "sms"


def test_a_report_of_an_alimtalk_that_does_not_come_is_asked_for(kakao, clock):
    by_template()
    send_waiting()
    jobs.sweep()
    assert kakao.asked == 0
    kakao.taken[0]["statusCode"] = "3104"
    clock.forward(minutes=2)

    jobs.sweep()
    jobs.sweep()

    assert kakao.asked == 1
    assert [each["type"] for each in kakao.taken] == ["ATA", "SMS"]


def test_too_late_or_with_the_providers_own_fall_back_nothing_is_sent_again(
    kakao, client, clock, settings
):
    by_template(not_after=clock.now() + timedelta(minutes=1))
    send_waiting()
    clock.forward(minutes=2)
    told(client, report(kakao.taken[0], "3104"))

    settings.MESSAGE_CHANNELS["kakao"] = kakao.url("&pf=KA01PF1&fallback=provider")
    by_template()
    send_waiting()
    assert kakao.taken[1]["kakaoOptions"]["disableSms"] is False
    told(client, report(kakao.taken[1], "3104"))

    send_waiting()
    assert len(kakao.taken) == 2
    assert set(Message.objects.values_list("receipt", flat=True)) == {Receipt.FAILED}


def test_a_mail_goes_with_text_and_plain_html_in_the_readers_language(mail):
    text = render("cancelled", Channel.EMAIL, "vi", appointments="<1> 31/12")
    written(text, channel=Channel.EMAIL, to="kim@mail.example.org")

    send_waiting()

    [sent] = mail.taken
    message = Message.objects.get()
    assert (sent["To"], sent["From"]) == ("kim@mail.example.org", "jari@agency.example")
    assert sent["Subject"] == str(text).partition("\n\n")[0]
    assert "<1> 31/12" in sent["TextBody"]
    assert '<html lang="vi">' in sent["HtmlBody"]
    assert "&lt;1&gt; 31/12" in sent["HtmlBody"]
    assert not {"<img", "<link", "style"} & set(sent["HtmlBody"].replace(">", " ").split())
    assert sent["Metadata"] == {"jari": reference_of(message.pk)}
    assert message.provider_id == "b7bc2f4a-e38e-4336-af7d-000000000001"


# As Postmark's documentation of its webhooks shows them, shortened.
BOUNCE = {
    "RecordType": "Bounce",
    "ID": 4323372036854775807,
    "Type": "HardBounce",
    "TypeCode": 1,
    "Name": "Hard bounce",
    "Tag": "Test",
    "Description": "The server was unable to deliver your message",
    "Details": "smtp;550 5.1.1 unknown user",
    "Email": "kim@mail.example.org",
    "BouncedAt": "2026-11-05T16:33:54.9070259Z",
}
DELIVERY = {
    "RecordType": "Delivery",
    "Recipient": "kim@mail.example.org",
    "DeliveredAt": "2026-11-05T16:33:54.9070259Z",
    "Details": "Test delivery webhook details",
}


def test_mails_delivered_and_bounced_are_told_and_nothing_else_is_an_outcome(mail, client):
    for _mail in range(2):
        written("제목\n\n내용", channel=Channel.EMAIL, to="kim@mail.example.org")
    send_waiting()
    first, second = Message.objects.order_by("pk")
    opened = {"RecordType": "Open", "Recipient": "kim@mail.example.org"}
    for body, message in [
        (opened, first),
        (DELIVERY, first),
        (BOUNCE, second),
        (DELIVERY, second),
    ]:
        of = {"MessageID": message.provider_id, "Metadata": {"jari": reference_of(message.pk)}}
        assert told_of_mail(client, body | of).status_code == 200

    assert list(Message.objects.order_by("pk").values_list("receipt", "receipt_reason")) == [
        ("delivered", ""),
        ("failed", "bounced"),
    ]


def test_a_mail_that_was_delivered_before_it_was_recorded_goes_once(mail, client):
    message = written("제목\n\n내용", channel=Channel.EMAIL, to="kim@mail.example.org")
    of = {"MessageID": "b7bc", "Metadata": {"jari": reference_of(message.pk)}}
    told_of_mail(client, DELIVERY | of)
    send_waiting()
    assert mail.taken == []
    assert Message.objects.get().receipt == Receipt.DELIVERED


def test_a_stranger_reports_no_mail(mail, client, settings):
    written("제목\n\n내용", channel=Channel.EMAIL, to="kim@mail.example.org")
    send_waiting()
    of = {"MessageID": Message.objects.get().provider_id}
    assert told_of_mail(client, BOUNCE | of, auth="jari:guess").status_code == 403
    assert told_of_mail(client, "{").status_code == 400
    assert told_of_mail(client, "[]").status_code == 400
    for provider in ("mailgun", "inbound", "no-such"):
        assert told_of_mail(client, BOUNCE | of, provider=provider).status_code == 404
    settings.ANYMAIL = {**settings.ANYMAIL, "WEBHOOK_SECRET": ""}
    assert told_of_mail(client, BOUNCE | of, auth=":").status_code == 404
    assert Message.objects.get().receipt == Receipt.NONE


def test_a_mail_provider_that_is_busy_rests(mail):
    written("제목\n\n내용", channel=Channel.EMAIL, to="kim@mail.example.org")
    mail.next.status = 429
    send_waiting()
    assert Gateway.objects.get(name="email").rests_until


def test_neither_secret_nor_receiver_is_logged(sms, mail, settings, solapi, caplog):
    caplog.set_level("DEBUG")
    settings.MESSAGE_CHANNELS |= {"sms": solapi.url()}
    written()
    written("제목\n\n내용", channel=Channel.EMAIL, to="kim@mail.example.org")
    for status in (200, 400, 500):
        sms.next.status = mail.next.status = status
        send_waiting()
    told_secrets = [SECRET, TOKEN, "01000000001", "kim@mail.example.org", "내일 9시"]
    assert [each for each in told_secrets if each in caplog.text] == []


@pytest.mark.parametrize(
    "channels",
    [
        {"sms": "solapi://KEY:s3cret@api.solapi.com"},
        {"sms": "solapi://KEY@api.solapi.com?from=0212345678"},
        {"sms": "solapi://KEY:s3cret@api.solapi.com?from=0212345678&to={to}"},
        {"sms": "solapi://KEY:s3cret@api.solapi.com:x?from=0212345678"},
        {"email": "solapi://KEY:s3cret@api.solapi.com?from=0212345678"},
        {"kakao": "solapi://KEY:s3cret@api.solapi.com?pf=KA01PF1"},
        {"sms": "json://h/{to}", "kakao": "solapi://KEY:s3cret@api.solapi.com?from=02"},
        {"sms": "json://h/{to}", "kakao": "json://KEY:s3cret@h/{to}"},
        {"email": "anymail://postmark"},
        {"email": "anymail://amazon_ses?from=jari@agency.example"},
        {"email": "anymail://postmark?from=jari@agency.example&x=s3cret"},
        {"sms": "anymail://postmark?from=jari@agency.example"},
    ],
)
def test_a_provider_that_can_not_be_used_stops_the_start(settings, channels):
    settings.MESSAGE_CHANNELS = channels
    with pytest.raises(ImproperlyConfigured, match="JARI_") as refused:
        check_settings()
    assert "s3cret" not in str(refused.value)


def test_a_mail_provider_without_its_token_stops_the_start(settings):
    settings.MESSAGE_CHANNELS = {"email": "anymail://postmark?from=jari@agency.example"}
    settings.ANYMAIL = {}
    with pytest.raises(ImproperlyConfigured, match=r"JARI_ANYMAIL.*POSTMARK_SERVER_TOKEN"):
        check_settings()


@pytest.mark.parametrize(
    ("templates", "found"),
    [
        (TEMPLATES, []),
        ({"no-such": {}}, ["E002"]),
        ({"cancelled": {"fr": {"id": "1", "text": "#{appointments}"}}}, ["E003"]),
        ({"cancelled": {"ko": {"id": "1", "text": "취소 #{when} #{appointments}"}}}, ["E004"]),
        ({"cancelled": {"ko": {"id": "1", "text": "취소되었습니다."}}}, ["E004"]),
    ],
)
def test_registered_templates_have_the_variables_that_are_filled_in(
    kakao, settings, templates, found
):
    settings.KAKAO_TEMPLATES = templates
    problems = checks.templates_fit_their_messages()
    assert [problem.id.removeprefix("messaging.") for problem in problems] == found


def test_providers_whose_reports_nothing_lets_in_are_named(sms, settings):
    assert checks.providers_can_report() == []
    settings.SOLAPI_SECRET = ""
    [warning] = checks.providers_can_report()
    assert "JARI_SOLAPI_SECRET" in warning.msg


@pytest.mark.django_db(transaction=True)
def test_a_report_that_comes_while_the_message_is_being_recorded_waits(sms, client, monkeypatch):
    message = written()
    handed_over, go_on = threading.Event(), threading.Event()
    deliver = services.deliver

    def slow(**values):
        taken = deliver(**values)
        handed_over.set()
        go_on.wait(10)
        return taken

    monkeypatch.setattr(services, "deliver", slow)

    def sender():
        send_message(message.pk)
        connection.close()

    def reporter():
        receipts.apply([receipts.report_of_solapi(report(sms.taken[0], "4000"))])
        connection.close()

    threads = [threading.Thread(target=sender), threading.Thread(target=reporter)]
    threads[0].start()
    assert handed_over.wait(10)
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join(20)
    assert Message.objects.get().receipt == Receipt.DELIVERED
