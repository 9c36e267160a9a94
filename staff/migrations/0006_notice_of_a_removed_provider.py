from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("staff", "0005_openid_accounts")]

    operations = [
        migrations.AlterField(
            model_name="notice",
            name="kind",
            field=models.CharField(
                choices=[
                    ("role", "Role"),
                    ("email", "E-mail address"),
                    ("switched_on", "Switched on"),
                    ("switched_off", "Switched off"),
                    ("link", "Link for a password"),
                    ("password", "Password"),
                    ("authenticator", "Authenticator app"),
                    ("codes", "Recovery codes"),
                    ("factor_removed", "Second factor removed"),
                    ("passkey_added", "Passkey added"),
                    ("passkey_removed", "Passkey removed"),
                    ("new_browser", "New browser"),
                    ("wrong_codes", "Wrong codes"),
                    ("openid", "Identity provider"),
                    ("openid_removed", "Identity provider removed"),
                ],
                max_length=20,
                verbose_name="kind",
            ),
        ),
    ]
