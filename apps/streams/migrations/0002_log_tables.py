"""The engine's tables, as its own SQL makes them."""

from django.db import migrations

from apps.engine import log_migration


class Migration(migrations.Migration):
    dependencies = [("streams", "0001_initial")]

    operations = [
        migrations.RunSQL(
            log_migration("0001_rows"),
            reverse_sql="DROP TABLE log_event, log_stream_head, log_upkeep, log_ingest_key, log_rejection",
        )
    ]
