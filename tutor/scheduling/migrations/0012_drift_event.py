from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('scheduling', '0011_said'),
    ]

    operations = [
        migrations.AlterField(
            model_name='event',
            name='kind',
            field=models.CharField(choices=[('review.due', 'Review Due'), ('agenda.daily', 'Agenda Daily'), ('drift.alert', 'Drift Alert'), ('ping', 'Ping')], max_length=24),
        ),
    ]
