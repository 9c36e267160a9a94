-- Makes the sequence that a room's entry numbers come from (Room.entry_sequence). Runs with the
-- rights of the owner, since the application makes no tables: exactly this sequence, of a room that
-- exists, and once. What the application may do with it is in the owner's default privileges
-- (database.roles): draw numbers, never set them back.
--
-- Named by the room's id, which is never reused. CACHE 1: a larger cache gives each connection its
-- own block of numbers, out of order.
CREATE FUNCTION waiting_room_make_entries(_room bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM public.waiting_room_room WHERE id = _room) THEN
        RAISE EXCEPTION 'there is no room %', _room;
    END IF;
    EXECUTE format(
        'CREATE SEQUENCE public.%I AS bigint CACHE 1', 'waiting_room_entry_' || _room
    );
END
$$
