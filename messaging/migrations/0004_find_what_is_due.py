"""The index of what is to be sent takes in what is still to be written; nobody waits for it."""

from django.contrib.postgres.operations import (
    AddIndexConcurrently,
    RemoveIndexConcurrently,
    ValidateConstraint,
)
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("messaging", "0003_message_written_when_sent")]

    operations = [
        ValidateConstraint(model_name="message", name="message_to_send_is_written"),
        AddIndexConcurrently(
            model_name="message",
            index=models.Index(
                models.F("created_at"),
                condition=models.Q(("status__in", ["waiting", "unwritten"])),
                name="messages_due",
            ),
        ),
        RemoveIndexConcurrently(model_name="message", name="messages_waiting"),
    ]
