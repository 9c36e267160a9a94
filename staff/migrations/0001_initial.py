import database.clock
import django.contrib.auth.models
import django.contrib.auth.validators
import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
import django.utils.timezone
import pgtrigger.compiler
import pgtrigger.migrations
import privacy.fields
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('database', '0001_clock'),
        ('auth', '0012_alter_user_first_name_max_length'),
        ('booking', '0001_initial'),
        ('pghistory', '0007_auto_20250421_0444'),
    ]

    operations = [
        migrations.CreateModel(
            name='RecoveryCodes',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='The human-readable name of this device.', max_length=64)),
                ('confirmed', models.BooleanField(default=True, help_text='Is this device ready for use?')),
                ('hashes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=64), default=list, size=None)),
                ('made_at', models.DateTimeField(db_default=database.clock.Now(), editable=False, verbose_name='made at')),
            ],
            options={
                'verbose_name': 'recovery codes',
                'verbose_name_plural': 'recovery codes',
            },
        ),
        migrations.CreateModel(
            name='RoleRequest',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('role', models.CharField(blank=True, choices=[('clinic', 'Clinic staff'), ('manager', 'Clinic manager'), ('local', 'Local government'), ('authority', 'Health authority'), ('operator', 'Operator'), ('auditor', 'Auditor')], max_length=10, verbose_name='role')),
                ('region', models.CharField(blank=True, max_length=20, verbose_name='region')),
                ('district', models.CharField(blank=True, max_length=30, verbose_name='district')),
                ('reason', models.CharField(max_length=200, verbose_name='reason')),
                ('status', models.CharField(choices=[('open', 'Open'), ('granted', 'Granted'), ('refused', 'Refused')], default='open', max_length=10, verbose_name='status')),
                ('asked_at', models.DateTimeField(db_default=database.clock.Now(), editable=False, verbose_name='asked at')),
                ('decided_at', models.DateTimeField(null=True, verbose_name='decided at')),
            ],
            options={
                'verbose_name': 'request for a role',
                'verbose_name_plural': 'requests for roles',
                'ordering': ['-asked_at'],
            },
        ),
        migrations.CreateModel(
            name='RoleRequestEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('role', models.CharField(blank=True, choices=[('clinic', 'Clinic staff'), ('manager', 'Clinic manager'), ('local', 'Local government'), ('authority', 'Health authority'), ('operator', 'Operator'), ('auditor', 'Auditor')], max_length=10, verbose_name='role')),
                ('region', models.CharField(blank=True, max_length=20, verbose_name='region')),
                ('district', models.CharField(blank=True, max_length=30, verbose_name='district')),
                ('reason', models.CharField(max_length=200, verbose_name='reason')),
                ('status', models.CharField(choices=[('open', 'Open'), ('granted', 'Granted'), ('refused', 'Refused')], default='open', max_length=10, verbose_name='status')),
                ('asked_at', models.DateTimeField(db_default=database.clock.Now(), editable=False, verbose_name='asked at')),
                ('decided_at', models.DateTimeField(null=True, verbose_name='decided at')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='Session',
            fields=[
                ('session_key', models.CharField(max_length=40, primary_key=True, serialize=False, verbose_name='session key')),
                ('session_data', models.TextField(verbose_name='session data')),
                ('expire_date', models.DateTimeField(db_index=True, verbose_name='expire date')),
                ('began_at', models.DateTimeField(null=True, verbose_name='began at')),
                ('seen_at', models.DateTimeField(null=True, verbose_name='last used at')),
                ('address', models.GenericIPAddressField(null=True, verbose_name='address')),
                ('agent', models.CharField(blank=True, max_length=200, verbose_name='browser')),
            ],
            options={
                'verbose_name': 'session',
                'verbose_name_plural': 'sessions',
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='UserEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('id', models.BigIntegerField()),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('username', models.CharField(error_messages={'unique': 'A user with that username already exists.'}, help_text='Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.', max_length=150, validators=[django.contrib.auth.validators.UnicodeUsernameValidator()], verbose_name='username')),
                ('first_name', models.CharField(blank=True, max_length=150, verbose_name='first name')),
                ('last_name', models.CharField(blank=True, max_length=150, verbose_name='last name')),
                ('email', models.EmailField(blank=True, max_length=254, verbose_name='email address')),
                ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                ('role', models.CharField(blank=True, choices=[('clinic', 'Clinic staff'), ('manager', 'Clinic manager'), ('local', 'Local government'), ('authority', 'Health authority'), ('operator', 'Operator'), ('auditor', 'Auditor')], max_length=10, verbose_name='role')),
                ('region', models.CharField(blank=True, max_length=20, verbose_name='region')),
                ('district', models.CharField(blank=True, max_length=30, verbose_name='district')),
                ('unlocked_at', models.DateTimeField(editable=False, null=True, verbose_name='unlocked at')),
                ('link_made_at', models.DateTimeField(editable=False, null=True, verbose_name='link made at')),
                ('second_factor_removed_at', models.DateTimeField(editable=False, null=True, verbose_name='second factor removed at')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('username', models.CharField(error_messages={'unique': 'A user with that username already exists.'}, help_text='Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.', max_length=150, unique=True, validators=[django.contrib.auth.validators.UnicodeUsernameValidator()], verbose_name='username')),
                ('first_name', models.CharField(blank=True, max_length=150, verbose_name='first name')),
                ('last_name', models.CharField(blank=True, max_length=150, verbose_name='last name')),
                ('email', models.EmailField(blank=True, max_length=254, verbose_name='email address')),
                ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                ('role', models.CharField(blank=True, choices=[('clinic', 'Clinic staff'), ('manager', 'Clinic manager'), ('local', 'Local government'), ('authority', 'Health authority'), ('operator', 'Operator'), ('auditor', 'Auditor')], max_length=10, verbose_name='role')),
                ('region', models.CharField(blank=True, max_length=20, verbose_name='region')),
                ('district', models.CharField(blank=True, max_length=30, verbose_name='district')),
                ('unlocked_at', models.DateTimeField(editable=False, null=True, verbose_name='unlocked at')),
                ('link_made_at', models.DateTimeField(editable=False, null=True, verbose_name='link made at')),
                ('second_factor_removed_at', models.DateTimeField(editable=False, null=True, verbose_name='second factor removed at')),
                ('clinic', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='staff', to='booking.clinic', verbose_name='clinic')),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
            options={
                'verbose_name': 'user',
                'verbose_name_plural': 'users',
                'abstract': False,
            },
            managers=[
                ('objects', django.contrib.auth.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name='Authenticator',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='The human-readable name of this device.', max_length=64)),
                ('confirmed', models.BooleanField(default=True, help_text='Is this device ready for use?')),
                ('key', privacy.fields.EncryptedTextField(editable=True)),
                ('last_step', models.BigIntegerField(default=-1, editable=False)),
                ('made_at', models.DateTimeField(db_default=database.clock.Now(), editable=False, verbose_name='made at')),
                ('user', models.ForeignKey(help_text='The user that this device belongs to.', on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'authenticator',
                'verbose_name_plural': 'authenticators',
            },
        ),
        migrations.CreateModel(
            name='LogInFailure',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_default=database.clock.Now(), db_index=True, editable=False, verbose_name='at')),
                ('name_index', models.CharField(max_length=64)),
                ('network', models.CharField(blank=True, max_length=45, verbose_name='address')),
                ('device', models.CharField(blank=True, max_length=32)),
                ('step', models.CharField(choices=[('password', 'Password'), ('code', 'Second factor')], max_length=10, verbose_name='step')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='failures', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': 'failed log-in',
                'verbose_name_plural': 'failed log-ins',
                'ordering': ['-at'],
            },
        ),
        migrations.CreateModel(
            name='PeopleSet',
            fields=[
                ('digest', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('size', models.PositiveIntegerField()),
                ('people', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None)),
            ],
            options={
                'verbose_name': 'people seen together',
                'verbose_name_plural': 'people seen together',
                'indexes': [django.contrib.postgres.indexes.GinIndex(condition=models.Q(('size__lte', 5000)), fields=['people'], name='people_of_a_set')],
            },
        ),
        migrations.CreateModel(
            name='Access',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_default=database.clock.Now(), db_index=True, editable=False, verbose_name='at')),
                ('by', models.CharField(blank=True, max_length=100, verbose_name='by')),
                ('address', models.GenericIPAddressField(null=True, verbose_name='address')),
                ('act', models.CharField(choices=[('log_in', 'Logged in'), ('log_in_refused', 'Log-in refused'), ('list', 'Saw in a list'), ('search', 'Searched for'), ('detail', 'Opened'), ('print', 'Day sheet'), ('change', 'Changed'), ('download', 'Downloaded')], max_length=30, verbose_name='act')),
                ('what', models.CharField(max_length=200, verbose_name='what')),
                ('data', models.JSONField(default=dict)),
                ('people', models.JSONField(default=list, verbose_name='people')),
                ('reason', models.CharField(blank=True, max_length=200, verbose_name='reason')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='accesses', to=settings.AUTH_USER_MODEL, verbose_name='user')),
                ('people_set', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, to='staff.peopleset')),
            ],
            options={
                'verbose_name': 'access to personal data',
                'verbose_name_plural': 'accesses to personal data',
                'ordering': ['-at'],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='peopleset',
            trigger=pgtrigger.compiler.Trigger(name='people_sets_never_change', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='1417995f878e5fccd7727f2d5069ae355274ab0b', operation='UPDATE', pgid='pgtrigger_people_sets_never_change_418cc', table='staff_peopleset', when='BEFORE')),
        ),
        migrations.AddField(
            model_name='recoverycodes',
            name='user',
            field=models.ForeignKey(help_text='The user that this device belongs to.', on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='rolerequest',
            name='asked_by',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='asked by'),
        ),
        migrations.AddField(
            model_name='rolerequest',
            name='clinic',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='booking.clinic', verbose_name='clinic'),
        ),
        migrations.AddField(
            model_name='rolerequest',
            name='decided_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='decided by'),
        ),
        migrations.AddField(
            model_name='rolerequest',
            name='user',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='role_requests', to=settings.AUTH_USER_MODEL, verbose_name='user'),
        ),
        migrations.AddField(
            model_name='rolerequestevent',
            name='asked_by',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL, verbose_name='asked by'),
        ),
        migrations.AddField(
            model_name='rolerequestevent',
            name='clinic',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='booking.clinic', verbose_name='clinic'),
        ),
        migrations.AddField(
            model_name='rolerequestevent',
            name='decided_by',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL, verbose_name='decided by'),
        ),
        migrations.AddField(
            model_name='rolerequestevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='rolerequestevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='staff.rolerequest'),
        ),
        migrations.AddField(
            model_name='rolerequestevent',
            name='user',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL, verbose_name='user'),
        ),
        migrations.AddField(
            model_name='session',
            name='user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='sessions', to=settings.AUTH_USER_MODEL, verbose_name='user'),
        ),
        migrations.AddField(
            model_name='userevent',
            name='clinic',
            field=models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='booking.clinic', verbose_name='clinic'),
        ),
        migrations.AddField(
            model_name='userevent',
            name='pgh_context',
            field=models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context'),
        ),
        migrations.AddField(
            model_name='userevent',
            name='pgh_obj',
            field=models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('role__in', ['clinic', 'manager']), _negated=True), ('clinic__isnull', False), _connector='OR'), name='clinic_staff_have_a_clinic'),
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('role', 'local'), _negated=True), models.Q(('region', ''), _negated=True), _connector='OR'), name='local_government_has_a_region'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='user',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "staff_userevent" ("clinic_id", "date_joined", "district", "email", "first_name", "id", "is_active", "is_staff", "is_superuser", "last_name", "link_made_at", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "region", "role", "second_factor_removed_at", "unlocked_at", "username") VALUES (NEW."clinic_id", NEW."date_joined", NEW."district", NEW."email", NEW."first_name", NEW."id", NEW."is_active", NEW."is_staff", NEW."is_superuser", NEW."last_name", NEW."link_made_at", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."region", NEW."role", NEW."second_factor_removed_at", NEW."unlocked_at", NEW."username"); RETURN NULL;', hash='b2a1904e3daeda90918b5482065dd8946482e4a9', operation='INSERT', pgid='pgtrigger_insert_insert_ee817', table='staff_user', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='user',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."clinic_id" IS DISTINCT FROM (NEW."clinic_id") OR OLD."date_joined" IS DISTINCT FROM (NEW."date_joined") OR OLD."district" IS DISTINCT FROM (NEW."district") OR OLD."email" IS DISTINCT FROM (NEW."email") OR OLD."first_name" IS DISTINCT FROM (NEW."first_name") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."is_active" IS DISTINCT FROM (NEW."is_active") OR OLD."is_staff" IS DISTINCT FROM (NEW."is_staff") OR OLD."is_superuser" IS DISTINCT FROM (NEW."is_superuser") OR OLD."last_name" IS DISTINCT FROM (NEW."last_name") OR OLD."link_made_at" IS DISTINCT FROM (NEW."link_made_at") OR OLD."region" IS DISTINCT FROM (NEW."region") OR OLD."role" IS DISTINCT FROM (NEW."role") OR OLD."second_factor_removed_at" IS DISTINCT FROM (NEW."second_factor_removed_at") OR OLD."unlocked_at" IS DISTINCT FROM (NEW."unlocked_at") OR OLD."username" IS DISTINCT FROM (NEW."username"))', func='INSERT INTO "staff_userevent" ("clinic_id", "date_joined", "district", "email", "first_name", "id", "is_active", "is_staff", "is_superuser", "last_name", "link_made_at", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "region", "role", "second_factor_removed_at", "unlocked_at", "username") VALUES (NEW."clinic_id", NEW."date_joined", NEW."district", NEW."email", NEW."first_name", NEW."id", NEW."is_active", NEW."is_staff", NEW."is_superuser", NEW."last_name", NEW."link_made_at", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."region", NEW."role", NEW."second_factor_removed_at", NEW."unlocked_at", NEW."username"); RETURN NULL;', hash='b65083dbca083a2f83686b103bbe21a551b1d856', operation='UPDATE', pgid='pgtrigger_update_update_8c3eb', table='staff_user', when='AFTER')),
        ),
        migrations.AddIndex(
            model_name='loginfailure',
            index=models.Index(fields=['name_index', '-at'], name='failures_of_an_account'),
        ),
        migrations.AddIndex(
            model_name='loginfailure',
            index=models.Index(fields=['network', '-at'], name='failures_of_a_network'),
        ),
        migrations.AddIndex(
            model_name='access',
            index=django.contrib.postgres.indexes.GinIndex(fields=['people'], name='accesses_by_person', opclasses=['jsonb_path_ops']),
        ),
        migrations.AddConstraint(
            model_name='access',
            constraint=models.CheckConstraint(condition=models.Q(('user__isnull', False), models.Q(('by', ''), _negated=True), _connector='OR'), name='an_access_is_somebodys'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='access',
            trigger=pgtrigger.compiler.Trigger(name='accesses_never_change', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='a0c16743220b0ac319dcb1657375daefaccba2fd', operation='UPDATE', pgid='pgtrigger_accesses_never_change_a590f', table='staff_access', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='access',
            trigger=pgtrigger.compiler.Trigger(name='accesses_stay_two_years', sql=pgtrigger.compiler.UpsertTriggerSql(condition="WHEN (OLD.at > NOW() - INTERVAL '2 years')", func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='669a2888099dfc7f3370d29fe03b6be25dda58c0', operation='DELETE', pgid='pgtrigger_accesses_stay_two_years_96c59', table='staff_access', when='BEFORE')),
        ),
        migrations.AddConstraint(
            model_name='rolerequest',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'open')), fields=('user',), name='one_open_role_request'),
        ),
        migrations.AddConstraint(
            model_name='rolerequest',
            constraint=models.CheckConstraint(condition=models.Q(('asked_by', models.F('user')), _negated=True), name='nobody_asks_for_their_own_role'),
        ),
        migrations.AddConstraint(
            model_name='rolerequest',
            constraint=models.CheckConstraint(condition=models.Q(('decided_by__isnull', True), models.Q(models.Q(('decided_by', models.F('user')), _negated=True), models.Q(('decided_by', models.F('asked_by')), _negated=True)), _connector='OR'), name='a_role_is_decided_by_another'),
        ),
        migrations.AddConstraint(
            model_name='rolerequest',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at__isnull', True), ('status', 'open')), models.Q(models.Q(('status', 'open'), _negated=True), ('decided_at__isnull', False)), _connector='OR'), name='a_decided_role_has_its_time'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rolerequest',
            trigger=pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "staff_rolerequestevent" ("asked_at", "asked_by_id", "clinic_id", "decided_at", "decided_by_id", "district", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "region", "role", "status", "user_id") VALUES (NEW."asked_at", NEW."asked_by_id", NEW."clinic_id", NEW."decided_at", NEW."decided_by_id", NEW."district", NEW."id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."reason", NEW."region", NEW."role", NEW."status", NEW."user_id"); RETURN NULL;', hash='9afbceb205b6761cfc7c872bd519922abaa5633d', operation='INSERT', pgid='pgtrigger_insert_insert_08015', table='staff_rolerequest', when='AFTER')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='rolerequest',
            trigger=pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "staff_rolerequestevent" ("asked_at", "asked_by_id", "clinic_id", "decided_at", "decided_by_id", "district", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "region", "role", "status", "user_id") VALUES (NEW."asked_at", NEW."asked_by_id", NEW."clinic_id", NEW."decided_at", NEW."decided_by_id", NEW."district", NEW."id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."reason", NEW."region", NEW."role", NEW."status", NEW."user_id"); RETURN NULL;', hash='6d35ed1ee52b204e62b4eb7822c08c9e1166991d', operation='UPDATE', pgid='pgtrigger_update_update_3b797', table='staff_rolerequest', when='AFTER')),
        ),
    ]
