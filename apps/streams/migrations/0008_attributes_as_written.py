"""Attributes of rows as they were written, and as they are in all other forms."""

from django.db import migrations

from apps.engine import log_migration


class Migration(migrations.Migration):
    dependencies = [("streams", "0007_held_deletions")]

    operations = [
        migrations.RunSQL(
            log_migration("0006_attributes_as_written"),
            reverse_sql="ALTER TABLE log_event ALTER COLUMN attributes TYPE jsonb USING attributes::jsonb",
        )
    ]
