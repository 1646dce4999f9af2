import django.contrib.postgres.fields
from django.db import migrations, models
from django.db.models import Q

HASHES = 8

LOG = """
CREATE TABLE interactions_interaction (
    learner_id uuid NOT NULL,
    curriculum_id uuid NOT NULL,
    seq bigint NOT NULL,
    occurred_at timestamptz NOT NULL,
    school_id uuid NOT NULL,
    received_at timestamptz NOT NULL,
    decision_id uuid,
    item int NOT NULL CHECK (item >= 0),
    correct real NOT NULL CHECK (correct >= 0 AND correct <= 1),
    response_seconds real CHECK (response_seconds >= 0),
    hints smallint CHECK (hints >= 0),
    attempt smallint CHECK (attempt >= 1),
    concepts int[] NOT NULL CHECK (cardinality(concepts) > 0),
    source text NOT NULL,
    client_id text NOT NULL,
    PRIMARY KEY (learner_id, curriculum_id, seq, occurred_at)
) PARTITION BY HASH (learner_id);
-- Read in time order by replay, history and training snapshots.
CREATE INDEX interactions_in_time ON interactions_interaction (learner_id, curriculum_id, occurred_at, seq);

CREATE TABLE interactions_clientkey (
    school_id uuid NOT NULL,
    source text NOT NULL,
    client_id text NOT NULL,
    learner_id uuid NOT NULL,
    curriculum_id uuid NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (school_id, source, client_id)
);

ALTER TABLE interactions_loghead SET (fillfactor = 70);

CREATE FUNCTION interactions_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Erasure and the moving of strays into their month say so first; nothing else may touch the log.
    IF current_setting('trellis.maintenance', true) = 'on' THEN
        RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    RAISE EXCEPTION 'the log of answers is append-only: % refused; send a correcting answer instead', TG_OP;
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON interactions_interaction
    FOR EACH ROW EXECUTE FUNCTION interactions_append_only();
"""

HASH = """
CREATE TABLE interactions_interaction_{h} PARTITION OF interactions_interaction
    FOR VALUES WITH (MODULUS {n}, REMAINDER {h}) PARTITION BY RANGE (occurred_at);
CREATE TABLE interactions_interaction_{h}_default PARTITION OF interactions_interaction_{h} DEFAULT;
"""

UNDO = """
DROP TABLE interactions_interaction, interactions_clientkey;
DROP FUNCTION interactions_append_only;
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="ClientKey",
            fields=[
                ("pk", models.CompositePrimaryKey("school_id", "source", "client_id", blank=True, editable=False, primary_key=True, serialize=False)),
                ("school_id", models.UUIDField()),
                ("source", models.TextField()),
                ("client_id", models.TextField()),
                ("learner_id", models.UUIDField()),
                ("curriculum_id", models.UUIDField()),
                ("seq", models.BigIntegerField()),
            ],
            options={"db_table": "interactions_clientkey", "managed": False},
        ),
        migrations.CreateModel(
            name="Interaction",
            fields=[
                ("pk", models.CompositePrimaryKey("learner_id", "curriculum_id", "seq", "occurred_at", blank=True, editable=False, primary_key=True, serialize=False)),
                ("learner_id", models.UUIDField()),
                ("curriculum_id", models.UUIDField()),
                ("seq", models.BigIntegerField()),
                ("occurred_at", models.DateTimeField()),
                ("school_id", models.UUIDField()),
                ("received_at", models.DateTimeField()),
                ("item", models.IntegerField()),
                ("concepts", django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), size=None)),
                ("correct", models.FloatField()),
                ("response_seconds", models.FloatField(null=True)),
                ("hints", models.SmallIntegerField(null=True)),
                ("attempt", models.SmallIntegerField(null=True)),
                ("source", models.TextField()),
                ("client_id", models.TextField()),
                ("decision_id", models.UUIDField(null=True)),
            ],
            options={"db_table": "interactions_interaction", "managed": False},
        ),
        migrations.CreateModel(
            name="LogHead",
            fields=[
                ("pk", models.CompositePrimaryKey("learner_id", "curriculum_id", blank=True, editable=False, primary_key=True, serialize=False)),
                ("learner_id", models.UUIDField()),
                ("curriculum_id", models.UUIDField()),
                ("school_id", models.UUIDField()),
                ("seq", models.BigIntegerField(default=0)),
                ("behind_since", models.DateTimeField(null=True)),
                ("behind_from", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [models.Index(condition=Q(("behind_since__isnull", False)), fields=["behind_since"], name="loghead_behind")],
            },
        ),
        migrations.RunSQL(LOG, UNDO),
        *[migrations.RunSQL(HASH.format(h=h, n=HASHES), migrations.RunSQL.noop) for h in range(HASHES)],
    ]
