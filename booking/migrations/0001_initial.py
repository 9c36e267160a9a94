import database.clock
import django.contrib.postgres.fields
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
        ('pghistory', '0007_auto_20250421_0444'),
    ]

    operations = [
        migrations.CreateModel(
            name='ClinicEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('code', models.CharField(max_length=20, verbose_name='code')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('region', models.CharField(max_length=20, verbose_name='region')),
                ('district', models.CharField(max_length=30, verbose_name='district')),
                ('address', models.CharField(max_length=200, verbose_name='address')),
                ('phone', models.CharField(blank=True, max_length=20, verbose_name='phone')),
                ('latitude', models.FloatField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(32), django.core.validators.MaxValueValidator(40)], verbose_name='latitude')),
                ('longitude', models.FloatField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(123), django.core.validators.MaxValueValidator(133)], verbose_name='longitude')),
                ('active', models.BooleanField(default=True, verbose_name='takes bookings')),
                ('cutoff_hours', models.PositiveSmallIntegerField(default=2, verbose_name='changes until hours before')),
                ('margin_percent', models.PositiveSmallIntegerField(default=0, help_text='0 switches the margin off.', validators=[django.core.validators.MaxValueValidator(20)], verbose_name='margin for people who do not come, percent at most')),
                ('no_show_rate', models.FloatField(blank=True, editable=False, null=True, verbose_name='share of people who did not come')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ListEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('dose', models.PositiveSmallIntegerField(default=1, verbose_name='dose')),
                ('places', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), size=None, verbose_name='places')),
                ('date_from', models.DateField(verbose_name='from date')),
                ('date_to', models.DateField(verbose_name='until date')),
                ('time_from', models.TimeField(verbose_name='from time')),
                ('time_to', models.TimeField(verbose_name='until time')),
                ('leftover', models.BooleanField(default=False, verbose_name='leftover doses today')),
                ('priority', models.SmallIntegerField(default=0, verbose_name='priority')),
                ('joined_at', models.DateTimeField(db_default=database.clock.Now(), verbose_name='joined at')),
                ('status', models.CharField(choices=[('waiting', 'Waiting'), ('offered', 'Has an offer'), ('fulfilled', 'Has an appointment'), ('ended', 'Left the list')], default='waiting', max_length=10, verbose_name='status')),
                ('by', models.CharField(default='citizen', max_length=40, verbose_name='by')),
                ('language', models.CharField(default='ko', max_length=5, verbose_name='language')),
                ('ended_at', models.DateTimeField(blank=True, null=True, verbose_name='ended at')),
                ('ended_by', models.CharField(blank=True, db_default='', max_length=40, verbose_name='taken off by')),
            ],
            options={
                'verbose_name': 'entry of the cancellation list',
                'verbose_name_plural': 'cancellation list',
            },
        ),
        migrations.CreateModel(
            name='ListEntryEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('status', models.CharField(choices=[('waiting', 'Waiting'), ('offered', 'Has an offer'), ('fulfilled', 'Has an appointment'), ('ended', 'Left the list')], default='waiting', max_length=10, verbose_name='status')),
                ('ended_by', models.CharField(blank=True, db_default='', max_length=40, verbose_name='taken off by')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='LostAppointment',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(verbose_name='cancelled at')),
                ('lost_at', models.DateTimeField(null=True, verbose_name='lost since')),
                ('lost_because', models.CharField(blank=True, choices=[('taken', 'The place was given to somebody else'), ('over', 'The time is over'), ('closed', 'The clinic takes no bookings at the moment'), ('holding', 'The person is choosing another time at this moment'), ('no_first', 'There is no appointment for the dose before it'), ('unfit', 'It no longer suits the other dose')], max_length=8, verbose_name='why')),
                ('by', models.CharField(blank=True, max_length=40, verbose_name='by')),
            ],
            options={
                'verbose_name': 'lost appointment',
                'verbose_name_plural': 'lost appointments',
            },
        ),
        migrations.CreateModel(
            name='Offer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('token', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('status', models.CharField(choices=[('open', 'Open'), ('taken', 'Taken'), ('declined', 'Declined'), ('lapsed', 'Ran out of time')], default='open', max_length=10, verbose_name='status')),
                ('offered_at', models.DateTimeField(db_default=database.clock.Now(), verbose_name='offered at')),
                ('until', models.DateTimeField(verbose_name='until')),
                ('answered_at', models.DateTimeField(blank=True, null=True, verbose_name='answered at')),
            ],
            options={
                'verbose_name': 'offer',
                'verbose_name_plural': 'offers',
            },
        ),
        migrations.CreateModel(
            name='OutsideDose',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('dose', models.PositiveSmallIntegerField(verbose_name='dose')),
                ('given_on', models.DateField(verbose_name='given on')),
                ('place', models.CharField(blank=True, max_length=100, verbose_name='place')),
                ('by', models.CharField(max_length=40, verbose_name='by')),
                ('recorded_at', models.DateTimeField(db_default=database.clock.Now(), verbose_name='recorded at')),
            ],
            options={
                'verbose_name': 'dose given elsewhere',
                'verbose_name_plural': 'doses given elsewhere',
            },
        ),
        migrations.CreateModel(
            name='OutsideDoseEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('dose', models.PositiveSmallIntegerField(verbose_name='dose')),
                ('given_on', models.DateField(verbose_name='given on')),
                ('place', models.CharField(blank=True, max_length=100, verbose_name='place')),
                ('by', models.CharField(max_length=40, verbose_name='by')),
                ('recorded_at', models.DateTimeField(db_default=database.clock.Now(), verbose_name='recorded at')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Reservation',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('number', models.CharField(editable=False, max_length=16, verbose_name='number')),
                ('dose', models.PositiveSmallIntegerField(default=1, verbose_name='dose')),
                ('status', models.CharField(choices=[('held', 'Held'), ('confirmed', 'Confirmed'), ('arrived', 'Arrived'), ('vaccinated', 'Vaccinated'), ('no_show', 'Did not come'), ('cancelled', 'Cancelled'), ('lapsed', 'Ran out of time'), ('released', 'Given up before confirming')], default='held', max_length=10, verbose_name='status')),
                ('held_until', models.DateTimeField(blank=True, null=True, verbose_name='held until')),
                ('extensions', models.PositiveSmallIntegerField(default=0, verbose_name='extensions')),
                ('key', models.UUIDField(default=uuid.uuid4, editable=False)),
                ('origin', models.CharField(choices=[('line', 'Called from the line'), ('staff', 'Booked by staff'), ('offer', 'Offered from the cancellation list')], default='line', max_length=5, verbose_name='origin')),
                ('by', models.CharField(max_length=40, verbose_name='by')),
                ('created_at', models.DateTimeField(db_default=database.clock.Now(), editable=False, verbose_name='created at')),
                ('confirmed_at', models.DateTimeField(blank=True, null=True, verbose_name='confirmed at')),
                ('changed_at', models.DateTimeField(db_default=database.clock.Now(), verbose_name='changed at')),
                ('language', models.CharField(default='ko', max_length=5, verbose_name='language')),
                ('channel', models.CharField(choices=[('sms', 'Text message'), ('email', 'E-mail')], default='sms', max_length=10, verbose_name='messages by')),
                ('email', privacy.fields.EncryptedTextField(blank=True, editable=True, null=True, verbose_name='e-mail')),
            ],
            options={
                'verbose_name': 'reservation',
                'verbose_name_plural': 'reservations',
            },
        ),
        migrations.CreateModel(
            name='ReservationEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('status', models.CharField(choices=[('held', 'Held'), ('confirmed', 'Confirmed'), ('arrived', 'Arrived'), ('vaccinated', 'Vaccinated'), ('no_show', 'Did not come'), ('cancelled', 'Cancelled'), ('lapsed', 'Ran out of time'), ('released', 'Given up before confirming')], default='held', max_length=10, verbose_name='status')),
                ('by', models.CharField(max_length=40, verbose_name='by')),
                ('changed_at', models.DateTimeField(db_default=database.clock.Now(), verbose_name='changed at')),
                ('held_until', models.DateTimeField(blank=True, null=True, verbose_name='held until')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Slot',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('starts_at', models.DateTimeField(verbose_name='starts at')),
                ('capacity', models.PositiveSmallIntegerField(verbose_name='capacity')),
                ('margin', models.PositiveSmallIntegerField(default=0, editable=False, verbose_name='margin')),
                ('booked', models.PositiveSmallIntegerField(default=0, editable=False, verbose_name='booked')),
            ],
            options={
                'verbose_name': 'slot',
                'verbose_name_plural': 'slots',
                'ordering': ['starts_at', 'clinic'],
            },
        ),
        migrations.CreateModel(
            name='SlotEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('starts_at', models.DateTimeField(verbose_name='starts at')),
                ('capacity', models.PositiveSmallIntegerField(verbose_name='capacity')),
                ('margin', models.PositiveSmallIntegerField(default=0, editable=False, verbose_name='margin')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Stock',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('on', models.DateField(verbose_name='day')),
                ('doses', models.PositiveIntegerField(verbose_name='doses on hand')),
            ],
            options={
                'verbose_name': 'doses on hand',
                'verbose_name_plural': 'doses on hand',
            },
        ),
        migrations.CreateModel(
            name='StockEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('on', models.DateField(verbose_name='day')),
                ('doses', models.PositiveIntegerField(verbose_name='doses on hand')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Vaccine',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=20, unique=True, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9-]*$', 'Use small letters a to z, digits and hyphens.')], verbose_name='code')),
                ('name_ko', models.CharField(max_length=60, verbose_name='name in Korean')),
                ('name_en', models.CharField(blank=True, max_length=60, verbose_name='name in English')),
                ('doses', models.PositiveSmallIntegerField(default=1, verbose_name='doses')),
                ('min_days', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='days between doses, at least')),
                ('best_days', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='days between doses, best')),
                ('max_days', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='days between doses, at most')),
            ],
            options={
                'verbose_name': 'vaccine',
                'verbose_name_plural': 'vaccines',
                'ordering': ['code'],
            },
        ),
        migrations.CreateModel(
            name='VaccineEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('code', models.CharField(max_length=20, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9-]*$', 'Use small letters a to z, digits and hyphens.')], verbose_name='code')),
                ('name_ko', models.CharField(max_length=60, verbose_name='name in Korean')),
                ('name_en', models.CharField(blank=True, max_length=60, verbose_name='name in English')),
                ('doses', models.PositiveSmallIntegerField(default=1, verbose_name='doses')),
                ('min_days', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='days between doses, at least')),
                ('best_days', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='days between doses, best')),
                ('max_days', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='days between doses, at most')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Clinic',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=20, unique=True, verbose_name='code')),
                ('name', models.CharField(max_length=100, verbose_name='name')),
                ('region', models.CharField(max_length=20, verbose_name='region')),
                ('district', models.CharField(max_length=30, verbose_name='district')),
                ('address', models.CharField(max_length=200, verbose_name='address')),
                ('phone', models.CharField(blank=True, max_length=20, verbose_name='phone')),
                ('latitude', models.FloatField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(32), django.core.validators.MaxValueValidator(40)], verbose_name='latitude')),
                ('longitude', models.FloatField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(123), django.core.validators.MaxValueValidator(133)], verbose_name='longitude')),
                ('active', models.BooleanField(default=True, verbose_name='takes bookings')),
                ('cutoff_hours', models.PositiveSmallIntegerField(default=2, verbose_name='changes until hours before')),
                ('margin_percent', models.PositiveSmallIntegerField(default=0, help_text='0 switches the margin off.', validators=[django.core.validators.MaxValueValidator(20)], verbose_name='margin for people who do not come, percent at most')),
                ('no_show_rate', models.FloatField(blank=True, editable=False, null=True, verbose_name='share of people who did not come')),
            ],
            options={
                'verbose_name': 'clinic',
                'verbose_name_plural': 'clinics',
                'ordering': ['region', 'district', 'name'],
                'indexes': [models.Index(fields=['region', 'district'], name='clinics_by_district')],
                'constraints': [models.CheckConstraint(condition=models.Q(('margin_percent__lte', 20)), name='clinic_margin_is_bounded')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='clinic',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "booking_clinicevent" ("active", "address", "code", "cutoff_hours", "district", "id", "latitude", "longitude", "margin_percent", "name", "no_show_rate", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "phone", "region") VALUES (NEW."active", NEW."address", NEW."code", NEW."cutoff_hours", NEW."district", NEW."id", NEW."latitude", NEW."longitude", NEW."margin_percent", NEW."name", NEW."no_show_rate", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."phone", NEW."region"); RETURN NULL;', hash='ebcfee796a189b601a4a152e25dff9355d9b6318', operation='INSERT', pgid='pgtrigger_insert_insert_10458', table='booking_clinic', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='clinic',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "booking_clinicevent" ("active", "address", "code", "cutoff_hours", "district", "id", "latitude", "longitude", "margin_percent", "name", "no_show_rate", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "phone", "region") VALUES (NEW."active", NEW."address", NEW."code", NEW."cutoff_hours", NEW."district", NEW."id", NEW."latitude", NEW."longitude", NEW."margin_percent", NEW."name", NEW."no_show_rate", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."phone", NEW."region"); RETURN NULL;', hash='9ce4c7289ac3a194b6c638a99bee43fda2cc3e25', operation='UPDATE', pgid='pgtrigger_update_update_53c21', table='booking_clinic', when='AFTER')),
        ),
        migrations.AddField(
            model_name='clinicevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='clinicevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='booking.clinic'),
        ),
    ]
