from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0010_rehearsals")]

    operations = [
        migrations.AddField(
            model_name=name, name="said", field=models.JSONField(blank=True, default=dict),
        )
        for name in ("evaluation", "rehearsal")
    ]  # fmt: skip
