-- Fast path of entering (waiting_room.services.entering._enter_at_once): lets tickets of one room
-- in, with the places that the draw gave them, in one statement.
--
-- Returns their admissions, new ones and those that live. For a ticket without one nothing is
-- changed, and the caller takes the careful path (_enter_carefully), which decides by the same
-- rules and has what is rare: refusals, people inside counted anew when the room is full, the door,
-- who left and comes back, a review just granted. Every plan uses an index, also those made while
-- the tables were empty.
CREATE FUNCTION waiting_room_enter(
    _room bigint, _tickets uuid[], _places bigint[], _lifetime interval, _patience interval
) RETURNS SETOF waiting_room_admission LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    _serving bigint;
    _active integer;
    _now timestamptz;
    _free integer;
    _first_at_door bigint;
BEGIN
    -- Locked until commit: one statement at a time lets people into a room, which makes the number
    -- of free places true. The statements below see what was committed while the lock was waited
    -- for.
    SELECT serving, active INTO _serving, _active
    FROM waiting_room_line WHERE room_id = _room FOR NO KEY UPDATE;
    _now := jari_clock();
    RETURN QUERY SELECT live.* FROM waiting_room_admission AS live
    WHERE live.ticket_id = ANY (_tickets) AND live.ended_at IS NULL AND live.expires_at > _now;
    -- NULL in a room that has ended (Room.has_ended); 'closed' is RoomStatus.CLOSED.
    SELECT room.max_active - _active INTO _free
    FROM waiting_room_room AS room JOIN eligibility_cohort AS cohort ON cohort.id = room.cohort_id
    WHERE room.id = _room AND room.status <> 'closed' AND cohort.closes_at > _now;
    IF _free IS NULL OR _free <= 0 THEN
        RETURN;
    END IF;
    SELECT min(place) INTO _first_at_door
    FROM waiting_room_doorwait WHERE room_id = _room AND at > _now - _patience;
    -- A trigger adds each admission to the line, whose check holds against any mistake here.
    RETURN QUERY
    INSERT INTO waiting_room_admission
        (ticket_id, room_id, place, called_at, entered_at, expires_at, extensions, ending)
    SELECT ticket.id, _room, asked.place, (
            -- 'call' is Act.CALL.
            SELECT step.at FROM waiting_room_step AS step
            WHERE step.room_id = _room AND step.act = 'call' AND step.first <= asked.place
            ORDER BY step.first DESC LIMIT 1
        ), _now, _now + _lifetime, 0, ''
    FROM unnest(_tickets, _places) AS asked (ticket_id, place)
    JOIN waiting_room_ticket AS ticket ON ticket.id = asked.ticket_id AND ticket.room_id = _room
    WHERE asked.place <= _serving AND ticket.left_at IS NULL AND NOT ticket.provisional
        AND (_first_at_door IS NULL OR asked.place < _first_at_door)
        AND NOT EXISTS (SELECT FROM waiting_room_doorwait AS own WHERE own.ticket_id = ticket.id)
        AND NOT EXISTS (
            SELECT FROM waiting_room_admission AS own
            WHERE own.ticket_id = ticket.id AND own.ended_at IS NULL
        )
    ORDER BY asked.place LIMIT _free
    RETURNING waiting_room_admission.*;
END $$
