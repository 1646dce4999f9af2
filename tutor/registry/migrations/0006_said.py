from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0005_follows_since")]

    operations = [
        migrations.AddField(
            model_name="trainingrun", name="said", field=models.JSONField(blank=True, default=dict),
        ),
    ]  # fmt: skip
