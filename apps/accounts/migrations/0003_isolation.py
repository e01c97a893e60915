from django.db import migrations

from apps.accounts.isolation import IsolateByTeam


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_plans")]

    operations = [
        IsolateByTeam("accounts_team", "id"),
        IsolateByTeam("accounts_membership"),
        IsolateByTeam("accounts_personalaccesstoken"),
        # A grant that nobody has confirmed has no team, and is nobody's to see.
        IsolateByTeam("accounts_devicegrant"),
        IsolateByTeam("accounts_auditentry"),
    ]
