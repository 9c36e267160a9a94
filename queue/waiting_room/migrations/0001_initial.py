import database.clock
import django.core.validators
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
import privacy.fields
import uuid
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('database', '0001_clock'),
        ('eligibility', '0001_initial'),
        ('pghistory', '0007_auto_20250421_0444'),
    ]

    operations = [
        migrations.CreateModel(
            name='Room',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[('running', 'Running'), ('paused', 'Paused'), ('closed', 'Closed')], default='running', max_length=8, verbose_name='status')),
                ('joins_from', models.DateTimeField(verbose_name='joining possible from')),
                ('max_active', models.PositiveIntegerField(default=200, validators=[django.core.validators.MinValueValidator(1)], verbose_name='people booking at once')),
                ('max_per_minute', models.PositiveIntegerField(default=600, validators=[django.core.validators.MinValueValidator(1)], verbose_name='called per minute at most')),
                ('pause_message_ko', models.CharField(blank=True, max_length=200, verbose_name='message in Korean')),
                ('pause_message_en', models.CharField(blank=True, max_length=200, verbose_name='message in English')),
                ('draw_source', models.CharField(choices=[('drand', 'drand quicknet, a public beacon'), ('officers', 'secrets of several officers'), ('stated', 'a stated public value'), ('sample', 'a made-up number, for the sample campaign only')], default='drand', max_length=8, verbose_name='source of the number')),
                ('draw_after', models.PositiveSmallIntegerField(default=6, verbose_name='seconds after closing the list')),
                ('draw_statement', models.CharField(blank=True, max_length=200, verbose_name='which public value')),
                ('draw_secret', privacy.fields.EncryptedTextField(editable=True, verbose_name='draw secret')),
                ('draw_commitment', models.CharField(editable=False, max_length=64, verbose_name='commitment')),
                ('public_value', models.CharField(blank=True, max_length=200, verbose_name='public random value')),
                ('beacon_signature', models.CharField(blank=True, editable=False, max_length=96)),
                ('frozen_at', models.DateTimeField(editable=False, null=True, verbose_name='list frozen at')),
                ('frozen_count', models.PositiveBigIntegerField(editable=False, null=True, verbose_name='entries drawn')),
                ('list_digest', models.CharField(blank=True, editable=False, max_length=64, verbose_name='digest of the list')),
                ('seed', models.CharField(blank=True, editable=False, max_length=64, verbose_name='seed')),
                ('draw_inputs', models.TextField(blank=True, editable=False, verbose_name='inputs of the seed')),
                ('drawn_at', models.DateTimeField(editable=False, null=True, verbose_name='draw held at')),
                ('cohort', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='room', to='eligibility.cohort', verbose_name='cohort')),
            ],
            options={
                'verbose_name': 'waiting room',
                'verbose_name_plural': 'waiting rooms',
            },
        ),
        migrations.CreateModel(
            name='Board',
            fields=[
                ('room', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='board', serialize=False, to='waiting_room.room')),
                ('document', models.JSONField(default=dict, verbose_name='now document')),
                ('reasons', models.JSONField(default=list, verbose_name='why this pace')),
                ('estimates', models.JSONField(default=dict)),
                ('final', models.BooleanField(default=False)),
                ('left', models.PositiveBigIntegerField(null=True, verbose_name='left to book')),
                ('booked', models.PositiveBigIntegerField(null=True, verbose_name='booked')),
            ],
            options={
                'verbose_name': 'board',
                'verbose_name_plural': 'boards',
            },
        ),
        migrations.CreateModel(
            name='Ticket',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('entry', models.PositiveBigIntegerField(verbose_name='entry number')),
                ('joined_at', models.DateTimeField(verbose_name='joined at')),
                ('resume_index', models.BigIntegerField(editable=False, unique=True)),
                ('left_at', models.DateTimeField(blank=True, null=True, verbose_name='left at')),
                ('provisional', models.BooleanField(default=False, verbose_name='provisional')),
                ('person', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='tickets', to='eligibility.person')),
                ('room', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='tickets', to='waiting_room.room')),
            ],
            options={
                'verbose_name': 'ticket',
                'verbose_name_plural': 'tickets',
            },
        ),
        migrations.CreateModel(
            name='Admission',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('place', models.PositiveBigIntegerField(null=True, verbose_name='place')),
                ('called_at', models.DateTimeField(null=True, verbose_name='called at')),
                ('entered_at', models.DateTimeField(db_default=database.clock.Now(), verbose_name='entered at')),
                ('expires_at', models.DateTimeField(verbose_name='until')),
                ('extensions', models.PositiveSmallIntegerField(default=0, verbose_name='extensions')),
                ('ended_at', models.DateTimeField(blank=True, null=True, verbose_name='ended at')),
                ('ending', models.CharField(blank=True, choices=[('booked', 'Booked'), ('left', 'Left'), ('lapsed', 'Ran out of time')], max_length=6, verbose_name='ending')),
                ('ticket', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='admissions', to='waiting_room.ticket')),
                ('room', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='admissions', to='waiting_room.room')),
            ],
            options={
                'verbose_name': 'admission',
                'verbose_name_plural': 'admissions',
            },
        ),
        migrations.CreateModel(
            name='DrawOfficer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=40, verbose_name='name')),
                ('commitment', models.CharField(max_length=64, verbose_name='commitment')),
                ('secret', models.CharField(blank=True, max_length=64, verbose_name='secret')),
                ('room', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='officers', to='waiting_room.room')),
            ],
            options={
                'verbose_name': 'officer of a draw',
                'verbose_name_plural': 'officers of a draw',
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='Estimate',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('given_at', models.DateTimeField(verbose_name='given at')),
                ('place', models.PositiveBigIntegerField(verbose_name='place')),
                ('low', models.PositiveIntegerField(verbose_name='from')),
                ('high', models.PositiveIntegerField(verbose_name='to')),
                ('widening', models.FloatField(default=1.0)),
                ('called_at', models.DateTimeField(null=True, verbose_name='called at')),
                ('room', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='estimates', to='waiting_room.room')),
            ],
            options={
                'verbose_name': 'estimate',
                'verbose_name_plural': 'estimates',
            },
        ),
        migrations.CreateModel(
            name='LogPage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.PositiveIntegerField(verbose_name='page')),
                ('after', models.PositiveBigIntegerField()),
                ('upto', models.PositiveBigIntegerField()),
                ('tickets', models.PositiveIntegerField(verbose_name='tickets')),
                ('acts', models.PositiveIntegerField(verbose_name='acts')),
                ('acts_before', models.PositiveIntegerField()),
                ('last_step', models.BigIntegerField(default=0)),
                ('at', models.DateTimeField(verbose_name='at')),
                ('root', models.CharField(max_length=64, verbose_name='root')),
                ('nodes', models.BinaryField()),
                ('log_root', models.CharField(max_length=64, verbose_name='root of the log')),
                ('room', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='pages', to='waiting_room.room')),
            ],
            options={
                'verbose_name': 'page of the log',
                'verbose_name_plural': 'pages of the log',
            },
        ),
        migrations.CreateModel(
            name='RoomEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('status', models.CharField(choices=[('running', 'Running'), ('paused', 'Paused'), ('closed', 'Closed')], default='running', max_length=8, verbose_name='status')),
                ('joins_from', models.DateTimeField(verbose_name='joining possible from')),
                ('max_active', models.PositiveIntegerField(default=200, validators=[django.core.validators.MinValueValidator(1)], verbose_name='people booking at once')),
                ('max_per_minute', models.PositiveIntegerField(default=600, validators=[django.core.validators.MinValueValidator(1)], verbose_name='called per minute at most')),
                ('pause_message_ko', models.CharField(blank=True, max_length=200, verbose_name='message in Korean')),
                ('pause_message_en', models.CharField(blank=True, max_length=200, verbose_name='message in English')),
                ('draw_source', models.CharField(choices=[('drand', 'drand quicknet, a public beacon'), ('officers', 'secrets of several officers'), ('stated', 'a stated public value'), ('sample', 'a made-up number, for the sample campaign only')], default='drand', max_length=8, verbose_name='source of the number')),
                ('draw_after', models.PositiveSmallIntegerField(default=6, verbose_name='seconds after closing the list')),
                ('draw_statement', models.CharField(blank=True, max_length=200, verbose_name='which public value')),
                ('draw_commitment', models.CharField(editable=False, max_length=64, verbose_name='commitment')),
                ('public_value', models.CharField(blank=True, max_length=200, verbose_name='public random value')),
                ('beacon_signature', models.CharField(blank=True, editable=False, max_length=96)),
                ('frozen_at', models.DateTimeField(editable=False, null=True, verbose_name='list frozen at')),
                ('frozen_count', models.PositiveBigIntegerField(editable=False, null=True, verbose_name='entries drawn')),
                ('list_digest', models.CharField(blank=True, editable=False, max_length=64, verbose_name='digest of the list')),
                ('seed', models.CharField(blank=True, editable=False, max_length=64, verbose_name='seed')),
                ('draw_inputs', models.TextField(blank=True, editable=False, verbose_name='inputs of the seed')),
                ('drawn_at', models.DateTimeField(editable=False, null=True, verbose_name='draw held at')),
                ('cohort', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='eligibility.cohort', verbose_name='cohort')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='waiting_room.room')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Step',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(verbose_name='at')),
                ('act', models.CharField(choices=[('commit', 'Draw committed to'), ('plan', 'Opening set'), ('freeze', 'List frozen'), ('reveal', 'Draw held'), ('opened', "Officer's secret opened"), ('call', 'Called'), ('pause', 'Paused'), ('resume', 'Resumed'), ('pace', 'Pace set'), ('close', 'Closed')], max_length=20, verbose_name='act')),
                ('first', models.PositiveBigIntegerField(null=True, verbose_name='first place')),
                ('last', models.PositiveBigIntegerField(null=True, verbose_name='last place')),
                ('details', models.JSONField(default=dict, verbose_name='details')),
                ('by', models.CharField(default='system', max_length=40, verbose_name='by')),
                ('room', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='steps', to='waiting_room.room')),
            ],
            options={
                'verbose_name': 'step',
                'verbose_name_plural': 'steps',
            },
        ),
        migrations.CreateModel(
            name='Alert',
            fields=[
                ('ticket', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='alert', serialize=False, to='waiting_room.ticket')),
                ('place', models.PositiveBigIntegerField(null=True, verbose_name='place')),
                ('channel', models.CharField(choices=[('sms', 'Text message'), ('email', 'E-mail')], max_length=10, verbose_name='channel')),
                ('email', privacy.fields.EncryptedTextField(blank=True, editable=True, null=True, verbose_name='e-mail')),
                ('language', models.CharField(max_length=5, verbose_name='language')),
                ('soon_at', models.DateTimeField(null=True, verbose_name='told that it is soon')),
                ('called_at', models.DateTimeField(null=True, verbose_name='told that it is their turn')),
                ('room', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='alerts', to='waiting_room.room')),
            ],
            options={
                'verbose_name': 'wish to be told',
                'verbose_name_plural': 'wishes to be told',
            },
        ),
        migrations.CreateModel(
            name='DoorWait',
            fields=[
                ('ticket', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='door_wait', serialize=False, to='waiting_room.ticket')),
                ('place', models.PositiveBigIntegerField(verbose_name='place')),
                ('at', models.DateTimeField(verbose_name='last knock')),
                ('room', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='door_waits', to='waiting_room.room')),
            ],
            options={
                'verbose_name': 'person at the door',
                'verbose_name_plural': 'people at the door',
            },
        ),
        migrations.CreateModel(
            name='Line',
            fields=[
                ('room', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='line', serialize=False, to='waiting_room.room')),
                ('serving', models.PositiveBigIntegerField(default=0, verbose_name='serving')),
                ('active', models.PositiveIntegerField(default=0, verbose_name='people booking now')),
                ('max_active', models.PositiveIntegerField(verbose_name='people booking at once, now')),
                ('pace', models.FloatField(default=0, verbose_name='called per minute, now')),
                ('credit', models.FloatField(default=0)),
                ('ticked_at', models.DateTimeField(null=True, verbose_name='last tick')),
            ],
            options={
                'verbose_name': 'line',
                'verbose_name_plural': 'lines',
                'constraints': [models.CheckConstraint(condition=models.Q(('active__lte', models.F('max_active'))), name='line_never_admits_too_many')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='line',
            trigger=pgtrigger.compiler.Trigger(name='serving_never_goes_back', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NEW."serving" < (OLD."serving"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='deefa1fc13f887e38aa565b33af248d4a433c3f9', operation='UPDATE', pgid='pgtrigger_serving_never_goes_back_57a1f', table='waiting_room_line', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.UniqueConstraint(fields=('room', 'entry'), name='one_ticket_per_entry'),
        ),
        migrations.AddConstraint(
            model_name='ticket',
            constraint=models.UniqueConstraint(fields=('person', 'room'), name='one_ticket_per_person'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ticket',
            trigger=pgtrigger.compiler.Trigger(name='place_never_changes', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."room_id" IS DISTINCT FROM (NEW."room_id") OR OLD."person_id" IS DISTINCT FROM (NEW."person_id") OR OLD."entry" IS DISTINCT FROM (NEW."entry") OR OLD."joined_at" IS DISTINCT FROM (NEW."joined_at"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='143141ce99031a0cdd627b390ec80ef55f2175b4', operation='UPDATE', pgid='pgtrigger_place_never_changes_6ec26', table='waiting_room_ticket', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='room',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('drawn_at__isnull', True), ('frozen_at__isnull', True), ('frozen_count__isnull', True)), models.Q(('frozen_at__isnull', False), ('frozen_count__isnull', False)), _connector='OR'), name='room_frozen_whole_or_not_at_all'),
        ),
        migrations.AddConstraint(
            model_name='room',
            constraint=models.CheckConstraint(condition=models.Q(('drawn_at__isnull', False), models.Q(('draw_inputs', ''), ('seed', '')), _connector='OR'), name='room_draws_after_its_list_is_closed'),
        ),
        migrations.AddConstraint(
            model_name='room',
            constraint=models.CheckConstraint(condition=models.Q(('max_active__gte', 1)), name='room_admits_somebody'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='room',
            trigger=pgtrigger.compiler.Trigger(name='draw_never_changes', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."frozen_at" IS NOT NULL AND (OLD."frozen_count" IS DISTINCT FROM (NEW."frozen_count") OR OLD."list_digest" IS DISTINCT FROM (NEW."list_digest") OR OLD."frozen_at" IS DISTINCT FROM (NEW."frozen_at") OR OLD."draw_source" IS DISTINCT FROM (NEW."draw_source") OR OLD."draw_after" IS DISTINCT FROM (NEW."draw_after") OR OLD."draw_statement" IS DISTINCT FROM (NEW."draw_statement")))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='fba666e4a646b00f499f2878dfc0a260efc6964a', operation='UPDATE', pgid='pgtrigger_draw_never_changes_b1ed9', table='waiting_room_room', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='room',
            trigger=pgtrigger.compiler.Trigger(name='draw_is_held_once', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."drawn_at" IS NOT NULL AND (OLD."seed" IS DISTINCT FROM (NEW."seed") OR OLD."draw_inputs" IS DISTINCT FROM (NEW."draw_inputs") OR OLD."drawn_at" IS DISTINCT FROM (NEW."drawn_at")))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='ffedd456112bc06c03f40d7ce6fdd0b3b12281ca', operation='UPDATE', pgid='pgtrigger_draw_is_held_once_b0428', table='waiting_room_room', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='room',
            trigger=pgtrigger.compiler.Trigger(name='commitment_never_changes', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."draw_commitment" IS DISTINCT FROM (NEW."draw_commitment"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='0a7093eea4e55b868a0ff36fcb8b9d3e1d0a2c46', operation='UPDATE', pgid='pgtrigger_commitment_never_changes_24fd3', table='waiting_room_room', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='room',
            trigger=pgtrigger.compiler.Trigger(name='room_is_never_deleted', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='e117f2a34df3c5174613a99c9492998a9bb9662c', operation='DELETE', pgid='pgtrigger_room_is_never_deleted_ddefa', table='waiting_room_room', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='room',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "waiting_room_roomevent" ("beacon_signature", "cohort_id", "draw_after", "draw_commitment", "draw_inputs", "draw_source", "draw_statement", "drawn_at", "frozen_at", "frozen_count", "id", "joins_from", "list_digest", "max_active", "max_per_minute", "pause_message_en", "pause_message_ko", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_value", "seed", "status") VALUES (NEW."beacon_signature", NEW."cohort_id", NEW."draw_after", NEW."draw_commitment", NEW."draw_inputs", NEW."draw_source", NEW."draw_statement", NEW."drawn_at", NEW."frozen_at", NEW."frozen_count", NEW."id", NEW."joins_from", NEW."list_digest", NEW."max_active", NEW."max_per_minute", NEW."pause_message_en", NEW."pause_message_ko", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."public_value", NEW."seed", NEW."status"); RETURN NULL;', hash='46c55afe60d679640b70675404e89891a8179200', operation='INSERT', pgid='pgtrigger_insert_insert_7a559', table='waiting_room_room', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='room',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."beacon_signature" IS DISTINCT FROM (NEW."beacon_signature") OR OLD."cohort_id" IS DISTINCT FROM (NEW."cohort_id") OR OLD."draw_after" IS DISTINCT FROM (NEW."draw_after") OR OLD."draw_commitment" IS DISTINCT FROM (NEW."draw_commitment") OR OLD."draw_inputs" IS DISTINCT FROM (NEW."draw_inputs") OR OLD."draw_source" IS DISTINCT FROM (NEW."draw_source") OR OLD."draw_statement" IS DISTINCT FROM (NEW."draw_statement") OR OLD."drawn_at" IS DISTINCT FROM (NEW."drawn_at") OR OLD."frozen_at" IS DISTINCT FROM (NEW."frozen_at") OR OLD."frozen_count" IS DISTINCT FROM (NEW."frozen_count") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."joins_from" IS DISTINCT FROM (NEW."joins_from") OR OLD."list_digest" IS DISTINCT FROM (NEW."list_digest") OR OLD."max_active" IS DISTINCT FROM (NEW."max_active") OR OLD."max_per_minute" IS DISTINCT FROM (NEW."max_per_minute") OR OLD."pause_message_en" IS DISTINCT FROM (NEW."pause_message_en") OR OLD."pause_message_ko" IS DISTINCT FROM (NEW."pause_message_ko") OR OLD."public_value" IS DISTINCT FROM (NEW."public_value") OR OLD."seed" IS DISTINCT FROM (NEW."seed") OR OLD."status" IS DISTINCT FROM (NEW."status"))', func='INSERT INTO "waiting_room_roomevent" ("beacon_signature", "cohort_id", "draw_after", "draw_commitment", "draw_inputs", "draw_source", "draw_statement", "drawn_at", "frozen_at", "frozen_count", "id", "joins_from", "list_digest", "max_active", "max_per_minute", "pause_message_en", "pause_message_ko", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "public_value", "seed", "status") VALUES (NEW."beacon_signature", NEW."cohort_id", NEW."draw_after", NEW."draw_commitment", NEW."draw_inputs", NEW."draw_source", NEW."draw_statement", NEW."drawn_at", NEW."frozen_at", NEW."frozen_count", NEW."id", NEW."joins_from", NEW."list_digest", NEW."max_active", NEW."max_per_minute", NEW."pause_message_en", NEW."pause_message_ko", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."public_value", NEW."seed", NEW."status"); RETURN NULL;', hash='97ac21ac5fd992b585a4eb403233e4c9da739b64', operation='UPDATE', pgid='pgtrigger_update_update_ad955', table='waiting_room_room', when='AFTER')),
        ),
        migrations.AddIndex(
            model_name='admission',
            index=models.Index(condition=models.Q(('ended_at__isnull', True)), fields=['room', 'expires_at'], name='admissions_live'),
        ),
        migrations.AddIndex(
            model_name='admission',
            index=models.Index(fields=['room', 'place'], name='admissions_by_place'),
        ),
        migrations.AddIndex(
            model_name='admission',
            index=models.Index(fields=['room', 'entered_at'], name='admissions_by_time'),
        ),
        migrations.AddConstraint(
            model_name='admission',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at__isnull', True)), fields=('ticket',), name='one_live_admission_per_ticket'),
        ),
        migrations.AddConstraint(
            model_name='admission',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ended_at__isnull', True), ('ending', '')), models.Q(('ended_at__isnull', False), models.Q(('ending', ''), _negated=True)), _connector='OR'), name='admission_ends_with_a_reason'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='admission',
            trigger=pgtrigger.compiler.Trigger(name='admission_takes_a_place', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                    IF (SELECT provisional FROM waiting_room_ticket WHERE id = NEW.ticket_id) THEN\n                        RAISE EXCEPTION 'a provisional ticket does not enter'\n                            USING ERRCODE = 'check_violation';\n                    END IF;\n                    UPDATE waiting_room_line SET active = active + 1 WHERE room_id = NEW.room_id;\n                    IF NOT FOUND THEN\n                        RAISE EXCEPTION 'room % has no line', NEW.room_id;\n                    END IF;\n                    RETURN NEW;\n                ", hash='6cc1a94ed98604e2a3ab6db8c1570e70c168b468', operation='INSERT', pgid='pgtrigger_admission_takes_a_place_e358b', table='waiting_room_admission', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='admission',
            trigger=pgtrigger.compiler.Trigger(name='admission_ends_once', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."ended_at" IS NOT NULL AND OLD."ended_at" IS DISTINCT FROM (NEW."ended_at"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='a717b54cf27221d66dc2fb01d1aafd638e47a193', operation='UPDATE', pgid='pgtrigger_admission_ends_once_4ef99', table='waiting_room_admission', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='drawofficer',
            constraint=models.UniqueConstraint(fields=('room', 'name'), name='one_officer_per_name'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='drawofficer',
            trigger=pgtrigger.compiler.Trigger(name='officer_never_changes', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."room_id" IS DISTINCT FROM (NEW."room_id") OR OLD."name" IS DISTINCT FROM (NEW."name") OR OLD."commitment" IS DISTINCT FROM (NEW."commitment"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='5e85449103ced9481230adbcf2d42c500e6a3c56', operation='UPDATE', pgid='pgtrigger_officer_never_changes_0e804', table='waiting_room_drawofficer', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='drawofficer',
            trigger=pgtrigger.compiler.Trigger(name='officer_opens_once', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (NOT (OLD."secret" = \'\') AND OLD."secret" IS DISTINCT FROM (NEW."secret"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='cd83d21a867cd41d1ef7a7b55b1165cb6ab8fe7d', operation='UPDATE', pgid='pgtrigger_officer_opens_once_b40b0', table='waiting_room_drawofficer', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='estimate',
            index=models.Index(condition=models.Q(('called_at__isnull', True)), fields=['room', 'place'], name='estimates_open'),
        ),
        migrations.AddIndex(
            model_name='estimate',
            index=models.Index(condition=models.Q(('called_at__isnull', False)), fields=['room', 'called_at'], name='estimates_scored'),
        ),
        migrations.AddConstraint(
            model_name='logpage',
            constraint=models.UniqueConstraint(fields=('room', 'number'), name='one_page_per_number'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='logpage',
            trigger=pgtrigger.compiler.Trigger(name='log_is_history', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='e29b482a2043cc96772a7f9241a65e54b9b50b22', operation='UPDATE OR DELETE', pgid='pgtrigger_log_is_history_bc062', table='waiting_room_logpage', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='step',
            index=models.Index(fields=['room', 'id'], name='steps_of_a_room'),
        ),
        migrations.AddIndex(
            model_name='step',
            index=models.Index(condition=models.Q(('act', 'call')), fields=['room', 'first'], name='calls_by_place'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='step',
            trigger=pgtrigger.compiler.Trigger(name='steps_are_history', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='4371adcf0abb6fcb4eb4084a6aa797d778e14f69', operation='UPDATE OR DELETE', pgid='pgtrigger_steps_are_history_e2411', table='waiting_room_step', when='BEFORE')),
        ),
        migrations.AddIndex(
            model_name='alert',
            index=models.Index(condition=models.Q(('called_at__isnull', True)), fields=['room', 'place'], name='alerts_open'),
        ),
        migrations.AddIndex(
            model_name='doorwait',
            index=models.Index(fields=['room', 'place'], name='knocks_in_order'),
        ),
    ]
