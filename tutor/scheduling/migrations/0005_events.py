import curricula.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scheduling', '0004_agreements'),
    ]

    operations = [
        migrations.CreateModel(
            name='Digest',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('group_id', models.UUIDField()),
                ('zone', models.CharField(max_length=64)),
                ('cutoff_hour', models.PositiveSmallIntegerField()),
                ('day', models.DateField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('group_id', 'zone', 'cutoff_hour'), name='digest_once')],
            },
        ),
        migrations.CreateModel(
            name='Event',
            fields=[
                ('id', models.UUIDField(default=curricula.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('school_id', models.UUIDField()),
                ('kind', models.CharField(choices=[('review.due', 'Review Due'), ('agenda.daily', 'Agenda Daily'), ('ping', 'Ping')], max_length=24)),
                ('learner_id', models.UUIDField(null=True)),
                ('group_id', models.UUIDField(null=True)),
                ('curriculum_id', models.UUIDField(null=True)),
                ('key', models.CharField(max_length=200, null=True, unique=True)),
                ('payload', models.JSONField()),
                ('created_at', models.DateTimeField()),
                ('relayed_at', models.DateTimeField(null=True)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('relayed_at', None)), fields=['id'], name='event_waiting'), models.Index(fields=['created_at'], name='event_age')],
            },
        ),
    ]
