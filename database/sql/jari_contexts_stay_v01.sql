-- Who acted, in pghistory_context: the application writes a context, and within the same request or
-- job may add to it (pghistory's own INSERT … ON CONFLICT DO UPDATE). Afterwards it is history.
CREATE FUNCTION jari_contexts_stay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a context of the history never changes' USING ERRCODE = 'check_violation';
END
$$
