-- All that the first page of the finder asks about a person (booking.services.wishes): the live
-- admission, their wishes, and a row for each dose of their course, one without a dose if there is
-- none.
--
-- A function, because its plan is kept for each connection.
CREATE FUNCTION booking_inside(_person bigint, _zone text) RETURNS TABLE (
    cohort_id bigint, vaccines varchar[], region varchar, district varchar,
    id bigint, ticket_id uuid, room_id bigint, place bigint,
    entered_at timestamptz, expires_at timestamptz, extensions smallint,
    places varchar[], weekdays smallint[], part varchar, wished_vaccine_id bigint,
    changed_at timestamptz, needs bytea,
    dose smallint, vaccine_id bigint, on_day date, given boolean
) LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
BEGIN
    RETURN QUERY
    SELECT live.*, wish.places, wish.weekdays, wish.part, wish.vaccine_id, wish.changed_at,
        wish.needs, course.*
    FROM waiting_room_live_admission(_person) AS live
    LEFT JOIN booking_wish AS wish ON wish.person_id = _person
    LEFT JOIN LATERAL booking_course(_person, _zone) AS course ON true;
END $$
