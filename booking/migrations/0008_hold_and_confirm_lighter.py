"""Holding and confirming once more, with less to do for each booking.

Confirming reads and writes in one statement: the message is only noted, and written by the worker
that sends it, so the portal need not read anything first. Both answer one row instead of a set.

booking_hold, booking_held and booking_confirm stay for the version before, which may run beside
this one while it is deployed; the next release drops them.
"""

from django.db import migrations

HOLD = """
CREATE FUNCTION booking_hold_at_once(
    _slot bigint, _second bigint, _single boolean, _person bigint, _admission bigint,
    _number text, _second_number text, _key uuid, _now timestamptz, _until timestamptz,
    _language text, OUT reservation bigint, OUT second_reservation bigint
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    _vaccines varchar[];
    _more boolean;
BEGIN
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
    IF _second IS NULL THEN
        -- The conditional UPDATE takes the place and keeps the row locked until commit, so the
        -- last place can't be given to two people.
        UPDATE booking_slot AS one SET booked = booked + 1
        WHERE id = _slot AND booked < capacity + margin AND starts_at > _now AND (
            SELECT clinic.active AND (vaccine.doses = 1 OR NOT _single)
                AND (cardinality(_vaccines) = 0 OR vaccine.code = ANY(_vaccines))
            FROM booking_clinic AS clinic, booking_vaccine AS vaccine
            WHERE clinic.id = one.clinic_id AND vaccine.id = one.vaccine_id
        );
        IF NOT FOUND THEN
            RETURN;
        END IF;
    ELSE
        -- Both or none, locked in the order of their ids. The next statement sees what others
        -- committed while the lock was waited for.
        PERFORM FROM booking_slot WHERE id IN (_slot, _second) ORDER BY id FOR NO KEY UPDATE;
        IF 2 <> (
            SELECT count(*) FROM booking_slot AS one
            JOIN booking_clinic AS clinic ON clinic.id = one.clinic_id AND clinic.active
            JOIN booking_vaccine AS vaccine ON vaccine.id = one.vaccine_id
                AND (cardinality(_vaccines) = 0 OR vaccine.code = ANY(_vaccines))
            WHERE one.id IN (_slot, _second) AND booked < capacity + margin AND starts_at > _now
        ) THEN
            RETURN;
        END IF;
        UPDATE booking_slot SET booked = booked + 1 WHERE id IN (_slot, _second);
    END IF;
    INSERT INTO booking_reservation (
        number, person_id, slot_id, dose, status, held_until, extensions, key, origin,
        admission_id, by, created_at, changed_at, language, channel
    ) VALUES (_number, _person, _slot, 1, 'held', _until, 0, _key, 'line',
        _admission, 'citizen', _now, _now, _language, 'sms')
    RETURNING id INTO reservation;
    IF _second IS NOT NULL THEN
        INSERT INTO booking_reservation (
            number, person_id, slot_id, dose, status, held_until, extensions, key, origin,
            admission_id, by, created_at, changed_at, language, channel
        ) VALUES (_second_number, _person, _second, 2, 'held', _until, 0, _key, 'line',
            _admission, 'citizen', _now, _now, _language, 'sms')
        RETURNING id INTO second_reservation;
    END IF;
END $$
"""

CONFIRM = """
CREATE FUNCTION booking_confirm_at_once(
    _key uuid, _person bigint, _now timestamptz, _language text, _channel text, _email bytea,
    OUT reservations bigint[], OUT numbers text[], OUT doses int[]
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    _under int;
    _offered boolean;
    _wished boolean;
    _whole boolean;
    _admission bigint;
BEGIN
    WITH made AS (
        UPDATE booking_reservation
        SET status = 'confirmed', by = 'citizen', confirmed_at = _now, changed_at = _now,
            language = _language, channel = _channel, email = _email
        -- In a CASE, so that no plan looks for the key among all that is held at this moment.
        WHERE key = _key
            AND CASE WHEN status = 'held' THEN held_until > _now AND person_id = _person END
        RETURNING id, number, dose, origin, admission_id, slot_id
    )
    SELECT array_agg(made.id ORDER BY made.dose), array_agg(made.number::text ORDER BY made.dose),
        array_agg(made.dose::int ORDER BY made.dose), bool_or(made.origin = 'offer'),
        (SELECT count(*) FROM booking_reservation WHERE key = _key),
        EXISTS (
            SELECT FROM booking_wish
            WHERE person_id = _person AND status IN ('waiting', 'offered')
        ),
        max(made.dose) >= (
            SELECT vaccine.doses FROM booking_slot AS slot
            JOIN booking_vaccine AS vaccine ON vaccine.id = slot.vaccine_id
            WHERE slot.id = max(made.slot_id)
        ),
        max(made.admission_id)
    INTO reservations, numbers, doses, _offered, _under, _wished, _whole, _admission
    FROM made;
    IF reservations IS NULL THEN
        RETURN;
    END IF;
    -- All that was held under the key, or nothing: one of the two may have been taken back.
    IF cardinality(reservations) <> _under THEN
        RAISE EXCEPTION 'held in part' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    -- Whoever has an appointment is off the cancellation list.
    IF _wished THEN
        UPDATE booking_wish AS wish SET status = 'fulfilled', ended_at = _now
        WHERE person_id = _person AND status IN ('waiting', 'offered')
            AND wish.dose = ANY(doses);
    END IF;
    IF _offered THEN
        UPDATE booking_offer SET status = 'taken', answered_at = _now
        WHERE reservation_id = ANY(reservations) AND status = 'open';
    END IF;
    INSERT INTO messaging_message
        (key, kind, channel, person_id, status, tries, problem, created_at)
    VALUES ('confirmed:' || numbers[1], 'confirmed',
        CASE WHEN _email IS NULL THEN 'sms' ELSE _channel END, _person, 'unwritten', 0, '', _now)
    ON CONFLICT (key) DO NOTHING;
    -- Only where nothing more is to be booked; the line's own row is left to whoever counts next.
    IF _whole THEN
        UPDATE waiting_room_admission SET ended_at = clock_timestamp(), ending = 'booked'
        WHERE id = _admission AND ended_at IS NULL;
    END IF;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [
        ("booking", "0007_confirming_leaves_no_record"),
        ("messaging", "0003_message_written_when_sent"),
    ]

    operations = [
        migrations.RunSQL(HOLD, "DROP FUNCTION booking_hold_at_once"),
        migrations.RunSQL(CONFIRM, "DROP FUNCTION booking_confirm_at_once"),
    ]
