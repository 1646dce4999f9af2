from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

import curricula.ids


class Migration(migrations.Migration):
    dependencies = [("registry", "0006_said")]

    operations = [
        migrations.CreateModel(
            name="Move",
            fields=[
                (
                    "id",
                    models.UUIDField(default=curricula.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "how",
                    models.CharField(
                        choices=[
                            ("promoted", "Promoted"),
                            ("rolled_back", "Rolled Back"),
                            ("challenged", "Challenged"),
                            ("withdrawn", "Withdrawn"),
                            ("followed", "Followed"),
                            ("stood_in", "Stood In"),
                        ],
                        max_length=16,
                    ),
                ),
                ("from_version", models.UUIDField(blank=True, null=True)),
                ("from_kind", models.CharField(blank=True, max_length=40)),
                ("to_version", models.UUIDField(blank=True, null=True)),
                ("to_kind", models.CharField(blank=True, max_length=40)),
                ("by", models.CharField(blank=True, max_length=200)),
                ("forced", models.BooleanField(default=False)),
                ("reason", models.TextField(blank=True)),
                ("said", models.JSONField(blank=True, default=dict)),
                ("at", models.DateTimeField()),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="moves", to="registry.deployment"
                    ),
                ),
            ],
        ),
    ]
