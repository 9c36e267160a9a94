-- The servers that follow the primary, those of the backups too: lag in seconds and bytes until a
-- commit is on their disk. By the rights of the owner of the tables, who is a member of
-- pg_read_all_stats: the application may know this, and not what others ask the database. Without
-- that membership each row is NULL in all its columns.
CREATE FUNCTION recovery_standbys() RETURNS TABLE (
    name text, synchronous boolean, lag_seconds double precision, behind_bytes bigint
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT
        application_name,
        state = 'streaming' AND sync_state IN ('sync', 'quorum'),
        extract(epoch FROM coalesce(flush_lag, '0'))::double precision,
        (pg_current_wal_lsn() - flush_lsn)::bigint
    FROM pg_stat_replication
    ORDER BY application_name, pid
$$
