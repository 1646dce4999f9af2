from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tracing', '0003_states_beside'),
    ]

    operations = [
        # False for those of before: of them it is not known.
        migrations.AddField(
            model_name='score',
            name='in_order',
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
