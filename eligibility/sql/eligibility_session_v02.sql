-- Whose session a sign-in cookie opens, and since when what was made for that person may be seen in
-- it; NULLs where it has ended. Its twin in Python: eligibility.sessions.session_from_rows.
--
-- A session ends when who signed in signs out of it, which adds its number to their ended ones, or
-- everywhere, which raises their generation. Acting for a person ends with the session of who acts,
-- with the person signing out everywhere, and with the proxy; who acts sees what was made since the
-- person agreed, unless they agreed to more. The person in a session of their own sees everything
-- ('epoch').
--
-- A function, so that statements of other apps ask it on the way: planned once for each connection.
-- _number has a default for nodes that run the version before.
CREATE FUNCTION eligibility_session(
    _person bigint, _generation bigint, _by bigint, _by_generation bigint,
    _number bigint DEFAULT 0,
    OUT person_id bigint, OUT sees_from timestamptz
) LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
BEGIN
    IF _by IS NULL THEN
        SELECT person.id, timestamptz 'epoch' INTO person_id, sees_from
        FROM eligibility_person AS person
        WHERE person.id = _person AND person.session_generation = _generation
            AND _number <> ALL (person.ended_sessions);
    ELSE
        SELECT person.id, CASE WHEN proxy.shows_earlier THEN timestamptz 'epoch' ELSE proxy.declared_at END
        INTO person_id, sees_from
        FROM eligibility_person AS person
        JOIN eligibility_proxy AS proxy ON proxy.person_id = person.id AND proxy.ended_at IS NULL
        JOIN eligibility_person AS by ON by.id = proxy.by_id
        WHERE person.id = _person AND person.session_generation = _generation
            AND by.id = _by AND by.session_generation = _by_generation
            AND _number <> ALL (by.ended_sessions);
    END IF;
END $$
