"""What every page about a reservation reads, planned once for each connection.

Written by the ORM and planned anew for each page, it took longer than anything else of a booking
but the writing of the pages themselves.
"""

from django.db import migrations

READ = """
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
    min_days smallint, best_days smallint, max_days smallint
) LANGUAGE plpgsql STABLE SET enable_seqscan = off AS $$
BEGIN
    RETURN QUERY SELECT
        one.id, one.number, one.person_id, one.slot_id, one.dose, one.status,
        one.held_until, one.extensions, one.key, one.origin, one.admission_id,
        one.by, one.created_at, one.confirmed_at, one.changed_at,
        one.language, one.channel, one.email,
        slot.id, slot.clinic_id, slot.vaccine_id, slot.starts_at, slot.capacity,
        slot.margin, slot.booked,
        clinic.id, clinic.code, clinic.name, clinic.region, clinic.district,
        clinic.address, clinic.phone, clinic.cutoff_hours,
        vaccine.id, vaccine.code, vaccine.name_ko, vaccine.name_en, vaccine.doses,
        vaccine.min_days, vaccine.best_days, vaccine.max_days
    FROM booking_reservation AS one
    JOIN booking_slot AS slot ON slot.id = one.slot_id
    JOIN booking_clinic AS clinic ON clinic.id = slot.clinic_id
    JOIN booking_vaccine AS vaccine ON vaccine.id = slot.vaccine_id
    WHERE one.person_id = _person
        -- An offer has a page of its own.
        AND (NOT _held OR (one.status = 'held' AND one.origin <> 'offer'))
    ORDER BY one.dose, one.id DESC;
END $$
"""


class Migration(migrations.Migration):
    dependencies = [("booking", "0008_hold_and_confirm_lighter")]

    operations = [migrations.RunSQL(READ, "DROP FUNCTION booking_of_person")]
