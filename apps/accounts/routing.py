"""Which database log-in an ORM call uses: decided by the open scope alone."""

from typing import Any

from django.db.models import Model

from apps.accounts.scope import OutsideTeamScope, current_team, in_maintenance


class RoleRouter:
    def db_for_read(self, model: type[Model], **hints: Any) -> str:  # noqa: ARG002 (Django's signature)
        return self._alias(model)

    def db_for_write(self, model: type[Model], **hints: Any) -> str:  # noqa: ARG002
        return self._alias(model)

    def allow_relation(self, left: Model, right: Model, **hints: Any) -> bool:  # noqa: ARG002
        return True  # all aliases are one database

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool:  # noqa: ARG002
        return db == "owner"

    def _alias(self, model: type[Model]) -> str:
        if in_maintenance():
            return "maintenance"
        if getattr(model, "team_isolated", False) and current_team() is None:
            raise OutsideTeamScope(f"{model.__name__} belongs to a team: open team_scope() first")
        return "default"
