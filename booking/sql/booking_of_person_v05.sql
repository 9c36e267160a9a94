-- All reservations of a person with slot, clinic and vaccine (booking.services.reading), by dose,
-- newest first; with _held only those held, without offers. Columns in the order of
-- reading.OF_PERSON. A function, because its plan is kept for each connection: planned anew for each
-- page it took longer than anything else of a booking but rendering. Not STABLE: the statement that
-- holds (booking.services.at_once) reads the hold by it.
CREATE FUNCTION booking_of_person(_person bigint, _held boolean) RETURNS TABLE (
    id bigint, number varchar, person_id bigint, slot_id bigint, dose smallint, status varchar,
    held_until timestamptz, extensions smallint, key uuid, origin varchar, admission_id bigint,
    by varchar, created_at timestamptz, confirmed_at timestamptz, changed_at timestamptz,
    language varchar, channel varchar, email bytea,
    slot bigint, clinic_id bigint, vaccine_id bigint, starts_at timestamptz, capacity smallint,
    margin smallint, booked smallint,
    clinic bigint, clinic_code varchar, clinic_name varchar, region varchar, district varchar,
    address varchar, phone varchar, cutoff_hours smallint,
    vaccine bigint, vaccine_code varchar, name_ko varchar, name_en varchar, doses smallint,
    min_days smallint, best_days smallint, max_days smallint,
    home bigint, home_name varchar, home_region varchar, home_district varchar,
    home_address varchar, home_phone varchar,
    party uuid, clinic_name_en varchar
) LANGUAGE plpgsql SET enable_seqscan = off AS $$
BEGIN
    RETURN QUERY SELECT
        reservation.id, reservation.number, reservation.person_id, reservation.slot_id, reservation.dose, reservation.status,
        reservation.held_until, reservation.extensions, reservation.key, reservation.origin, reservation.admission_id,
        reservation.by, reservation.created_at, reservation.confirmed_at, reservation.changed_at,
        reservation.language, reservation.channel, reservation.email,
        slot.id, slot.clinic_id, slot.vaccine_id, slot.starts_at, slot.capacity,
        slot.margin, slot.booked,
        clinic.id, clinic.code, clinic.name, clinic.region, clinic.district,
        clinic.address, clinic.phone, clinic.cutoff_hours,
        vaccine.id, vaccine.code, vaccine.name_ko, vaccine.name_en, vaccine.doses,
        vaccine.min_days, vaccine.best_days, vaccine.max_days,
        home.id, home.name, home.region, home.district, home.address, home.phone,
        -- The name last: processes of the version before read the columns by their place.
        reservation.party, clinic.name_en
    FROM booking_reservation AS reservation
    JOIN booking_slot AS slot ON slot.id = reservation.slot_id
    JOIN booking_clinic AS clinic ON clinic.id = slot.clinic_id
    JOIN booking_vaccine AS vaccine ON vaccine.id = slot.vaccine_id
    -- The care home that a visit goes to; NULL for an appointment at the clinic.
    LEFT JOIN booking_carehome AS home ON home.id = slot.home_id
    WHERE reservation.person_id = _person
        -- Offers have a page of their own.
        AND (NOT _held OR (reservation.status = 'held' AND reservation.origin <> 'offer'))
    ORDER BY reservation.dose, reservation.id DESC;
END $$
