"""Published versions and the registers of positions cannot be changed or deleted, by anyone, from anywhere.

What erases a school (and nothing else) says so in its transaction: SET LOCAL trellis.maintenance = 'on'.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION curricula_in_maintenance() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT coalesce(current_setting('trellis.maintenance', true), '') = 'on'
$$;

CREATE FUNCTION curricula_refuse_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.published_at IS NOT NULL AND NOT curricula_in_maintenance() THEN
        RAISE EXCEPTION 'curriculum version % is published and cannot be changed: publish a new version', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;

CREATE FUNCTION curricula_refuse_position() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT curricula_in_maintenance() THEN
        RAISE EXCEPTION 'the position of % in % is for good: add a new key instead', OLD.key, TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END $$;

CREATE TRIGGER curricula_immutable BEFORE UPDATE OR DELETE ON curricula_curriculumversion
    FOR EACH ROW EXECUTE FUNCTION curricula_refuse_version();
CREATE TRIGGER curricula_immutable BEFORE UPDATE OR DELETE ON curricula_concept
    FOR EACH ROW EXECUTE FUNCTION curricula_refuse_position();
CREATE TRIGGER curricula_immutable BEFORE UPDATE OR DELETE ON curricula_item
    FOR EACH ROW EXECUTE FUNCTION curricula_refuse_position();
"""

BACKWARD = """
DROP TRIGGER curricula_immutable ON curricula_item;
DROP TRIGGER curricula_immutable ON curricula_concept;
DROP TRIGGER curricula_immutable ON curricula_curriculumversion;
DROP FUNCTION curricula_refuse_position();
DROP FUNCTION curricula_refuse_version();
DROP FUNCTION curricula_in_maintenance();
"""


class Migration(migrations.Migration):
    dependencies = [("curricula", "0001_initial")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
