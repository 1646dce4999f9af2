from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tracing', '0004_scores_in_order'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='lag',
            index=models.Index(fields=['learner_id', 'curriculum_id'], name='lag_learner'),
        ),
    ]
