"""Deletions that wait for pieces that cannot be read."""

from django.db import migrations

from apps.engine import log_migration


class Migration(migrations.Migration):
    dependencies = [("streams", "0006_positions")]

    operations = [
        migrations.RunSQL(
            log_migration("0005_held_deletions"), reverse_sql="ALTER TABLE log_deletion DROP COLUMN held"
        )
    ]
