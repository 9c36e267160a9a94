"""Confirming as one statement: what is told and the end of the admission go with it.

What the message says is asked before (booking_held), since only the portal can write and seal it;
nothing of it can change under one key. And plans that were made while the tables were still empty
must not scan them when an opening has filled them: neither function ever reads a table whole.
"""

from importlib import import_module

import pghistory
import pgtrigger
from django.db import migrations

first = import_module("booking.migrations.0003_booking_statements")
before = import_module("booking.migrations.0004_vaccines_of_the_cohort")

HELD = """
CREATE FUNCTION booking_held(_key uuid, _person bigint) RETURNS TABLE (
    reservation bigint, number text, dose int, slot bigint, starts_at timestamptz, clinic text,
    doses int, admission bigint, origin text, phone bytea
) LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
BEGIN
    RETURN QUERY
    SELECT one.id, one.number::text, one.dose::int, one.slot_id, slot.starts_at,
        clinic.name::text, vaccine.doses::int, one.admission_id, one.origin::text, person.phone
    FROM booking_reservation AS one
    JOIN booking_slot AS slot ON slot.id = one.slot_id
    JOIN booking_clinic AS clinic ON clinic.id = slot.clinic_id
    JOIN booking_vaccine AS vaccine ON vaccine.id = slot.vaccine_id
    JOIN eligibility_person AS person ON person.id = one.person_id
    WHERE one.key = _key AND one.person_id = _person AND one.status = 'held'
    ORDER BY one.dose;
END $$
"""

CONFIRM = """
CREATE FUNCTION booking_confirm(
    _key uuid, _person bigint, _now timestamptz, _language text, _channel text, _email bytea,
    _admission bigint, _message text, _to bytea, _text bytea
) RETURNS boolean LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    _held bigint[];
    _doses smallint[];
    _offered boolean;
    _all boolean;
BEGIN
    -- In the order of their ids, as whoever takes holds back locks them.
    SELECT array_agg(id), array_agg(dose), bool_or(origin = 'offer'),
        bool_and(person_id = _person AND status = 'held' AND held_until > _now)
    INTO _held, _doses, _offered, _all
    FROM (
        SELECT id, dose, origin, person_id, status, held_until FROM booking_reservation AS one
        WHERE one.key = _key ORDER BY id FOR NO KEY UPDATE
    ) AS locked;
    -- All that was held under the key, or nothing: one of the two may have been taken back.
    IF _all IS NOT TRUE THEN
        RETURN false;
    END IF;
    -- Whoever has an appointment is off the cancellation list.
    UPDATE booking_wish AS wish SET status = 'fulfilled', ended_at = _now
    WHERE person_id = _person AND status IN ('waiting', 'offered')
        AND wish.dose = ANY(_doses);
    IF _offered THEN
        UPDATE booking_offer SET status = 'taken', answered_at = _now
        WHERE reservation_id = ANY(_held) AND status = 'open';
    END IF;
    UPDATE booking_reservation
    SET status = 'confirmed', by = 'citizen', confirmed_at = _now, changed_at = _now,
        language = _language, channel = _channel, email = _email
    WHERE id = ANY(_held);
    INSERT INTO messaging_message
        (key, kind, channel, "to", text, person_id, status, tries, problem, created_at)
    VALUES (_message, 'confirmed', CASE WHEN _email IS NULL THEN 'sms' ELSE _channel END, _to, _text,
        _person, 'waiting', 0, '', _now)
    ON CONFLICT (key) DO NOTHING;
    -- Only where nothing more is to be booked; the line's own row is left to whoever counts next.
    IF _admission IS NOT NULL THEN
        UPDATE waiting_room_admission SET ended_at = clock_timestamp(), ending = 'booked'
        WHERE id = _admission AND ended_at IS NULL;
    END IF;
    RETURN true;
END $$
"""

# The two questions before the lock in one.
ASKED_APART = before.HOLD[before.HOLD.index("    -- Whoever has") : before.HOLD.index("    IF cardinality")]
ASKED_AT_ONCE = """\
    -- What this person was admitted for (an empty list names no vaccine and allows all), asked
    -- before the slot is locked. Whoever has any live reservation, or was vaccinated elsewhere,
    -- has something to exchange or another dose to book: nothing is done here.
    SELECT cohort.vaccines,
        EXISTS (SELECT FROM booking_jab WHERE person_id = _person) OR EXISTS (
            SELECT FROM booking_reservation
            WHERE person_id = _person AND status IN ('held', 'confirmed', 'arrived', 'vaccinated')
        )
    INTO _vaccines, _more
    FROM waiting_room_admission AS admission
    JOIN waiting_room_room AS room ON room.id = admission.room_id
    JOIN eligibility_cohort AS cohort ON cohort.id = room.cohort_id
    WHERE admission.id = _admission;
    IF _more IS NOT FALSE THEN
        RETURN;
    END IF;
"""
HOLD = (
    before.HOLD.replace(ASKED_APART, ASKED_AT_ONCE)
    .replace("    _vaccines varchar[];\n", "    _vaccines varchar[];\n    _more boolean;\n")
    .replace("LANGUAGE plpgsql AS", "LANGUAGE plpgsql SET enable_seqscan = off AS")
)


class Migration(migrations.Migration):
    dependencies = [
        ("booking", "0005_called_by_staff"),
        ("messaging", "0001_initial"),
        ("waiting_room", "0001_initial"),
    ]

    operations = [
        migrations.RunSQL(HELD, "DROP FUNCTION booking_held"),
        migrations.RunSQL("DROP FUNCTION booking_confirm", first.CONFIRM),
        migrations.RunSQL(CONFIRM, "DROP FUNCTION booking_confirm"),
        migrations.RunSQL(HOLD, before.HOLD),
    ]
