"""The vaccines a cohort names: nobody holds another one, however it is asked for.

The function of 0003 once more, with one question added.
"""

from importlib import import_module

from django.db import migrations

before = import_module("booking.migrations.0003_booking_statements")

HOLD = """
CREATE OR REPLACE FUNCTION booking_hold(
    _slot bigint, _second bigint, _single boolean, _person bigint, _admission bigint,
    _number text, _second_number text, _key uuid, _now timestamptz, _until timestamptz,
    _language text
) RETURNS TABLE (reservation bigint, slot bigint, dose int) LANGUAGE plpgsql AS $$
DECLARE
    _vaccines varchar[];
BEGIN
    -- Whoever has any live reservation, or was vaccinated elsewhere, has something to exchange
    -- or another dose to book: nothing is done here.
    IF EXISTS (SELECT FROM booking_jab WHERE person_id = _person) OR EXISTS (
        SELECT FROM booking_reservation
        WHERE person_id = _person AND status IN ('held', 'confirmed', 'arrived', 'vaccinated')
    ) THEN
        RETURN;
    END IF;
    -- What this person was admitted for; an empty list names no vaccine and allows all. Asked
    -- before the slot is locked.
    SELECT cohort.vaccines INTO _vaccines
    FROM waiting_room_admission AS admission
    JOIN waiting_room_room AS room ON room.id = admission.room_id
    JOIN eligibility_cohort AS cohort ON cohort.id = room.cohort_id
    WHERE admission.id = _admission;
    IF cardinality(_vaccines) > 0 AND EXISTS (
        SELECT FROM booking_slot AS one JOIN booking_vaccine AS vaccine ON vaccine.id = one.vaccine_id
        WHERE one.id IN (_slot, _second) AND vaccine.code <> ALL(_vaccines)
    ) THEN
        RETURN;
    END IF;
    IF _second IS NULL THEN
        -- The conditional UPDATE takes the place and keeps the row locked until commit, so the
        -- last place can't be given to two people.
        UPDATE booking_slot AS one SET booked = booked + 1
        WHERE id = _slot AND booked < capacity + margin AND starts_at > _now AND (
            SELECT clinic.active AND (vaccine.doses = 1 OR NOT _single)
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
            SELECT count(*) FROM booking_slot AS one JOIN booking_clinic AS clinic
                ON clinic.id = one.clinic_id AND clinic.active
            WHERE one.id IN (_slot, _second) AND booked < capacity + margin AND starts_at > _now
        ) THEN
            RETURN;
        END IF;
        UPDATE booking_slot SET booked = booked + 1 WHERE id IN (_slot, _second);
    END IF;
    RETURN QUERY
    INSERT INTO booking_reservation AS made (
        number, person_id, slot_id, dose, status, held_until, extensions, key, origin,
        admission_id, by, created_at, changed_at, language, channel
    )
    SELECT given.number, _person, given.slot_id, given.dose, 'held', _until, 0, _key, 'line',
        _admission, 'citizen', _now, _now, _language, 'sms'
    FROM (VALUES (_number, _slot, 1), (_second_number, _second, 2)) AS given (number, slot_id, dose)
    WHERE given.slot_id IS NOT NULL
    RETURNING made.id, made.slot_id, made.dose::int;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("booking", "0003_booking_statements")]

    operations = [
        migrations.RunSQL(HOLD, before.HOLD.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
    ]
