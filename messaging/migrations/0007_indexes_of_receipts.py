from django.contrib.postgres.operations import AddIndexConcurrently, ValidateConstraint
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False

    dependencies = [
        ("messaging", "0006_providers_and_receipts"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="message",
            index=models.Index(
                models.F("provider_id"),
                condition=models.Q(("provider_id", ""), _negated=True),
                name="messages_of_providers",
            ),
        ),
        AddIndexConcurrently(
            model_name="message",
            index=models.Index(
                models.F("sent_at"),
                condition=models.Q(("gateway", "kakao"), ("receipt", "")),
                name="messages_unreported",
            ),
        ),
        ValidateConstraint(model_name="message", name="receipt_is_of_a_sent_message"),
    ]
