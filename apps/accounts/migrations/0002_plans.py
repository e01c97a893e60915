"""The plans that every installation begins with. Operators change them in the admin; this runs once."""

from django.db import migrations

DAY = 24
GB = 1_000_000_000

# name: hours kept, streams, bytes a day, ingest requests and queries a minute, followers. None: no limit.
PLANS = {
    # Three agents that post every two seconds, and a person who looks around.
    "free": (3 * DAY, 3, 1 * GB, 600, 60, 5),
    "team": (14 * DAY, 25, 20 * GB, 6_000, 300, 50),
    "business": (90 * DAY, 250, 200 * GB, 60_000, 1_200, 500),
    # For people who run their own: ten years.
    "unlimited": (3653 * DAY, None, None, None, None, None),
}
LIMITS = (
    "retention_hours",
    "max_streams",
    "ingest_bytes_per_day",
    "ingest_requests_per_minute",
    "query_requests_per_minute",
    "max_followers",
)


def seed(apps, schema_editor):
    plans = apps.get_model("accounts", "Plan").objects.using(schema_editor.connection.alias)
    for name, limits in PLANS.items():
        plans.get_or_create(name=name, defaults=dict(zip(LIMITS, limits, strict=True)))


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [migrations.RunPython(seed, migrations.RunPython.noop)]
