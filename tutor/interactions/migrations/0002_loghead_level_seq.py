from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("interactions", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="loghead",
            name="level_seq",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
    ]
