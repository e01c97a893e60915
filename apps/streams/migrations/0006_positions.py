"""How far sources of lines were read."""

from django.db import migrations

from apps.engine import log_migration


class Migration(migrations.Migration):
    dependencies = [("streams", "0005_tail")]

    operations = [migrations.RunSQL(log_migration("0004_positions"), reverse_sql="DROP TABLE log_position")]
