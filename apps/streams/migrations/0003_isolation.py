"""Row-level security for the tables of streams."""

from django.db import migrations

from apps.accounts.isolation import IsolateByTeam


class Migration(migrations.Migration):
    dependencies = [("streams", "0002_log_tables")]

    operations = [
        IsolateByTeam("streams_stream"),
        IsolateByTeam("streams_ingesttoken"),
        IsolateByTeam("streams_usage"),
    ]
