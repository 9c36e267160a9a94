-- The same clock read at this very call, which may be later within one statement: for what begins
-- only when a lock was had (a place in the line, the ten minutes of a hold).
CREATE FUNCTION jari_clock() RETURNS timestamptz LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
    SELECT clock_timestamp()
$$
