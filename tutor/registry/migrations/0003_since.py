from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0002_models_in_service'),
    ]

    operations = [
        migrations.AddField(
            model_name='deployment',
            name='champion_since',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='modelversion',
            name='idle_since',
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
