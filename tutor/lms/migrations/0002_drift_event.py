import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('lms', '0001_initial'),
    ]

    operations = [
        migrations.AlterField(
            model_name='endpoint',
            name='kinds',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('review.due', 'Review Due'), ('agenda.daily', 'Agenda Daily'), ('drift.alert', 'Drift Alert'), ('ping', 'Ping')], max_length=24), size=None),
        ),
    ]
