-- Confirms everything held under one key (booking.services.confirmations.confirm_hold), once.
--
-- In one round trip: 'held' -> 'confirmed', the entry on the cancellation list ends ('fulfilled'),
-- an open offer becomes 'taken', the message is noted ('unwritten': the worker writes the text),
-- and the admission ends ('booked') once the last dose of the series is booked. Answers NULL when
-- nothing is held under the key by this person in time; the caller then finds out why. So it does
-- while others of the same party (booking.services.together) hold a place, unless the caller names
-- the party: nobody is parted from their family by accident.
--
-- Statuses: booking.enums.ReservationStatus, EntryStatus, OfferStatus, messaging.enums.Status,
-- waiting_room.enums.Ending.
CREATE FUNCTION booking_confirm_at_once(
    _key uuid, _person bigint, _language text, _channel text, _email bytea,
    _party uuid DEFAULT NULL,
    OUT reservations bigint[], OUT numbers text[], OUT doses int[]
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
DECLARE
    _now timestamptz := jari_now();
    _under int;
    _offered boolean;
    _on_list boolean;
    _series_complete boolean;
    _admission bigint;
BEGIN
    WITH made AS (
        UPDATE booking_reservation
        SET status = 'confirmed', by = 'citizen', confirmed_at = _now, changed_at = _now,
            language = _language, channel = _channel, email = _email
        -- In a CASE, so that no plan searches the key among all rows that are held at the moment.
        WHERE key = _key
            AND CASE WHEN status = 'held' THEN held_until > _now AND person_id = _person AND (
                party IS NULL OR party = _party OR NOT EXISTS (
                    SELECT FROM booking_reservation AS other
                    WHERE other.party = booking_reservation.party AND other.person_id <> _person
                        AND other.status = 'held' AND other.held_until > _now
                )
            ) END
        RETURNING id, number, dose, origin, admission_id, slot_id
    )
    SELECT array_agg(made.id ORDER BY made.dose), array_agg(made.number::text ORDER BY made.dose),
        array_agg(made.dose::int ORDER BY made.dose), bool_or(made.origin = 'offer'),
        (SELECT count(*) FROM booking_reservation WHERE key = _key),
        EXISTS (
            SELECT FROM booking_listentry
            WHERE person_id = _person AND status IN ('waiting', 'offered')
        ),
        max(made.dose) >= (
            SELECT vaccine.doses FROM booking_slot AS slot
            JOIN booking_vaccine AS vaccine ON vaccine.id = slot.vaccine_id
            WHERE slot.id = max(made.slot_id)
        ),
        max(made.admission_id)
    INTO reservations, numbers, doses, _offered, _under, _on_list, _series_complete, _admission
    FROM made;
    IF reservations IS NULL THEN
        RETURN;
    END IF;
    -- Both doses or none: one of the two holds may have lapsed.
    IF cardinality(reservations) <> _under THEN
        RAISE EXCEPTION 'held in part' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    -- A person with an appointment leaves the cancellation list.
    IF _on_list THEN
        UPDATE booking_listentry AS entry SET status = 'fulfilled', ended_at = _now
        WHERE person_id = _person AND status IN ('waiting', 'offered')
            AND entry.dose = ANY(doses);
    END IF;
    IF _offered THEN
        UPDATE booking_offer SET status = 'taken', answered_at = _now
        WHERE reservation_id = ANY(reservations) AND status = 'open';
    END IF;
    INSERT INTO messaging_message
        (key, kind, channel, person_id, status, tries, problem, created_at)
    VALUES ('confirmed:' || numbers[1], 'confirmed',
        CASE WHEN _email IS NULL THEN 'sms' ELSE _channel END, _person, 'unwritten', 0, '', _now)
    ON CONFLICT (key) DO NOTHING;
    -- Line.active is not touched here (a hot row): it is recounted by the next entering or tick.
    IF _series_complete THEN
        UPDATE waiting_room_admission SET ended_at = _now, ending = 'booked'
        WHERE id = _admission AND ended_at IS NULL;
    END IF;
END $$
