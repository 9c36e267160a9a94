import django.contrib.postgres.fields
import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

import database.clock


class Migration(migrations.Migration):
    # Indexes are made CONCURRENTLY.
    atomic = False

    dependencies = [
        ('staff', '0003_passkeys_with_notices'),
    ]

    operations = [
        migrations.AddField(
            model_name='peopleset',
            name='base',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='differences', to='staff.peopleset'),
        ),
        migrations.AddField(
            model_name='peopleset',
            name='removed',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), null=True, size=None),
        ),
        migrations.AddField(
            model_name='peopleset',
            name='topic',
            field=models.CharField(db_default='', max_length=100),
        ),
        # Without a default first: that of a clock would rewrite the table.
        migrations.AddField(
            model_name='peopleset',
            name='made_at',
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AlterField(
            model_name='peopleset',
            name='made_at',
            field=models.DateTimeField(db_default=database.clock.Now(), editable=False, null=True),
        ),
        AddIndexConcurrently(
            model_name='peopleset',
            index=models.Index(condition=models.Q(('size__gt', 5000)), fields=['size'], name='large_sets'),
        ),
        AddIndexConcurrently(
            model_name='peopleset',
            index=models.Index(condition=models.Q(('base__isnull', False)), fields=['base'], name='differences_of_a_set'),
        ),
        AddIndexConcurrently(
            model_name='peopleset',
            index=models.Index(condition=models.Q(('topic', ''), _negated=True), fields=['topic', '-made_at'], name='bases_of_a_topic'),
        ),
        AddIndexConcurrently(
            model_name='access',
            index=models.Index(condition=models.Q(('people_set__isnull', False)), fields=['people_set'], name='accesses_by_set'),
        ),
        # After the index that replaces its own two.
        migrations.AlterField(
            model_name='access',
            name='people_set',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, to='staff.peopleset'),
        ),
    ]
