"""Row-level security for clusters."""

from django.db import migrations

from apps.accounts.isolation import IsolateByTeam


class Migration(migrations.Migration):
    dependencies = [("clusters", "0001_initial")]

    operations = [IsolateByTeam("clusters_cluster")]
