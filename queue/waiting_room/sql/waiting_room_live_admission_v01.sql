-- The live admission of a person with cohort and home (waiting_room.services.entering.live_admission):
-- asked by every booking page, so planned once for each connection.
CREATE FUNCTION waiting_room_live_admission(
    _person bigint,
    OUT cohort_id bigint, OUT vaccines varchar[], OUT region varchar, OUT district varchar,
    OUT id bigint, OUT ticket_id uuid, OUT room_id bigint, OUT place bigint,
    OUT entered_at timestamptz, OUT expires_at timestamptz, OUT extensions smallint
) LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
BEGIN
    SELECT cohort.id, cohort.vaccines, person.region, person.district,
        admission.id, admission.ticket_id, admission.room_id, admission.place,
        admission.entered_at, admission.expires_at, admission.extensions
    INTO cohort_id, vaccines, region, district,
        id, ticket_id, room_id, place, entered_at, expires_at, extensions
    FROM waiting_room_ticket AS ticket
    JOIN waiting_room_admission AS admission ON admission.ticket_id = ticket.id
    JOIN waiting_room_room AS room ON room.id = admission.room_id
    JOIN eligibility_cohort AS cohort ON cohort.id = room.cohort_id
    JOIN eligibility_person AS person ON person.id = ticket.person_id
    WHERE ticket.person_id = _person AND admission.ended_at IS NULL
        AND admission.expires_at > jari_now()
    ORDER BY admission.expires_at DESC LIMIT 1;
END $$
