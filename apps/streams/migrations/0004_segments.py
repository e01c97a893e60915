"""The engine's columnar tables."""

from django.db import migrations

from apps.engine import log_migration


class Migration(migrations.Migration):
    dependencies = [("streams", "0003_isolation")]

    operations = [
        migrations.RunSQL(
            log_migration("0002_segments"),
            reverse_sql="""
                DROP TABLE log_segment, log_recent, log_segment_part, log_segment_index, log_deletion;
                DROP SEQUENCE log_segment_number;
                ALTER TABLE log_upkeep DROP COLUMN compacted_to, DROP COLUMN compacted_at, DROP COLUMN trimmed_before,
                    DROP COLUMN trimmed_to
            """,
        )
    ]
