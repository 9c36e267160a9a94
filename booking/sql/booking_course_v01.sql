-- The doses of a person, given or booked (booking.rules.Booked), of their appointments but holds and
-- of doses given elsewhere: booking.services.courses.course_of.
--
-- A function, because its plan is kept for each connection: every list of open times asks it.
CREATE FUNCTION booking_course(_person bigint, _zone text) RETURNS TABLE (
    dose smallint, vaccine_id bigint, on_day date, given boolean
) LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
BEGIN
    RETURN QUERY
    SELECT reservation.dose, slot.vaccine_id, (slot.starts_at AT TIME ZONE _zone)::date,
        reservation.status = 'vaccinated'
    FROM booking_reservation AS reservation
    JOIN booking_slot AS slot ON slot.id = reservation.slot_id
    WHERE reservation.person_id = _person
        AND reservation.status IN ('confirmed', 'arrived', 'vaccinated')
    UNION ALL
    SELECT outside.dose, outside.vaccine_id, outside.given_on, true
    FROM booking_outsidedose AS outside WHERE outside.person_id = _person;
END $$
