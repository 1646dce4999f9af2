from django.db import migrations, models

import curricula.ids


class Migration(migrations.Migration):
    dependencies = [("interactions", "0002_loghead_level_seq")]

    operations = [
        migrations.CreateModel(
            name="ItemFigures",
            fields=[
                (
                    "id",
                    models.UUIDField(default=curricula.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("school_id", models.UUIDField()),
                ("curriculum_id", models.UUIDField()),
                ("measured_at", models.DateTimeField()),
                ("format", models.SmallIntegerField()),
                ("learners", models.IntegerField()),
                ("seen", models.BigIntegerField()),
                ("spread", models.FloatField()),
                ("average", models.FloatField()),
                ("rows", models.BinaryField()),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("school_id", "curriculum_id"), name="itemfigures_once")],
            },
        ),
    ]
