-- What is known of a person, for booking.services.standings: their lines, their reservations and
-- their entries of the cancellation list, as one JSON object. Bookings made before _sees_from are
-- left out, as a proxy may not see them.
--
-- A function, because its plan is kept for each connection: the ticket page asks it at the opening.
CREATE FUNCTION booking_standing(_person bigint, _sees_from timestamptz) RETURNS json
LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
BEGIN
    RETURN json_build_object(
        'now', jari_now(),
        'lines', (
            SELECT coalesce(json_agg(line ORDER BY line.opens_at, line.code), '[]') FROM (
                SELECT cohort.code, cohort.name_ko, cohort.name_en, cohort.opens_at,
                    cohort.closes_at, room.status, room.joins_from, room.frozen_at,
                    room.frozen_count, room.drawn_at, room.seed, room.quorum, room.witnessed_at,
                    moving.serving, moving.ticked_at,
                    decision.eligible, decision.provisional, decision.window_from,
                    decision.window_to, ticket.id AS ticket, ticket.entry, ticket.left_at,
                    ticket.provisional AS provisional_ticket, door.at AS door_at,
                    alert.channel, admission.expires_at, admission.extensions
                FROM (
                    SELECT cohort_id FROM eligibility_decision
                    WHERE person_id = _person AND eligibility_decision.eligible
                    UNION
                    SELECT joined.cohort_id FROM waiting_room_ticket
                    JOIN waiting_room_room AS joined ON joined.id = waiting_room_ticket.room_id
                    WHERE person_id = _person
                ) AS own
                JOIN eligibility_cohort AS cohort ON cohort.id = own.cohort_id
                LEFT JOIN eligibility_decision AS decision
                    ON decision.cohort_id = cohort.id AND decision.person_id = _person
                LEFT JOIN waiting_room_room AS room ON room.cohort_id = cohort.id
                LEFT JOIN waiting_room_line AS moving ON moving.room_id = room.id
                LEFT JOIN waiting_room_ticket AS ticket
                    ON ticket.room_id = room.id AND ticket.person_id = _person
                LEFT JOIN waiting_room_doorwait AS door ON door.ticket_id = ticket.id
                LEFT JOIN waiting_room_alert AS alert ON alert.ticket_id = ticket.id
                LEFT JOIN waiting_room_admission AS admission
                    ON admission.ticket_id = ticket.id AND admission.ended_at IS NULL
                    AND admission.expires_at > jari_now()
            ) AS line
        ),
        'reservations', (
            SELECT coalesce(json_agg(reservation ORDER BY reservation.id), '[]') FROM (
                SELECT reservation.id, reservation.number, reservation.dose, reservation.status,
                    reservation.origin, reservation.held_until, reservation.changed_at,
                    slot.starts_at, coalesce(home.name, clinic.name) AS clinic,
                    -- A care home has no name in English.
                    CASE WHEN home.id IS NULL THEN clinic.name_en ELSE '' END AS clinic_en,
                    -- By a visit to a care home, which books its second doses as a list.
                    slot.home_id IS NOT NULL AS at_home, clinic.cutoff_hours, vaccine.doses,
                    offer.token, offer.until
                FROM booking_reservation AS reservation
                JOIN booking_slot AS slot ON slot.id = reservation.slot_id
                JOIN booking_clinic AS clinic ON clinic.id = slot.clinic_id
                LEFT JOIN booking_carehome AS home ON home.id = slot.home_id
                JOIN booking_vaccine AS vaccine ON vaccine.id = slot.vaccine_id
                LEFT JOIN booking_offer AS offer
                    ON offer.reservation_id = reservation.id AND offer.status = 'open'
                WHERE reservation.person_id = _person AND reservation.created_at >= _sees_from
                    AND reservation.status NOT IN ('lapsed', 'released')
                    AND (reservation.status <> 'held' OR reservation.held_until > jari_now())
            ) AS reservation
        ),
        'outside', (
            SELECT coalesce(json_agg(outside), '[]') FROM (
                SELECT given.dose, vaccine.doses
                FROM booking_outsidedose AS given
                JOIN booking_vaccine AS vaccine ON vaccine.id = given.vaccine_id
                WHERE given.person_id = _person
            -- Not called as one of its columns, of which json_agg would take the values.
            ) AS outside
        ),
        'on_list', EXISTS (
            SELECT FROM booking_listentry
            WHERE person_id = _person AND status IN ('waiting', 'offered')
                AND joined_at >= _sees_from
        )
    );
END $$
