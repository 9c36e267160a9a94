-- What tells whether a ticket of this person is called (waiting_room.services.entering.called_place);
-- no row for another person's.
--
-- A function, because its plan is kept for each connection: everybody who enters asks it, and to plan
-- the join took longer than to run it.
CREATE FUNCTION waiting_room_called(_ticket uuid, _person bigint) RETURNS TABLE (
    serving bigint, entry bigint, room_id bigint, frozen_count bigint, seed varchar,
    drawn_at timestamptz
) LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
BEGIN
    RETURN QUERY
    SELECT line.serving, ticket.entry, room.id, room.frozen_count, room.seed, room.drawn_at
    FROM waiting_room_ticket AS ticket
    JOIN waiting_room_room AS room ON room.id = ticket.room_id
    JOIN waiting_room_line AS line ON line.room_id = ticket.room_id
    WHERE ticket.id = _ticket AND ticket.person_id = _person;
END $$
