import database.clock
import django.contrib.postgres.indexes
import privacy.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('database', '0001_clock'),
    ]

    operations = [
        migrations.CreateModel(
            name='Spending',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=30, unique=True, verbose_name='kind')),
                ('last_hour', models.PositiveIntegerField(default=0, verbose_name='last hour')),
                ('last_day', models.PositiveIntegerField(default=0, verbose_name='last day')),
                ('alarmed_at', models.DateTimeField(blank=True, null=True, verbose_name='alarmed at')),
            ],
            options={
                'verbose_name': 'spending',
                'verbose_name_plural': 'spendings',
            },
        ),
        migrations.CreateModel(
            name='Message',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=120, verbose_name='key')),
                ('kind', models.CharField(max_length=30, verbose_name='kind')),
                ('channel', models.CharField(choices=[('sms', 'Text message'), ('email', 'E-mail')], max_length=10, verbose_name='channel')),
                ('to', privacy.fields.EncryptedTextField(blank=True, editable=True, null=True, verbose_name='to')),
                ('text', privacy.fields.EncryptedTextField(blank=True, editable=True, null=True, verbose_name='text')),
                ('person_id', models.BigIntegerField(blank=True, db_index=True, null=True, verbose_name='person')),
                ('status', models.CharField(choices=[('unwritten', 'To be written and sent'), ('waiting', 'Waiting to be sent'), ('sent', 'Sent'), ('failed', 'Failed'), ('expired', 'Too late to send')], default='waiting', max_length=10, verbose_name='status')),
                ('tries', models.PositiveSmallIntegerField(default=0, verbose_name='tries')),
                ('problem', models.CharField(blank=True, max_length=200, verbose_name='problem')),
                ('created_at', models.DateTimeField(db_default=database.clock.Now(), verbose_name='created at')),
                ('not_before', models.DateTimeField(blank=True, null=True, verbose_name='not before')),
                ('not_after', models.DateTimeField(blank=True, null=True, verbose_name='not after')),
                ('sent_at', models.DateTimeField(blank=True, null=True, verbose_name='sent at')),
            ],
            options={
                'verbose_name': 'message',
                'verbose_name_plural': 'messages',
                'indexes': [models.Index(models.F('created_at'), condition=models.Q(('status__in', ['waiting', 'unwritten'])), name='messages_due'), django.contrib.postgres.indexes.BrinIndex(models.F('created_at'), autosummarize=True, name='messages_by_time')],
                'constraints': [models.UniqueConstraint(fields=('key',), name='one_message_per_key'), models.CheckConstraint(condition=models.Q(models.Q(('sent_at__isnull', False), ('status', 'sent')), models.Q(models.Q(('status', 'sent'), _negated=True), ('sent_at__isnull', True)), _connector='OR'), name='sent_message_has_its_time'), models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['waiting', 'sent']), _negated=True), models.Q(('text__isnull', False), ('to__isnull', False)), _connector='OR'), name='message_to_send_is_written')],
            },
        ),
    ]
