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
    _offered boolean;
BEGIN
    -- In the order of their ids, as whoever takes holds back locks them.
    SELECT array_agg(id), bool_or(origin = 'offer') INTO _held, _offered FROM (
        SELECT id, origin FROM booking_reservation AS one
        WHERE one.key = _key AND person_id = _person AND status = 'held' AND held_until > _now
        ORDER BY id FOR NO KEY UPDATE
    ) AS locked;
    -- All that was held under the key, or nothing: one of the two may have been taken back.
    IF _held IS NULL OR cardinality(_held) <> (
        SELECT count(*) FROM booking_reservation AS one WHERE one.key = _key
    ) THEN
        RETURN false;
    END IF;
    -- Whoever has an appointment is off the cancellation list.
    UPDATE booking_wish AS wish SET status = 'fulfilled', ended_at = _now
    WHERE person_id = _person AND status IN ('waiting', 'offered')
        AND wish.dose IN (SELECT one.dose FROM booking_reservation AS one WHERE id = ANY(_held));
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
HOLD_SIGNATURE = (
    "booking_hold(bigint, bigint, boolean, bigint, bigint, text, text, uuid, timestamptz,"
    " timestamptz, text)"
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
        migrations.RunSQL(
            f"ALTER FUNCTION {HOLD_SIGNATURE} SET enable_seqscan = off",
            f"ALTER FUNCTION {HOLD_SIGNATURE} RESET enable_seqscan",
        ),
    ]
