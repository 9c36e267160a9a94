"""Periodic jobs; run by `manage.py rqcron config.cron`. Intervals and ttls are seconds."""

from django.conf import settings
from rq import cron

import booking.jobs
import eligibility.jobs
import messaging.jobs
import reports.jobs
import staff.jobs
import vaccination.jobs
import waiting_room.jobs

# A tick that waited longer than its ttl is dropped; the next one catches up. Queues of their own
# keep the tick and the sign-in codes from waiting behind slower jobs.
cron.register(waiting_room.jobs.tick, queue_name="line", interval=1, ttl=5, result_ttl=0)
cron.register(
    waiting_room.jobs.fetch_beacons, queue_name="default", interval=1, ttl=5, result_ttl=0
)
if settings.WITNESSES:
    cron.register(
        waiting_room.jobs.ask_witnesses, queue_name="default", interval=1, ttl=5, result_ttl=0
    )
cron.register(
    waiting_room.jobs.send_alerts, queue_name="messages", interval=5, ttl=60, result_ttl=0
)
cron.register(booking.jobs.take_back_holds, queue_name="default", interval=10, result_ttl=0)
cron.register(booking.jobs.make_offers, queue_name="default", interval=15, result_ttl=0)
cron.register(booking.jobs.tell_closures, queue_name="default", interval=15, result_ttl=0)
cron.register(booking.jobs.report_to_lines, queue_name="default", interval=20, ttl=30, result_ttl=0)
cron.register(booking.jobs.remind, queue_name="default", interval=60, result_ttl=0)
cron.register(booking.jobs.set_margins, queue_name="default", interval=3600, result_ttl=0)
cron.register(eligibility.jobs.apply_due_changes, queue_name="default", interval=5, result_ttl=0)
cron.register(waiting_room.jobs.settle_provisional, queue_name="default", interval=15, result_ttl=0)
cron.register(waiting_room.jobs.close_evenings, queue_name="default", interval=15, result_ttl=0)
cron.register(messaging.jobs.send_codes, queue_name="codes", interval=2, ttl=5, result_ttl=0)
cron.register(messaging.jobs.sweep, queue_name="messages", interval=5, ttl=30, result_ttl=0)
cron.register(messaging.jobs.count, queue_name="default", interval=10, ttl=30, result_ttl=0)
cron.register(eligibility.jobs.purge, queue_name="default", interval=3600, result_ttl=0)
cron.register(
    vaccination.jobs.continue_recalls, queue_name="exports", interval=60, ttl=30, result_ttl=0
)
cron.register(reports.jobs.continue_files, queue_name="exports", interval=60, ttl=30, result_ttl=0)
cron.register(
    reports.jobs.publish_numbers, queue_name="default", interval=300, ttl=60, result_ttl=0
)
cron.register(reports.jobs.publish_slots, queue_name="default", interval=60, ttl=30, result_ttl=0)
cron.register(reports.jobs.make_reports, queue_name="exports", interval=60, ttl=30, result_ttl=0)
cron.register(reports.jobs.record_minutes, queue_name="default", interval=20, ttl=20, result_ttl=0)
cron.register(
    reports.jobs.recount_figures, queue_name="exports", interval=300, ttl=240, result_ttl=0
)
cron.register(reports.jobs.send_mornings, queue_name="default", interval=60, ttl=60, result_ttl=0)
cron.register(staff.jobs.tidy, queue_name="default", interval=3600, result_ttl=0)
