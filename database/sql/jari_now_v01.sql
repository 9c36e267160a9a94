-- The only clock that decides: every rule that compares with "now", in SQL or in Python
-- (database.clock), asks this function. Inlined by the planner, so it costs nothing and an index
-- can be used with it. The moment is that at which the client's statement began.
CREATE FUNCTION jari_now() RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT statement_timestamp()
$$
