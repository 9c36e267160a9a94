-- The only clock that decides: every rule that compares with "now", in SQL or in Python
-- (database.clock), asks this function. Inlined by the planner, so it costs nothing and an index
-- can be used with it. The moment is that at which the client's statement began, also inside a
-- function of ours: a request is judged by when it was made, not by how long it waited for a lock.
-- Where the moment after the wait is meant: jari_clock().
--
-- Defaults of columns depend on it: a later version has to CREATE OR REPLACE it.
CREATE FUNCTION jari_now() RETURNS timestamptz LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT statement_timestamp()
$$
