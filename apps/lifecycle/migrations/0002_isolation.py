"""Row-level security for what the platform saw."""

from django.db import migrations

from apps.accounts.isolation import IsolateByTeam


class Migration(migrations.Migration):
    dependencies = [("lifecycle", "0001_initial")]

    operations = [
        IsolateByTeam("lifecycle_lifecyclehead"),
        IsolateByTeam("lifecycle_replica"),
        IsolateByTeam("lifecycle_lifecycleevent"),
        IsolateByTeam("lifecycle_buildlog"),
        IsolateByTeam("lifecycle_buildchunk"),
    ]
