

import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('booking', '0006_random_tokens_of_128_bits'),
    ]

    operations = [
        pgtrigger.migrations.RemoveTrigger(
            model_name='reservation',
            name='status_moves_lawfully',
        ),
        migrations.AlterField(
            model_name='reservation',
            name='status',
            field=models.CharField(choices=[('held', 'Held'), ('confirmed', 'Confirmed'), ('arrived', 'Arrived'), ('vaccinated', 'Vaccinated'), ('not_done', 'Came, not vaccinated'), ('no_show', 'Did not come'), ('cancelled', 'Cancelled'), ('lapsed', 'Ran out of time'), ('released', 'Given up before confirming')], default='held', max_length=10, verbose_name='status'),
        ),
        migrations.AlterField(
            model_name='reservationevent',
            name='status',
            field=models.CharField(choices=[('held', 'Held'), ('confirmed', 'Confirmed'), ('arrived', 'Arrived'), ('vaccinated', 'Vaccinated'), ('not_done', 'Came, not vaccinated'), ('no_show', 'Did not come'), ('cancelled', 'Cancelled'), ('lapsed', 'Ran out of time'), ('released', 'Given up before confirming')], default='held', max_length=10, verbose_name='status'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='reservation',
            trigger=pgtrigger.compiler.Trigger(name='status_moves_lawfully', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."status" IS DISTINCT FROM (NEW."status") AND NOT (NEW."status" = \'confirmed\' AND OLD."status" = \'held\'))', declare='DECLARE _is_valid_transition BOOLEAN;', func='SELECT CONCAT(OLD."status", \':\', NEW."status") = ANY(\'{held:confirmed,held:lapsed,held:released,confirmed:arrived,confirmed:no_show,confirmed:cancelled,arrived:confirmed,arrived:vaccinated,arrived:not_done,vaccinated:arrived,not_done:arrived,no_show:confirmed,cancelled:confirmed}\'::text[]) INTO _is_valid_transition; IF (_is_valid_transition IS FALSE AND OLD."status" IS DISTINCT FROM NEW."status") THEN RAISE EXCEPTION \'pgtrigger: Invalid transition of field "status" from "%" to "%" on table %\', OLD."status", NEW."status", TG_TABLE_NAME; ELSE RETURN NEW; END IF;', hash='b8a2243cf43e1f7f3212713691592489e5dfbc8e', operation='UPDATE', pgid='pgtrigger_status_moves_lawfully_1e643', table='booking_reservation', when='BEFORE')),
        ),
    ]
