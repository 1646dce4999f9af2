from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('scheduling', '0007_pace'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='decision',
            index=models.Index(fields=['learner_id', 'curriculum_id', 'served_at'], name='decision_learner'),
        ),
    ]
