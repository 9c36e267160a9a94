"""Rename a field; its column stays, so that the release before runs on this schema too."""

from django.db import migrations

import privacy.fields


class Migration(migrations.Migration):
    dependencies = [
        ("eligibility", "0003_function_of_sessions"),
    ]

    operations = [
        migrations.AlterField(
            model_name="provideranswer",
            name="said",
            field=privacy.fields.EncryptedTextField(
                db_column="said", editable=True, null=True, verbose_name="outcome"
            ),
        ),
        migrations.RenameField(
            model_name="provideranswer", old_name="said", new_name="outcome"
        ),
    ]
