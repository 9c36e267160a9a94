"""Sign-in codes leave whatever else the workers do; what lies in Redis is data only."""

import os
import pickle
from datetime import date
from functools import partial
from pathlib import Path

import django_rq
import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.urls import reverse
from rq import Queue, SimpleWorker, Worker
from rq.job import Job, JobStatus
from rq.serializers import JSONSerializer, resolve_serializer

from eligibility.models import RosterUpload
from eligibility.services.identity import start_verification
from eligibility.services.uploads import start_upload
from launcher.portal import worker_commands
from messaging.enums import MessageStatus
from messaging.models import Message
from messaging.services import send_codes, send_waiting
from staff.enums import Role
from tests import waiting
from tests.concurrency import at_once
from tests.factories import StaffFactory
from tests.workers import worker

QUEUES = ["line", "codes", "messages", "default", "exports"]
PATIENCE = 60  # seconds until a worker has started, on a busy machine
until = partial(waiting.until, patience=PATIENCE)


@pytest.fixture(autouse=True)
def home(settings, tmp_path):
    settings.HOME = tmp_path
    return tmp_path


def test_every_queue_has_a_worker_and_line_and_codes_have_one_for_themselves():
    queues = {
        name: command[command.index("rqworker") + 1 : command.index("--worker-ttl")]
        for name, command in worker_commands().items()
    }

    assert sorted(queue for of in queues.values() for queue in of) == sorted(QUEUES)
    assert (queues["line"], queues["codes"], queues["messages"]) == (
        ["line"],
        ["codes"],
        ["messages"],
    )


@pytest.mark.django_db(transaction=True)
def test_an_import_that_does_not_end_delays_no_code(home):
    file = SimpleUploadedFile("roster.csv", b"person_id,name,birth_date,phone,region\r\n")
    upload = start_upload(file=file, skip_refused=False, by="staff:1")
    job = django_rq.get_queue("exports").jobs[0]

    with worker("codes", home):
        until(lambda: Worker.count(queue=django_rq.get_queue("codes")), "no worker for codes")
        with transaction.atomic(), worker("exports", home):
            # The import waits for this row, as it would for a million others.
            RosterUpload.objects.select_for_update().get(pk=upload.pk)
            until(lambda: has_started(job), "the import did not start")
            at_once([partial(start_verification, **WHO, phone="+821012345678")])
            until(
                lambda: Message.objects.filter(kind="code", status=MessageStatus.SENT).exists(),
                "the code did not leave",
            )

            assert has_started(job)
            assert len(list((home / "outbox").glob("*code*.json"))) == 1


def has_started(job: Job) -> bool:
    """Asks the database too, which ends a transaction that says nothing for long."""
    RosterUpload.objects.count()
    return job.get_status() == JobStatus.STARTED


WHO = {"name": "김하나", "birth_date": date(1969, 5, 12)}


@pytest.mark.django_db(transaction=True)
def test_many_codes_make_few_jobs_and_one_sends_them_all(home):
    for number in range(20):
        start_verification(**WHO, phone=f"+8210{number:08}")

    assert django_rq.get_queue("codes").count <= 2
    assert send_waiting() == 0
    assert send_codes() == 20


class Evil:
    """Unpickled, it leaves a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def test_without_a_word_about_it_rq_speaks_json():
    assert resolve_serializer() is JSONSerializer
    assert resolve_serializer("pickle") is JSONSerializer
    assert resolve_serializer("rq.serializers.DefaultSerializer") is JSONSerializer
    for name in QUEUES:
        assert Queue(name, connection=django_rq.get_connection(name)).serializer is JSONSerializer
        assert django_rq.get_queue(name).serializer is JSONSerializer


@pytest.mark.django_db(transaction=True)
def test_a_pickle_in_redis_is_executed_neither_by_a_worker_nor_by_a_page(
    client, tmp_path, settings
):
    mark = tmp_path / "executed"
    payload = pickle.dumps(("os.getpid", Evil(mark), (), {}))
    queue = django_rq.get_queue("default")
    job = Job.create("os.getpid", connection=queue.connection, id="evil", origin="default")
    job.save()
    queue.connection.hset(job.key, mapping={"data": payload, "meta": payload})
    queue.push_job_id("evil")
    queue.failed_job_registry.add(job, -1)
    client.force_login(StaffFactory(role=Role.OPERATOR))
    index = sorted(settings.RQ_QUEUES).index("default")

    client.raise_request_exception = False
    for page in ["django_rq:home", "django_rq:jobs", "django_rq:job_detail"]:
        arguments = [] if page.endswith("home") else [index]
        client.get(reverse(page, args=arguments + (["evil"] if "detail" in page else [])))
    client.post(reverse("django_rq:delete_failed_jobs", args=[index]))
    SimpleWorker([queue], connection=queue.connection).work(burst=True)

    assert not mark.exists()


def test_a_pickle_in_the_cache_is_not_executed(tmp_path):
    mark = tmp_path / "executed"
    cache.set("evil", 1)
    client = cache._cache.get_client(write=True)
    client.set(cache.make_key("evil"), pickle.dumps(Evil(mark)))

    assert cache.get("evil") is None
    assert not mark.exists()
