import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_recommend_write'),
    ]

    operations = [
        migrations.AlterField(
            model_name='apiclient',
            name='scopes',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('interactions:write', 'Interactions Write'), ('mastery:read', 'Mastery Read'), ('recommend:read', 'Recommend Read'), ('recommend:write', 'Recommend Write'), ('roster:read', 'Roster Read'), ('roster:write', 'Roster Write'), ('curriculum:read', 'Curriculum Read'), ('curriculum:write', 'Curriculum Write'), ('keys:admin', 'Keys Admin'), ('models:admin', 'Models Admin'), ('webhooks:admin', 'Webhooks Admin')], max_length=32), size=None),
        ),
    ]
