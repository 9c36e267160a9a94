-- What the eligibility page shows of a person (eligibility.own_rows): their row, their decisions and,
-- newest first, their reviews.
--
-- A function, because its plans are kept for each connection: to plan them took longer than to read
-- the rows.
CREATE FUNCTION eligibility_own_rows(
    _person bigint, OUT person eligibility_person, OUT decisions text, OUT reviews text
) LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
BEGIN
    SELECT * INTO person FROM eligibility_person AS own WHERE own.id = _person;
    SELECT coalesce(json_agg(decision), '[]') INTO decisions
    FROM eligibility_decision AS decision WHERE decision.person_id = _person;
    SELECT coalesce(json_agg(review ORDER BY review.id DESC), '[]') INTO reviews FROM (
        SELECT asked.id, asked.cohort_id, asked.status, asked.opened_at, asked.answer
        FROM eligibility_review AS asked WHERE asked.person_id = _person
    ) AS review;
END $$
