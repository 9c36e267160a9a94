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
            name='CohortChange',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('takes_effect_at', models.DateTimeField(verbose_name='takes effect at')),
                ('values', models.JSONField(verbose_name='new values')),
                ('by', models.CharField(max_length=40, verbose_name='by')),
                ('created_at', models.DateTimeField(db_default=database.clock.Now(), editable=False, verbose_name='created at')),
                ('applied_at', models.DateTimeField(editable=False, null=True, verbose_name='applied at')),
                ('withdrawn_at', models.DateTimeField(editable=False, null=True, verbose_name='withdrawn at')),
            ],
            options={
                'verbose_name': 'change of a cohort',
                'verbose_name_plural': 'changes of cohorts',
                'ordering': ['takes_effect_at', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='CohortChangeEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('takes_effect_at', models.DateTimeField(verbose_name='takes effect at')),
                ('values', models.JSONField(verbose_name='new values')),
                ('by', models.CharField(max_length=40, verbose_name='by')),
                ('created_at', models.DateTimeField(db_default=database.clock.Now(), editable=False, verbose_name='created at')),
                ('applied_at', models.DateTimeField(editable=False, null=True, verbose_name='applied at')),
                ('withdrawn_at', models.DateTimeField(editable=False, null=True, verbose_name='withdrawn at')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='CohortEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('code', models.CharField(max_length=40, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9-]*$', 'Use small letters a to z, digits and hyphens.')], verbose_name='code')),
                ('name_ko', models.CharField(max_length=60, verbose_name='name in Korean')),
                ('name_en', models.CharField(max_length=60, verbose_name='name in English')),
                ('birth_from', models.DateField(verbose_name='born from')),
                ('birth_to', models.DateField(verbose_name='born until')),
                ('opens_at', models.DateTimeField(verbose_name='opens at')),
                ('closes_at', models.DateTimeField(verbose_name='closes at')),
                ('order', models.CharField(choices=[('draw', 'Draw among those who came before the opening'), ('fifo', 'First come, first served')], default='draw', max_length=4, verbose_name='order')),
                ('proof', models.CharField(choices=[('roster', "The authority's roster"), ('provider', 'A certified identity provider'), ('counter', 'Identity card at the clinic')], default='roster', max_length=8, verbose_name='proof')),
                ('priority', models.SmallIntegerField(default=0, verbose_name='priority')),
                ('members_only', models.BooleanField(default=False, verbose_name='only people on the roster')),
                ('regions', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20), blank=True, default=list, size=None, verbose_name='regions')),
                ('groups', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9-]*$', 'Use small letters a to z, digits and hyphens.')]), blank=True, default=list, size=None, verbose_name='one of these groups')),
                ('excluded_groups', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9-]*$', 'Use small letters a to z, digits and hyphens.')]), blank=True, default=list, size=None, verbose_name='none of these groups')),
                ('min_days_since_dose', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='days since the last dose, at least')),
                ('digit_hours', models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(24)], verbose_name='birth-digit calendar: hours a day')),
                ('vaccines', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9-]*$', 'Use small letters a to z, digits and hyphens.')]), blank=True, default=list, size=None, verbose_name='vaccine codes')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Correction',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[('open', 'Being looked at'), ('granted', 'Granted'), ('refused', 'Refused'), ('withdrawn', 'Withdrawn')], default='open', max_length=9, verbose_name='status')),
                ('opened_at', models.DateTimeField(db_default=database.clock.Now(), editable=False, verbose_name='opened at')),
                ('closed_at', models.DateTimeField(editable=False, null=True, verbose_name='closed at')),
                ('by', models.CharField(blank=True, max_length=40, verbose_name='decided by')),
                ('answer', models.CharField(blank=True, max_length=300, verbose_name='answer to the person')),
                ('field', models.CharField(choices=[('name', 'Name'), ('birth_date', 'Birth date'), ('phone', 'Mobile phone')], max_length=10, verbose_name='field')),
                ('wanted', privacy.fields.EncryptedTextField(editable=True, verbose_name='wanted')),
            ],
            options={
                'verbose_name': 'correction',
                'verbose_name_plural': 'corrections',
            },
        ),
        migrations.CreateModel(
            name='Decision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('eligible', models.BooleanField(verbose_name='eligible')),
                ('rule', models.CharField(max_length=30, verbose_name='rule')),
                ('reasons', models.JSONField(default=list, verbose_name='reasons')),
                ('window_from', models.DateTimeField(verbose_name='from')),
                ('window_to', models.DateTimeField(verbose_name='to')),
                ('provisional', models.BooleanField(default=False, verbose_name='provisional')),
                ('decided_at', models.DateTimeField(db_default=database.clock.Now(), verbose_name='decided at')),
            ],
            options={
                'verbose_name': 'decision',
                'verbose_name_plural': 'decisions',
            },
        ),
        migrations.CreateModel(
            name='Person',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('roster_key', models.CharField(blank=True, max_length=64, null=True, verbose_name='roster key')),
                ('roster_digest', models.BinaryField(max_length=16, null=True)),
                ('source', models.CharField(choices=[('roster', 'Roster'), ('provider', 'Identity provider'), ('declared', 'Declared by the person')], default='declared', max_length=8, verbose_name='source')),
                ('name', privacy.fields.EncryptedTextField(editable=True, verbose_name='name')),
                ('birth_date', privacy.fields.EncryptedDateField(editable=True, verbose_name='date of birth')),
                ('phone', privacy.fields.EncryptedTextField(editable=True, verbose_name='mobile phone')),
                ('region', models.CharField(blank=True, max_length=20, verbose_name='region')),
                ('district', models.CharField(blank=True, max_length=30, verbose_name='district')),
                ('groups', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9-]*$', 'Use small letters a to z, digits and hyphens.')]), blank=True, default=list, size=None, verbose_name='groups')),
                ('last_dose_on', privacy.fields.EncryptedDateField(blank=True, editable=True, null=True, verbose_name='last dose on')),
                ('certified_at', models.DateTimeField(blank=True, null=True, verbose_name='certified at')),
                ('identity_index', models.BinaryField(max_length=16, unique=True)),
                ('name_birth_index', models.BinaryField(db_index=True, max_length=16)),
                ('phone_index', models.BinaryField(db_index=True, max_length=16)),
                ('session_generation', models.PositiveIntegerField(db_default=0, editable=False)),
                ('created_at', models.DateTimeField(db_default=database.clock.Now(), editable=False, verbose_name='created at')),
                ('forgotten_at', models.DateTimeField(editable=False, null=True, verbose_name='forgotten at')),
            ],
            options={
                'verbose_name': 'person',
                'verbose_name_plural': 'people',
            },
        ),
        migrations.CreateModel(
            name='PhoneCode',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('name', privacy.fields.EncryptedTextField(editable=True, verbose_name='name')),
                ('birth_date', privacy.fields.EncryptedDateField(editable=True, verbose_name='date of birth')),
                ('phone', privacy.fields.EncryptedTextField(editable=True, verbose_name='mobile phone')),
                ('phone_index', models.BinaryField(max_length=16)),
                ('source_index', models.BinaryField(max_length=16, null=True)),
                ('from_known_browser', models.BooleanField(default=False, editable=False)),
                ('code_hash', models.BinaryField(max_length=16)),
                ('tries', models.PositiveSmallIntegerField(default=0, verbose_name='tries')),
                ('sends', models.PositiveSmallIntegerField(default=0, verbose_name='codes sent')),
                ('sent_at', models.DateTimeField(verbose_name='sent at')),
                ('expires_at', models.DateTimeField(verbose_name='expires at')),
                ('used_at', models.DateTimeField(blank=True, null=True, verbose_name='used at')),
                ('awaits_district', models.BooleanField(default=False, editable=False)),
            ],
            options={
                'verbose_name': 'phone code',
                'verbose_name_plural': 'phone codes',
            },
        ),
        migrations.CreateModel(
            name='ProviderAccount',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('provider', models.CharField(max_length=20, verbose_name='provider')),
                ('subject_index', models.BinaryField(max_length=16)),
                ('linked_at', models.DateTimeField(db_default=database.clock.Now(), editable=False, verbose_name='linked at')),
            ],
            options={
                'verbose_name': 'provider account',
                'verbose_name_plural': 'provider accounts',
            },
        ),
        migrations.CreateModel(
            name='ProviderTry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('provider', models.CharField(max_length=20, verbose_name='provider')),
                ('at', models.DateTimeField(db_default=database.clock.Now(), verbose_name='at')),
                ('worked', models.BooleanField(verbose_name='worked')),
                ('seconds', models.FloatField(verbose_name='seconds')),
            ],
            options={
                'verbose_name': 'try of a provider',
                'verbose_name_plural': 'tries of providers',
            },
        ),
        migrations.CreateModel(
            name='Proxy',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('declared_at', models.DateTimeField(db_default=database.clock.Now(), editable=False, verbose_name='agreed at')),
                ('shows_earlier', models.BooleanField(default=False, verbose_name='sees earlier bookings')),
                ('agreed_by', models.CharField(blank=True, max_length=40, verbose_name='agreed by')),
                ('ended_at', models.DateTimeField(editable=False, null=True, verbose_name='ended at')),
            ],
            options={
                'verbose_name': 'proxy',
                'verbose_name_plural': 'proxies',
            },
        ),
        migrations.CreateModel(
            name='ProxyRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', privacy.fields.EncryptedTextField(editable=True, verbose_name='name')),
                ('birth_date', privacy.fields.EncryptedDateField(editable=True, null=True, verbose_name='date of birth')),
                ('phone', privacy.fields.EncryptedTextField(editable=True, verbose_name='mobile phone')),
                ('phone_index', models.BinaryField(max_length=16)),
                ('token', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ('asked_at', models.DateTimeField(db_default=database.clock.Now(), editable=False, verbose_name='asked at')),
                ('told_at', models.DateTimeField(editable=False, null=True, verbose_name='message written at')),
                ('answer', models.CharField(choices=[('waiting', 'Waiting for their yes'), ('yes', 'Yes'), ('no', 'No'), ('withdrawn', 'Withdrawn')], default='waiting', max_length=9, verbose_name='answer')),
                ('answered_at', models.DateTimeField(editable=False, null=True, verbose_name='answered at')),
                ('answered_by', models.CharField(blank=True, max_length=40, verbose_name='answered by')),
            ],
            options={
                'verbose_name': 'request to book for somebody',
                'verbose_name_plural': 'requests to book for somebody',
            },
        ),
        migrations.CreateModel(
            name='Review',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('status', models.CharField(choices=[('open', 'Being looked at'), ('granted', 'Granted'), ('refused', 'Refused'), ('withdrawn', 'Withdrawn')], default='open', max_length=9, verbose_name='status')),
                ('opened_at', models.DateTimeField(db_default=database.clock.Now(), editable=False, verbose_name='opened at')),
                ('closed_at', models.DateTimeField(editable=False, null=True, verbose_name='closed at')),
                ('by', models.CharField(blank=True, max_length=40, verbose_name='decided by')),
                ('answer', models.CharField(blank=True, max_length=300, verbose_name='answer to the person')),
                ('reason', models.CharField(choices=[('birth', 'My birth date is another'), ('identity', 'My name or phone is registered differently'), ('region', 'I live in another region'), ('group', 'I belong to an occupation or risk group'), ('other', 'Another reason')], max_length=12, verbose_name='reason')),
                ('note', privacy.fields.EncryptedTextField(blank=True, default='', editable=True, verbose_name='note')),
                ('doubted', models.CharField(max_length=30, verbose_name='doubted answer')),
            ],
            options={
                'verbose_name': 'review',
                'verbose_name_plural': 'reviews',
            },
        ),
        migrations.CreateModel(
            name='ReviewEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('status', models.CharField(choices=[('open', 'Being looked at'), ('granted', 'Granted'), ('refused', 'Refused'), ('withdrawn', 'Withdrawn')], default='open', max_length=9, verbose_name='status')),
                ('opened_at', models.DateTimeField(db_default=database.clock.Now(), editable=False, verbose_name='opened at')),
                ('closed_at', models.DateTimeField(editable=False, null=True, verbose_name='closed at')),
                ('by', models.CharField(blank=True, max_length=40, verbose_name='decided by')),
                ('answer', models.CharField(blank=True, max_length=300, verbose_name='answer to the person')),
                ('reason', models.CharField(choices=[('birth', 'My birth date is another'), ('identity', 'My name or phone is registered differently'), ('region', 'I live in another region'), ('group', 'I belong to an occupation or risk group'), ('other', 'Another reason')], max_length=12, verbose_name='reason')),
                ('doubted', models.CharField(max_length=30, verbose_name='doubted answer')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='RosterUpload',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('file', models.CharField(max_length=200, verbose_name='file')),
                ('status', models.CharField(choices=[('waiting', 'Waiting for a worker'), ('running', 'Running'), ('done', 'Done'), ('refused', 'Nothing was changed')], default='waiting', max_length=8, verbose_name='status')),
                ('skip_refused', models.BooleanField(default=False, verbose_name='take the good rows only')),
                ('report', models.TextField(blank=True, verbose_name='report')),
                ('by', models.CharField(max_length=40, verbose_name='by')),
                ('created_at', models.DateTimeField(db_default=database.clock.Now(), editable=False, verbose_name='created at')),
                ('ended_at', models.DateTimeField(editable=False, null=True, verbose_name='ended at')),
            ],
            options={
                'verbose_name': 'roster upload',
                'verbose_name_plural': 'roster uploads',
                'ordering': ['-pk'],
            },
        ),
        migrations.CreateModel(
            name='Cohort',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.CharField(max_length=40, unique=True, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9-]*$', 'Use small letters a to z, digits and hyphens.')], verbose_name='code')),
                ('name_ko', models.CharField(max_length=60, verbose_name='name in Korean')),
                ('name_en', models.CharField(max_length=60, verbose_name='name in English')),
                ('birth_from', models.DateField(verbose_name='born from')),
                ('birth_to', models.DateField(verbose_name='born until')),
                ('opens_at', models.DateTimeField(verbose_name='opens at')),
                ('closes_at', models.DateTimeField(verbose_name='closes at')),
                ('order', models.CharField(choices=[('draw', 'Draw among those who came before the opening'), ('fifo', 'First come, first served')], default='draw', max_length=4, verbose_name='order')),
                ('proof', models.CharField(choices=[('roster', "The authority's roster"), ('provider', 'A certified identity provider'), ('counter', 'Identity card at the clinic')], default='roster', max_length=8, verbose_name='proof')),
                ('priority', models.SmallIntegerField(default=0, verbose_name='priority')),
                ('members_only', models.BooleanField(default=False, verbose_name='only people on the roster')),
                ('regions', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20), blank=True, default=list, size=None, verbose_name='regions')),
                ('groups', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9-]*$', 'Use small letters a to z, digits and hyphens.')]), blank=True, default=list, size=None, verbose_name='one of these groups')),
                ('excluded_groups', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9-]*$', 'Use small letters a to z, digits and hyphens.')]), blank=True, default=list, size=None, verbose_name='none of these groups')),
                ('min_days_since_dose', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='days since the last dose, at least')),
                ('digit_hours', models.PositiveSmallIntegerField(blank=True, null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(24)], verbose_name='birth-digit calendar: hours a day')),
                ('vaccines', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=20, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9-]*$', 'Use small letters a to z, digits and hyphens.')]), blank=True, default=list, size=None, verbose_name='vaccine codes')),
            ],
            options={
                'verbose_name': 'cohort',
                'verbose_name_plural': 'cohorts',
                'ordering': ['opens_at', 'code'],
                'constraints': [models.CheckConstraint(condition=models.Q(('birth_from__lte', models.F('birth_to'))), name='cohort_births_in_order'), models.CheckConstraint(condition=models.Q(('opens_at__lt', models.F('closes_at'))), name='cohort_opens_before_it_closes'), models.CheckConstraint(condition=models.Q(('digit_hours__isnull', True), ('digit_hours__range', (1, 24)), _connector='OR'), name='digit_hours_fit_a_day')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='cohort',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "eligibility_cohortevent" ("birth_from", "birth_to", "closes_at", "code", "digit_hours", "excluded_groups", "groups", "id", "members_only", "min_days_since_dose", "name_en", "name_ko", "opens_at", "order", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "priority", "proof", "regions", "vaccines") VALUES (NEW."birth_from", NEW."birth_to", NEW."closes_at", NEW."code", NEW."digit_hours", NEW."excluded_groups", NEW."groups", NEW."id", NEW."members_only", NEW."min_days_since_dose", NEW."name_en", NEW."name_ko", NEW."opens_at", NEW."order", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."priority", NEW."proof", NEW."regions", NEW."vaccines"); RETURN NULL;', hash='cb49c4436c63934deb878384340eab0a5f5ac48b', operation='INSERT', pgid='pgtrigger_insert_insert_1e451', table='eligibility_cohort', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='cohort',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "eligibility_cohortevent" ("birth_from", "birth_to", "closes_at", "code", "digit_hours", "excluded_groups", "groups", "id", "members_only", "min_days_since_dose", "name_en", "name_ko", "opens_at", "order", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "priority", "proof", "regions", "vaccines") VALUES (NEW."birth_from", NEW."birth_to", NEW."closes_at", NEW."code", NEW."digit_hours", NEW."excluded_groups", NEW."groups", NEW."id", NEW."members_only", NEW."min_days_since_dose", NEW."name_en", NEW."name_ko", NEW."opens_at", NEW."order", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."priority", NEW."proof", NEW."regions", NEW."vaccines"); RETURN NULL;', hash='1552dc333f55c7179b216ed1a9ede93502bcb5e5', operation='UPDATE', pgid='pgtrigger_update_update_3a898', table='eligibility_cohort', when='AFTER')),
        ),
        migrations.AddField(
            model_name='cohortchange',
            name='cohort',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='changes', to='eligibility.cohort', verbose_name='cohort'),
        ),
        migrations.AddField(
            model_name='cohortchangeevent',
            name='cohort',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='eligibility.cohort', verbose_name='cohort'),
        ),
        migrations.AddField(
            model_name='cohortchangeevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='cohortchangeevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='eligibility.cohortchange'),
        ),
        migrations.AddField(
            model_name='cohortevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='cohortevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='eligibility.cohort'),
        ),
        migrations.AddField(
            model_name='decision',
            name='cohort',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='decisions', to='eligibility.cohort', verbose_name='cohort'),
        ),
        migrations.AddConstraint(
            model_name='person',
            constraint=models.UniqueConstraint(fields=('roster_key',), name='one_person_per_roster_key'),
        ),
        migrations.AddConstraint(
            model_name='person',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('source', 'roster'), _negated=True), ('roster_key__isnull', False), _connector='OR'), name='roster_person_has_a_roster_key'),
        ),
        migrations.AddField(
            model_name='decision',
            name='person',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='decisions', to='eligibility.person', verbose_name='person'),
        ),
        migrations.AddField(
            model_name='correction',
            name='person',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='corrections', to='eligibility.person', verbose_name='person'),
        ),
        migrations.AddIndex(
            model_name='phonecode',
            index=models.Index(fields=['phone_index', 'sent_at'], name='phone_codes_by_phone'),
        ),
        migrations.AddIndex(
            model_name='phonecode',
            index=models.Index(fields=['expires_at'], name='phone_codes_by_end'),
        ),
        migrations.AddIndex(
            model_name='phonecode',
            index=models.Index(fields=['source_index', 'sent_at'], name='phone_codes_by_source'),
        ),
        migrations.AddConstraint(
            model_name='phonecode',
            constraint=models.CheckConstraint(condition=models.Q(('tries__lte', 5)), name='phone_code_has_five_tries'),
        ),
        migrations.AddField(
            model_name='provideraccount',
            name='person',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='accounts', to='eligibility.person', verbose_name='person'),
        ),
        migrations.AddIndex(
            model_name='providertry',
            index=models.Index(fields=['provider', 'at'], name='provider_tries_by_time'),
        ),
        migrations.AddField(
            model_name='proxy',
            name='by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='wards', to='eligibility.person', verbose_name='declared by'),
        ),
        migrations.AddField(
            model_name='proxy',
            name='ended_by',
            field=models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='eligibility.person'),
        ),
        migrations.AddField(
            model_name='proxy',
            name='person',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='proxies', to='eligibility.person', verbose_name='person'),
        ),
        migrations.AddField(
            model_name='proxyrequest',
            name='by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='proxy_requests', to='eligibility.person', verbose_name='asked by'),
        ),
        migrations.AddField(
            model_name='review',
            name='cohort',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reviews', to='eligibility.cohort', verbose_name='cohort'),
        ),
        migrations.AddField(
            model_name='review',
            name='person',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reviews', to='eligibility.person', verbose_name='person'),
        ),
        migrations.AddField(
            model_name='reviewevent',
            name='cohort',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='eligibility.cohort', verbose_name='cohort'),
        ),
        migrations.AddField(
            model_name='reviewevent',
            name='person',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='eligibility.person', verbose_name='person'),
        ),
        migrations.AddField(
            model_name='reviewevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='reviewevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='eligibility.review'),
        ),
        migrations.AddConstraint(
            model_name='cohortchange',
            constraint=models.CheckConstraint(condition=models.Q(('applied_at__isnull', True), ('withdrawn_at__isnull', True), _connector='OR'), name='change_applied_or_withdrawn'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='cohortchange',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "eligibility_cohortchangeevent" ("applied_at", "by", "cohort_id", "created_at", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "takes_effect_at", "values", "withdrawn_at") VALUES (NEW."applied_at", NEW."by", NEW."cohort_id", NEW."created_at", NEW."id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."takes_effect_at", NEW."values", NEW."withdrawn_at"); RETURN NULL;', hash='f70d0ebd536d7ccb13137360c604df6dc05b623a', operation='INSERT', pgid='pgtrigger_insert_insert_84be8', table='eligibility_cohortchange', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='cohortchange',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "eligibility_cohortchangeevent" ("applied_at", "by", "cohort_id", "created_at", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "takes_effect_at", "values", "withdrawn_at") VALUES (NEW."applied_at", NEW."by", NEW."cohort_id", NEW."created_at", NEW."id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."takes_effect_at", NEW."values", NEW."withdrawn_at"); RETURN NULL;', hash='710faa041a5761f08e6b9918165170d2efe77d59', operation='UPDATE', pgid='pgtrigger_update_update_875ef', table='eligibility_cohortchange', when='AFTER')),
        ),
        migrations.AddConstraint(
            model_name='decision',
            constraint=models.UniqueConstraint(fields=('person', 'cohort'), name='one_decision_per_person_and_cohort'),
        ),
        migrations.AddConstraint(
            model_name='correction',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'open')), fields=('person', 'field'), name='one_open_correction_per_field'),
        ),
        migrations.AddConstraint(
            model_name='provideraccount',
            constraint=models.UniqueConstraint(fields=('provider', 'subject_index'), name='one_person_per_provider_subject'),
        ),
        migrations.AddConstraint(
            model_name='proxy',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at__isnull', True)), fields=('person',), name='one_live_proxy_per_person'),
        ),
        migrations.AddConstraint(
            model_name='proxy',
            constraint=models.CheckConstraint(condition=models.Q(('person', models.F('by')), _negated=True), name='nobody_is_their_own_proxy'),
        ),
        migrations.AddIndex(
            model_name='proxyrequest',
            index=models.Index(fields=['phone_index', 'asked_at'], name='proxy_requests_by_phone'),
        ),
        migrations.AddConstraint(
            model_name='proxyrequest',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('answer', 'waiting'), ('answered_at__isnull', True)), models.Q(models.Q(('answer', 'waiting'), _negated=True), ('answered_at__isnull', False)), _connector='OR'), name='answered_proxy_request_has_its_time'),
        ),
        migrations.AddIndex(
            model_name='review',
            index=models.Index(condition=models.Q(('status', 'open')), fields=['opened_at'], name='reviews_open'),
        ),
        migrations.AddConstraint(
            model_name='review',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'open')), fields=('person', 'cohort'), name='one_open_review_per_person_and_cohort'),
        ),
        migrations.AddConstraint(
            model_name='review',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closed_at__isnull', True), ('status', 'open')), models.Q(models.Q(('status', 'open'), _negated=True), ('closed_at__isnull', False)), _connector='OR'), name='closed_review_has_its_time'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='review',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "eligibility_reviewevent" ("answer", "by", "closed_at", "cohort_id", "doubted", "id", "opened_at", "person_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "status") VALUES (NEW."answer", NEW."by", NEW."closed_at", NEW."cohort_id", NEW."doubted", NEW."id", NEW."opened_at", NEW."person_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."reason", NEW."status"); RETURN NULL;', hash='f47d483224e559da06e3ab171a2fa7a2632f3cca', operation='INSERT', pgid='pgtrigger_insert_insert_fce80', table='eligibility_review', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='review',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."answer" IS DISTINCT FROM (NEW."answer") OR OLD."by" IS DISTINCT FROM (NEW."by") OR OLD."closed_at" IS DISTINCT FROM (NEW."closed_at") OR OLD."cohort_id" IS DISTINCT FROM (NEW."cohort_id") OR OLD."doubted" IS DISTINCT FROM (NEW."doubted") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."opened_at" IS DISTINCT FROM (NEW."opened_at") OR OLD."person_id" IS DISTINCT FROM (NEW."person_id") OR OLD."reason" IS DISTINCT FROM (NEW."reason") OR OLD."status" IS DISTINCT FROM (NEW."status"))', func='INSERT INTO "eligibility_reviewevent" ("answer", "by", "closed_at", "cohort_id", "doubted", "id", "opened_at", "person_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "status") VALUES (NEW."answer", NEW."by", NEW."closed_at", NEW."cohort_id", NEW."doubted", NEW."id", NEW."opened_at", NEW."person_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."reason", NEW."status"); RETURN NULL;', hash='c05aa74f0e47f2bb53d361a158d23f4adeef1f31', operation='UPDATE', pgid='pgtrigger_update_update_e5cfb', table='eligibility_review', when='AFTER')),
        ),
    ]
