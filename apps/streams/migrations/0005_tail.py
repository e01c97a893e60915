"""What following needs of the log tables."""

from django.db import migrations

from apps.engine import log_migration


class Migration(migrations.Migration):
    dependencies = [("streams", "0004_segments")]

    operations = [
        migrations.RunSQL(
            log_migration("0003_tail"),
            reverse_sql="""
                ALTER TABLE log_stream_head DROP COLUMN lines;
                DROP INDEX log_event_by_id;
                CREATE INDEX log_event_by_id ON log_event USING brin (stream_id, id)
                    WITH (pages_per_range = 32, autosummarize = on);
                DROP INDEX log_segment_by_id
            """,
        )
    ]
