"""A message may be noted first and written when it is sent; nothing here reads the table."""

from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models

import privacy.fields


class Migration(migrations.Migration):
    dependencies = [("messaging", "0002_one_message_per_key")]

    operations = [
        migrations.AlterField(
            model_name="message",
            name="to",
            field=privacy.fields.EncryptedTextField(blank=True, editable=True, null=True, verbose_name="to"),
        ),
        migrations.AlterField(
            model_name="message",
            name="text",
            field=privacy.fields.EncryptedTextField(blank=True, editable=True, null=True, verbose_name="text"),
        ),
        migrations.AlterField(
            model_name="message",
            name="status",
            field=models.CharField(
                choices=[
                    ("unwritten", "To be written and sent"),
                    ("waiting", "Waiting to be sent"),
                    ("sent", "Sent"),
                    ("failed", "Failed"),
                    ("expired", "Too late to send"),
                ],
                default="waiting",
                max_length=10,
                verbose_name="status",
            ),
        ),
        AddConstraintNotValid(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(("status__in", ["waiting", "sent"]), _negated=True)
                | models.Q(("text__isnull", False), ("to__isnull", False)),
                name="message_to_send_is_written",
            ),
        ),
    ]
