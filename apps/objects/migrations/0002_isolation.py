"""Row-level security for objects."""

from django.db import migrations

from apps.accounts.isolation import IsolateByTeam


class Migration(migrations.Migration):
    dependencies = [("objects", "0001_initial")]

    operations = [
        IsolateByTeam("objects_objecthead"),
        IsolateByTeam("objects_storedobject"),
        IsolateByTeam("objects_objectchange"),
    ]
