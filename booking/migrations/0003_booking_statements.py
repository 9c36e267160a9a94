"""Holding and confirming as functions: one round trip each, and planned once per connection.

Sent as text, planning cost more than doing. Functions keep their plans behind PgBouncer too,
where prepared statements do not. The rules are the same as in booking.services.holds, which
thinks about every case that these leave alone.
"""

from django.db import migrations

HOLD = """
CREATE FUNCTION booking_hold(
    _slot bigint, _second bigint, _single boolean, _person bigint, _admission bigint,
    _number text, _second_number text, _key uuid, _now timestamptz, _until timestamptz,
    _language text
) RETURNS TABLE (reservation bigint, slot bigint, dose int) LANGUAGE plpgsql AS $$
BEGIN
    -- Whoever has any live reservation, or was vaccinated elsewhere, has something to exchange
    -- or another dose to book: nothing is done here.
    IF EXISTS (SELECT FROM booking_jab WHERE person_id = _person) OR EXISTS (
        SELECT FROM booking_reservation
        WHERE person_id = _person AND status IN ('held', 'confirmed', 'arrived', 'vaccinated')
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

CONFIRM = """
CREATE FUNCTION booking_confirm(
    _key uuid, _person bigint, _now timestamptz, _language text, _channel text, _email bytea
) RETURNS TABLE (
    reservation bigint, number text, dose int, slot bigint, starts_at timestamptz, clinic text,
    doses int, admission bigint, origin text, phone bytea
) LANGUAGE plpgsql AS $$
DECLARE
    _held bigint[];
BEGIN
    -- In the order of their ids, as whoever takes holds back locks them.
    SELECT array_agg(id) INTO _held FROM (
        SELECT id FROM booking_reservation AS one
        WHERE one.key = _key AND person_id = _person AND status = 'held' AND held_until > _now
        ORDER BY id FOR NO KEY UPDATE
    ) AS locked;
    -- All that was held under the key, or nothing: one of the two may have been taken back.
    IF _held IS NULL OR cardinality(_held) <> (
        SELECT count(*) FROM booking_reservation AS one WHERE one.key = _key
    ) THEN
        RETURN;
    END IF;
    -- Whoever has an appointment is off the cancellation list.
    UPDATE booking_wish AS wish SET status = 'fulfilled', ended_at = _now
    WHERE person_id = _person AND status IN ('waiting', 'offered')
        AND wish.dose IN (SELECT one.dose FROM booking_reservation AS one WHERE id = ANY(_held));
    RETURN QUERY
    UPDATE booking_reservation AS made
    SET status = 'confirmed', by = 'citizen', confirmed_at = _now, changed_at = _now,
        language = _language, channel = _channel, email = _email
    FROM booking_slot AS slot, booking_clinic AS clinic, booking_vaccine AS vaccine,
        eligibility_person AS person
    WHERE made.id = ANY(_held) AND slot.id = made.slot_id AND clinic.id = slot.clinic_id
        AND vaccine.id = slot.vaccine_id AND person.id = made.person_id
    RETURNING made.id, made.number::text, made.dose::int, slot.id, slot.starts_at,
        clinic.name::text, vaccine.doses::int, made.admission_id, made.origin::text, person.phone;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("booking", "0002_room_for_counting")]

    operations = [
        migrations.RunSQL(HOLD, "DROP FUNCTION booking_hold"),
        migrations.RunSQL(CONFIRM, "DROP FUNCTION booking_confirm"),
    ]
