from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("messaging", "0002_gateways_that_rest"),
    ]

    operations = [
        migrations.AlterField(
            model_name="message",
            name="channel",
            field=models.CharField(
                choices=[
                    ("sms", "Text message"),
                    ("email", "E-mail"),
                    ("voice", "Telephone call"),
                    ("letter", "Letter"),
                ],
                max_length=10,
                verbose_name="channel",
            ),
        ),
        migrations.AddField(
            model_name="message",
            name="printed_by",
            field=models.CharField(
                blank=True, db_default="", max_length=40, verbose_name="printed by"
            ),
        ),
    ]
