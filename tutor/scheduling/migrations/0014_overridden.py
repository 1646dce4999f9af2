from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('scheduling', '0013_told_forecasts'),
    ]

    operations = [
        migrations.AlterField(
            model_name='decision',
            name='outcome',
            field=models.CharField(choices=[('offered', 'Offered'), ('shown', 'Shown'), ('started', 'Started'), ('overridden', 'Overridden'), ('superseded', 'Superseded'), ('skipped', 'Skipped'), ('answered', 'Answered')], default='offered', max_length=16),
        ),
    ]
