-- Whether a trigger of pgtrigger shall do nothing, in place of the one that pgtrigger installs: by
-- that one every account can switch off every trigger for itself (SET pgtrigger.ignore). Here only
-- the owner of the tables can. Called by each trigger that fires, so the usual case comes first,
-- and without a subtransaction.
--
-- A migration that makes a trigger brings theirs back; database.roles.grant puts this one in its
-- place at the end of the same `migrate`.
CREATE OR REPLACE FUNCTION _pgtrigger_should_ignore(trigger_name name) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('pgtrigger.ignore', true), '') IN ('', '{}') THEN
        RETURN false;
    END IF;
    RETURN trigger_name = ANY (current_setting('pgtrigger.ignore')::text[]) AND pg_has_role(
        current_user,
        (SELECT proowner FROM pg_proc
         WHERE oid = 'public._pgtrigger_should_ignore(name)'::regprocedure),
        'USAGE'
    );
END
$$
