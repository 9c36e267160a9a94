import django.contrib.postgres.indexes
import django.db.models.deletion
import django.db.models.expressions
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('booking', '0001_initial'),
        ('eligibility', '0001_initial'),
        ('pghistory', '0007_auto_20250421_0444'),
        ('waiting_room', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='listentry',
            name='admission',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='list_entries', to='waiting_room.admission', verbose_name='admission'),
        ),
        migrations.AddField(
            model_name='listentry',
            name='person',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='list_entries', to='eligibility.person', verbose_name='person'),
        ),
        migrations.AddField(
            model_name='listentryevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='listentryevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='status_ended_by_events', to='booking.listentry'),
        ),
        migrations.AddField(
            model_name='lostappointment',
            name='entry',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='instead_of', to='booking.listentry'),
        ),
        migrations.AddField(
            model_name='offer',
            name='entry',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='offers', to='booking.listentry'),
        ),
        migrations.AddField(
            model_name='offer',
            name='person',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='offers', to='eligibility.person'),
        ),
        migrations.AddField(
            model_name='outsidedose',
            name='person',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='outside_doses', to='eligibility.person', verbose_name='person'),
        ),
        migrations.AddField(
            model_name='lostappointment',
            name='outside_dose',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='freed', to='booking.outsidedose'),
        ),
        migrations.AddField(
            model_name='listentry',
            name='outside_dose',
            field=models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='ended_entries', to='booking.outsidedose'),
        ),
        migrations.AddField(
            model_name='outsidedoseevent',
            name='person',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='eligibility.person', verbose_name='person'),
        ),
        migrations.AddField(
            model_name='outsidedoseevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='outsidedoseevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='booking.outsidedose'),
        ),
        migrations.AddField(
            model_name='reservation',
            name='admission',
            field=models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='reservations', to='waiting_room.admission', verbose_name='admission'),
        ),
        migrations.AddField(
            model_name='reservation',
            name='person',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reservations', to='eligibility.person', verbose_name='person'),
        ),
        migrations.AddField(
            model_name='offer',
            name='reservation',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='offer', to='booking.reservation'),
        ),
        migrations.AddField(
            model_name='lostappointment',
            name='reservation',
            field=models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='freed', to='booking.reservation'),
        ),
        migrations.AddField(
            model_name='reservationevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='reservationevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='booking.reservation'),
        ),
        migrations.AddField(
            model_name='slot',
            name='clinic',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='slots', to='booking.clinic', verbose_name='clinic'),
        ),
        migrations.AddField(
            model_name='reservationevent',
            name='slot',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='booking.slot'),
        ),
        migrations.AddField(
            model_name='reservation',
            name='slot',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reservations', to='booking.slot', verbose_name='slot'),
        ),
        migrations.AddField(
            model_name='offer',
            name='slot',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='offers', to='booking.slot'),
        ),
        migrations.AddField(
            model_name='slotevent',
            name='clinic',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='booking.clinic', verbose_name='clinic'),
        ),
        migrations.AddField(
            model_name='slotevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='slotevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='clinic_vaccine_starts_at_capacity_margin_events', to='booking.slot'),
        ),
        migrations.AddField(
            model_name='stock',
            name='clinic',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='stocks', to='booking.clinic', verbose_name='clinic'),
        ),
        migrations.AddField(
            model_name='stockevent',
            name='clinic',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='booking.clinic', verbose_name='clinic'),
        ),
        migrations.AddField(
            model_name='stockevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='stockevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='booking.stock'),
        ),
        migrations.AddConstraint(
            model_name='vaccine',
            constraint=models.CheckConstraint(condition=models.Q(('doses', 1), models.Q(('best_days__lte', models.F('max_days')), ('doses', 2), ('min_days__lte', models.F('best_days'))), _connector='OR'), name='vaccine_interval_in_order', violation_error_message='Say one dose or two. Two need the days between them: at least, best and at most, in this order.'),
        ),
        migrations.AddConstraint(
            model_name='vaccine',
            constraint=models.CheckConstraint(condition=models.Q(('doses', 1), models.Q(('best_days__isnull', False), ('max_days__isnull', False), ('min_days__isnull', False)), _connector='OR'), name='vaccine_of_two_doses_has_an_interval', violation_error_message='Say one dose or two. Two need the days between them: at least, best and at most, in this order.'),
        ),
        migrations.AddField(
            model_name='stockevent',
            name='vaccine',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='booking.vaccine', verbose_name='vaccine'),
        ),
        migrations.AddField(
            model_name='stock',
            name='vaccine',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='stocks', to='booking.vaccine', verbose_name='vaccine'),
        ),
        migrations.AddField(
            model_name='slotevent',
            name='vaccine',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='booking.vaccine', verbose_name='vaccine'),
        ),
        migrations.AddField(
            model_name='slot',
            name='vaccine',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='slots', to='booking.vaccine', verbose_name='vaccine'),
        ),
        migrations.AddField(
            model_name='outsidedoseevent',
            name='vaccine',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='booking.vaccine', verbose_name='vaccine'),
        ),
        migrations.AddField(
            model_name='outsidedose',
            name='vaccine',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='outside_doses', to='booking.vaccine', verbose_name='vaccine'),
        ),
        migrations.AddField(
            model_name='listentry',
            name='vaccine',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='list_entries', to='booking.vaccine', verbose_name='vaccine'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='vaccine',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "booking_vaccineevent" ("best_days", "code", "doses", "id", "max_days", "min_days", "name_en", "name_ko", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."best_days", NEW."code", NEW."doses", NEW."id", NEW."max_days", NEW."min_days", NEW."name_en", NEW."name_ko", _pgh_attach_context(), NOW(), \'insert\', NEW."id"); RETURN NULL;', hash='ca58d88aea8a0621015e49c074a4f25c4c5b4cd8', operation='INSERT', pgid='pgtrigger_insert_insert_f19d8', table='booking_vaccine', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='vaccine',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "booking_vaccineevent" ("best_days", "code", "doses", "id", "max_days", "min_days", "name_en", "name_ko", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id") VALUES (NEW."best_days", NEW."code", NEW."doses", NEW."id", NEW."max_days", NEW."min_days", NEW."name_en", NEW."name_ko", _pgh_attach_context(), NOW(), \'update\', NEW."id"); RETURN NULL;', hash='621634244ee998d92e2eb9186fe1dab60b55bd8e', operation='UPDATE', pgid='pgtrigger_update_update_ff9fa', table='booking_vaccine', when='AFTER')),
        ),
        migrations.AddField(
            model_name='vaccineevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='vaccineevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='booking.vaccine'),
        ),
        migrations.AddIndex(
            model_name='lostappointment',
            index=models.Index(condition=models.Q(('lost_at__isnull', False)), fields=['lost_at'], name='lost_appointments'),
        ),
        migrations.AddConstraint(
            model_name='lostappointment',
            constraint=models.CheckConstraint(condition=models.Q(('outside_dose__isnull', False), ('lost_at__isnull', False), _connector='OR'), name='freed_by_a_record_or_lost'),
        ),
        migrations.AddConstraint(
            model_name='lostappointment',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('lost_at__isnull', True), ('lost_because', '')), models.Q(('lost_at__isnull', False), models.Q(('lost_because', ''), _negated=True)), _connector='OR'), name='lost_with_a_reason'),
        ),
        migrations.AddIndex(
            model_name='reservation',
            index=models.Index(condition=models.Q(('status', 'held')), fields=['held_until'], name='holds_by_clock'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.UniqueConstraint(fields=('number',), name='one_reservation_per_number'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.UniqueConstraint(fields=('key', 'dose'), name='one_reservation_per_key_and_dose'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.UniqueConstraint(condition=models.Q(('status__in', ['held', 'confirmed', 'arrived', 'vaccinated'])), fields=('person', 'dose'), name='one_live_reservation_per_person_and_dose'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'held'), _negated=True), ('held_until__isnull', False), _connector='OR'), name='hold_has_a_clock'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.CheckConstraint(condition=models.Q(('admission__isnull', False), ('origin__in', ['staff', 'offer']), _connector='OR'), name='nobody_books_without_being_called'),
        ),
        migrations.AddConstraint(
            model_name='reservation',
            constraint=models.CheckConstraint(condition=models.Q(('dose__gte', 1), ('dose__lte', 9)), name='dose_is_a_number'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='reservation',
            trigger=pgtrigger.compiler.Trigger(name='status_moves_lawfully', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."status" IS DISTINCT FROM (NEW."status") AND NOT (NEW."status" = \'confirmed\' AND OLD."status" = \'held\'))', declare='DECLARE _is_valid_transition BOOLEAN;', func='SELECT CONCAT(OLD."status", \':\', NEW."status") = ANY(\'{held:confirmed,held:lapsed,held:released,confirmed:arrived,confirmed:vaccinated,confirmed:no_show,confirmed:cancelled,arrived:confirmed,arrived:vaccinated,arrived:no_show,vaccinated:arrived,no_show:confirmed,cancelled:confirmed}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."status" IS DISTINCT FROM NEW."status") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "status" from "%" to "%" on table %\', OLD."status", NEW."status", TG_TABLE_NAME; ELSE RETURN NEW; END IF;', hash='19f7c5e1d9078c6c4a31535dd3a969035c047a0a', operation='UPDATE', pgid='pgtrigger_status_moves_lawfully_1e643', table='booking_reservation', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='reservation',
            trigger=pgtrigger.compiler.Trigger(name='before_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NOT (NEW."status" = \'confirmed\' AND OLD."status" = \'held\'))', func='INSERT INTO "booking_reservationevent" ("by", "changed_at", "held_until", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "slot_id", "status") VALUES (OLD."by", OLD."changed_at", OLD."held_until", _pgh_attach_context(), NOW(), \'before\', OLD."id", OLD."slot_id", OLD."status"); RETURN NULL;', hash='effddabf3b0027a341025f63ecceacad05151d71', operation='UPDATE', pgid='pgtrigger_before_update_1a8d2', table='booking_reservation', when='AFTER')),
        ),
        migrations.AddIndex(
            model_name='offer',
            index=models.Index(condition=models.Q(('status', 'open')), fields=['until'], name='offers_by_clock'),
        ),
        migrations.AddConstraint(
            model_name='offer',
            constraint=models.UniqueConstraint(fields=('person', 'slot'), name='one_offer_per_person_and_slot'),
        ),
        migrations.AddConstraint(
            model_name='offer',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'open')), fields=('entry',), name='one_open_offer_per_entry'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='offer',
            trigger=pgtrigger.compiler.Trigger(name='status_moves_lawfully', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."status" IS DISTINCT FROM (NEW."status"))', declare='DECLARE _is_valid_transition BOOLEAN;', func='SELECT CONCAT(OLD."status", \':\', NEW."status") = ANY(\'{open:taken,open:declined,open:lapsed}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."status" IS DISTINCT FROM NEW."status") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "status" from "%" to "%" on table %\', OLD."status", NEW."status", TG_TABLE_NAME; ELSE RETURN NEW; END IF;', hash='6bc3e4d0abc52710f90437d11698ea3265c988a9', operation='UPDATE', pgid='pgtrigger_status_moves_lawfully_48db1', table='booking_offer', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='stock',
            constraint=models.UniqueConstraint(fields=('clinic', 'on', 'vaccine'), name='one_stock_per_clinic_vaccine_and_day'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='stock',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "booking_stockevent" ("clinic_id", "doses", "id", "on", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "vaccine_id") VALUES (NEW."clinic_id", NEW."doses", NEW."id", NEW."on", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."vaccine_id"); RETURN NULL;', hash='987bc422c517e476a28e52c879712131b0c937ff', operation='INSERT', pgid='pgtrigger_insert_insert_d6d12', table='booking_stock', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='stock',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "booking_stockevent" ("clinic_id", "doses", "id", "on", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "vaccine_id") VALUES (NEW."clinic_id", NEW."doses", NEW."id", NEW."on", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."vaccine_id"); RETURN NULL;', hash='7596b7905928299d29f11b7b0428a5bf768ab344', operation='UPDATE', pgid='pgtrigger_update_update_caeb7', table='booking_stock', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='stock',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "booking_stockevent" ("clinic_id", "doses", "id", "on", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "vaccine_id") VALUES (OLD."clinic_id", OLD."doses", OLD."id", OLD."on", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."vaccine_id"); RETURN NULL;', hash='1ffa5bac416618434a112a8c6db597c15356a59e', operation='DELETE', pgid='pgtrigger_delete_delete_9e935', table='booking_stock', when='AFTER')),
        ),
        migrations.AddIndex(
            model_name='slot',
            index=models.Index(fields=['starts_at'], name='slots_by_time'),
        ),
        migrations.AddConstraint(
            model_name='slot',
            constraint=models.UniqueConstraint(fields=('clinic', 'starts_at', 'vaccine'), name='one_slot_per_clinic_vaccine_and_time'),
        ),
        migrations.AddConstraint(
            model_name='slot',
            constraint=models.CheckConstraint(condition=models.Q(('booked__gte', 0), ('booked__lte', django.db.models.expressions.CombinedExpression(models.F('capacity'), '+', models.F('margin')))), name='slot_never_overbooked'),
        ),
        migrations.AddConstraint(
            model_name='slot',
            constraint=models.CheckConstraint(condition=models.Q(('margin__lte', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('capacity'), '*', models.Value(20)), '/', models.Value(100)))), name='slot_margin_is_bounded'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='slot',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "booking_slotevent" ("capacity", "clinic_id", "margin", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "starts_at", "vaccine_id") VALUES (NEW."capacity", NEW."clinic_id", NEW."margin", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."starts_at", NEW."vaccine_id"); RETURN NULL;', hash='7c9dc10d1f77d0cdde742bec5bee60dd72a6cc73', operation='INSERT', pgid='pgtrigger_insert_insert_d4886', table='booking_slot', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='slot',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."capacity" IS DISTINCT FROM (NEW."capacity") OR OLD."clinic_id" IS DISTINCT FROM (NEW."clinic_id") OR OLD."margin" IS DISTINCT FROM (NEW."margin") OR OLD."starts_at" IS DISTINCT FROM (NEW."starts_at") OR OLD."vaccine_id" IS DISTINCT FROM (NEW."vaccine_id"))', func='INSERT INTO "booking_slotevent" ("capacity", "clinic_id", "margin", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "starts_at", "vaccine_id") VALUES (NEW."capacity", NEW."clinic_id", NEW."margin", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."starts_at", NEW."vaccine_id"); RETURN NULL;', hash='e22be0780854d02ac9a5c0c6932e53ad4b518591', operation='UPDATE', pgid='pgtrigger_update_update_39235', table='booking_slot', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='outsidedose',
            constraint=models.UniqueConstraint(fields=('person', 'dose'), name='one_outside_dose_per_person_and_dose'),
        ),
        migrations.AddConstraint(
            model_name='outsidedose',
            constraint=models.CheckConstraint(condition=models.Q(('dose__gte', 1), ('dose__lte', 9)), name='outside_dose_is_a_number'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='outsidedose',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "booking_outsidedoseevent" ("by", "dose", "given_on", "id", "person_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "place", "recorded_at", "vaccine_id") VALUES (NEW."by", NEW."dose", NEW."given_on", NEW."id", NEW."person_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."place", NEW."recorded_at", NEW."vaccine_id"); RETURN NULL;', hash='45b802d7ea5c2511497ee5e5912767645cf2bde0', operation='INSERT', pgid='pgtrigger_insert_insert_ae113', table='booking_outsidedose', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='outsidedose',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "booking_outsidedoseevent" ("by", "dose", "given_on", "id", "person_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "place", "recorded_at", "vaccine_id") VALUES (NEW."by", NEW."dose", NEW."given_on", NEW."id", NEW."person_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."place", NEW."recorded_at", NEW."vaccine_id"); RETURN NULL;', hash='46aa50af8c76db8cbeb99a6dfdfffc022a6a16b5', operation='UPDATE', pgid='pgtrigger_update_update_aabe0', table='booking_outsidedose', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='outsidedose',
            trigger=pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "booking_outsidedoseevent" ("by", "dose", "given_on", "id", "person_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "place", "recorded_at", "vaccine_id") VALUES (OLD."by", OLD."dose", OLD."given_on", OLD."id", OLD."person_id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."place", OLD."recorded_at", OLD."vaccine_id"); RETURN NULL;', hash='049a32bf5ca7c60e15c845887778bc3f78debb86', operation='DELETE', pgid='pgtrigger_delete_delete_7180d', table='booking_outsidedose', when='AFTER')),
        ),
        migrations.AddIndex(
            model_name='listentry',
            index=django.contrib.postgres.indexes.GinIndex(condition=models.Q(('status', 'waiting')), fastupdate=False, fields=['places'], name='entries_by_area'),
        ),
        migrations.AddConstraint(
            model_name='listentry',
            constraint=models.UniqueConstraint(condition=models.Q(('status__in', ['waiting', 'offered'])), fields=('person', 'dose'), name='one_entry_per_person_and_dose'),
        ),
        migrations.AddConstraint(
            model_name='listentry',
            constraint=models.CheckConstraint(condition=models.Q(('date_from__lte', models.F('date_to')), ('time_from__lt', models.F('time_to'))), name='entry_in_order'),
        ),
        migrations.AddConstraint(
            model_name='listentry',
            constraint=models.CheckConstraint(condition=models.Q(('admission__isnull', False), ('by__startswith', 'staff:'), _connector='OR'), name='nobody_enters_the_list_without_being_called'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='listentry',
            trigger=pgtrigger.compiler.Trigger(name='status_moves_lawfully', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."status" IS DISTINCT FROM (NEW."status"))', declare='DECLARE _is_valid_transition BOOLEAN;', func='SELECT CONCAT(OLD."status", \':\', NEW."status") = ANY(\'{waiting:offered,waiting:fulfilled,waiting:ended,offered:waiting,offered:fulfilled,offered:ended,ended:waiting}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."status" IS DISTINCT FROM NEW."status") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "status" from "%" to "%" on table %\', OLD."status", NEW."status", TG_TABLE_NAME; ELSE RETURN NEW; END IF;', hash='8ad7e515831f05699bceedac92b07fc03b5c9065', operation='UPDATE', pgid='pgtrigger_status_moves_lawfully_9c47b', table='booking_listentry', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='listentry',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "booking_listentryevent" ("ended_by", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "status") VALUES (NEW."ended_by", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."status"); RETURN NULL;', hash='42e40c0a7143beacafa56812db3f1814e7afd548', operation='INSERT', pgid='pgtrigger_insert_insert_dbab3', table='booking_listentry', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='listentry',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."ended_by" IS DISTINCT FROM (NEW."ended_by") OR OLD."status" IS DISTINCT FROM (NEW."status"))', func='INSERT INTO "booking_listentryevent" ("ended_by", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "status") VALUES (NEW."ended_by", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."status"); RETURN NULL;', hash='4ef95342f0bab85c051b8dab7a15a48ff7b7f2b0', operation='UPDATE', pgid='pgtrigger_update_update_e6eed', table='booking_listentry', when='AFTER')),
        ),
    ]
