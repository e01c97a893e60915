"""`manage.py prepare_database`: roles, migrations, rights. Safe at every start, and from several hosts at once."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import ProgrammingError

from apps.ops import database


class Command(BaseCommand):
    requires_system_checks = ()  # 0.7 s at every start, and `make check` runs them
    help = "Create the database roles, migrate, and grant the roles their rights."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002 (Django's signature)
        try:
            database.prepare(report=self.stdout.write)
        except ProgrammingError as error:
            raise CommandError(
                f"{error}\nThe user of DATABASE_URL may not do this. Ask the database's administrator to run:\n\n"
                + database.roles_sql()
            ) from error
