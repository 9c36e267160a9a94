-- Slots for the second dose of a series that begins with the slot _first, at most three, the best
-- first (booking.services.courses.best_seconds): same clinic and vaccine, within the interval,
-- nearest to the best day, then to the time of day of the first. None for a vaccine of one dose, and
-- for a person with an appointment or an outside dose.
--
-- Statuses: booking.enums.ReservationStatus; those of LIVE but 'held'. A function, because its plan
-- is kept for each connection: every hold of two doses asks it.
CREATE FUNCTION booking_best_seconds(_person bigint, _first bigint, _zone text)
RETURNS TABLE (slot bigint) LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
BEGIN
    RETURN QUERY
    -- The second slot that the person already holds together with this first one: repeating the
    -- request must not exchange it.
    WITH kept AS MATERIALIZED (
        SELECT hold_two.slot_id
        FROM booking_reservation AS hold_one
        JOIN booking_reservation AS hold_two ON hold_two.key = hold_one.key
        WHERE hold_one.person_id = _person AND hold_one.slot_id = _first
            AND hold_one.dose = 1 AND hold_one.status = 'held'
            AND hold_two.dose = 2 AND hold_two.status = 'held'
    )
    SELECT second.id
    FROM booking_slot AS first
    JOIN booking_vaccine AS vaccine ON vaccine.id = first.vaccine_id AND vaccine.doses = 2
    JOIN booking_slot AS second
        ON second.clinic_id = first.clinic_id AND second.vaccine_id = first.vaccine_id
        AND second.starts_at > first.starts_at
        -- Implied by the dates below, but on the bare column, for the index (clinic, starts_at).
        AND second.starts_at BETWEEN first.starts_at + make_interval(days => vaccine.min_days - 1)
            AND first.starts_at + make_interval(days => vaccine.max_days + 1)
        AND (second.starts_at AT TIME ZONE _zone)::date - (first.starts_at AT TIME ZONE _zone)::date
            BETWEEN vaccine.min_days AND vaccine.max_days
        AND (second.booked < second.capacity + second.margin
            OR second.id IN (SELECT kept.slot_id FROM kept))
    WHERE first.id = _first
        AND NOT EXISTS (SELECT FROM booking_outsidedose WHERE person_id = _person)
        AND NOT EXISTS (
            SELECT FROM booking_reservation
            WHERE person_id = _person AND status IN ('confirmed', 'arrived', 'vaccinated')
        )
    ORDER BY
        second.id IN (SELECT kept.slot_id FROM kept) DESC,
        abs((second.starts_at AT TIME ZONE _zone)::date - (first.starts_at AT TIME ZONE _zone)::date
            - vaccine.best_days),
        abs(extract(epoch FROM (second.starts_at AT TIME ZONE _zone)::time
            - (first.starts_at AT TIME ZONE _zone)::time)),
        second.id
    LIMIT 3;
END $$
