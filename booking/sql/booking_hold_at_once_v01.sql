-- Fast path of a hold (booking.services.holds._hold_at_once): one or two slots in one round trip.
--
-- Returns the new reservation ids, or NULLs when the person has a live reservation or an outside
-- dose, the admission has ended or had a hold before, a slot is full, closed or begun, or the
-- vaccine is not the cohort's; a unique index may also refuse it. In each of these cases nothing is
-- changed, and the caller takes the careful path (_hold_carefully), which holds the same slots or
-- raises the reason.
--
-- Statuses are those of booking.enums.ReservationStatus: 'held', 'confirmed', 'arrived' and
-- 'vaccinated' are LIVE. Every plan uses an index, also those made while the tables were empty.
CREATE FUNCTION booking_hold_at_once(
    _slot bigint, _second bigint, _single boolean, _person bigint, _admission bigint,
    _number text, _second_number text, _key uuid, _lifetime interval, _language text,
    OUT reservation bigint, OUT second_reservation bigint, OUT made_at timestamptz,
    OUT made_until timestamptz
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    _vaccines varchar[];
    _more boolean;
BEGIN
    -- Serialises with the recording of an outside dose of this person, which takes the same lock
    -- exclusively (booking.services.seats.OUTSIDE_DOSES_LOCK): without it, a dose recorded while
    -- this hold waits for its slot would be overlooked by both.
    PERFORM pg_advisory_xact_lock_shared(1112162626, hashint8(_person));
    -- The vaccines of the admission's cohort (an empty array allows all), read before the slot is
    -- locked to keep the lock short. A person with a live reservation or an outside dose exchanges
    -- something or books another dose, and what was held before shortens this hold: left to the
    -- careful path.
    SELECT cohort.vaccines,
        EXISTS (SELECT FROM booking_outsidedose WHERE person_id = _person) OR EXISTS (
            SELECT FROM booking_reservation
            WHERE person_id = _person AND (
                status IN ('held', 'confirmed', 'arrived', 'vaccinated')
                OR admission_id = _admission
            )
        )
    INTO _vaccines, _more
    FROM waiting_room_admission AS admission
    JOIN waiting_room_room AS room ON room.id = admission.room_id
    JOIN eligibility_cohort AS cohort ON cohort.id = room.cohort_id
    WHERE admission.id = _admission
        AND admission.ended_at IS NULL AND admission.expires_at > jari_now();
    IF _more IS NOT FALSE THEN
        RETURN;
    END IF;
    IF _second IS NULL THEN
        -- The conditional UPDATE takes the place and keeps the row locked until commit, so the
        -- last place can't be given to two people.
        UPDATE booking_slot AS slot SET booked = booked + 1
        WHERE id = _slot AND booked < capacity + margin AND starts_at > jari_now() AND (
            SELECT clinic.active AND (vaccine.doses = 1 OR NOT _single)
                AND (cardinality(_vaccines) = 0 OR vaccine.code = ANY(_vaccines))
            FROM booking_clinic AS clinic, booking_vaccine AS vaccine
            WHERE clinic.id = slot.clinic_id AND vaccine.id = slot.vaccine_id
        );
        IF NOT FOUND THEN
            RETURN;
        END IF;
    ELSE
        -- Both or none, locked in the order of their ids. The next statement sees what others
        -- committed while the lock was waited for.
        PERFORM FROM booking_slot WHERE id IN (_slot, _second) ORDER BY id FOR NO KEY UPDATE;
        IF 2 <> (
            SELECT count(*) FROM booking_slot AS slot
            JOIN booking_clinic AS clinic ON clinic.id = slot.clinic_id AND clinic.active
            JOIN booking_vaccine AS vaccine ON vaccine.id = slot.vaccine_id
                AND (cardinality(_vaccines) = 0 OR vaccine.code = ANY(_vaccines))
            WHERE slot.id IN (_slot, _second) AND booked < capacity + margin
                AND starts_at > jari_now()
        ) THEN
            RETURN;
        END IF;
        UPDATE booking_slot SET booked = booked + 1 WHERE id IN (_slot, _second);
    END IF;
    -- The ten minutes begin when the place is had, however long its lock was waited for.
    made_at := jari_clock();
    made_until := made_at + _lifetime;
    INSERT INTO booking_reservation (
        number, person_id, slot_id, dose, status, held_until, extensions, key, origin,
        admission_id, by, created_at, changed_at, language, channel
    ) VALUES (_number, _person, _slot, 1, 'held', made_until, 0, _key, 'line',
        _admission, 'citizen', made_at, made_at, _language, 'sms')
    RETURNING id INTO reservation;
    IF _second IS NOT NULL THEN
        INSERT INTO booking_reservation (
            number, person_id, slot_id, dose, status, held_until, extensions, key, origin,
            admission_id, by, created_at, changed_at, language, channel
        ) VALUES (_second_number, _person, _second, 2, 'held', made_until, 0, _key, 'line',
            _admission, 'citizen', made_at, made_at, _language, 'sms')
        RETURNING id INTO second_reservation;
    END IF;
END $$
