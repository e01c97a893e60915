"""The `Feldera-Tenant` header. A token is for one team, so the header can only repeat which one that is."""

from uuid import UUID

from apps.accounts.callers import Caller
from apps.accounts.models import Team
from apps.accounts.scope import team_scope
from apps.feldera import errors

HEADER = "Feldera-Tenant"


def check_tenant(caller: Caller, tenant: str | None) -> None:
    """Raises NotATenantMember for any other team, be it there or not."""
    if not tenant or tenant in {caller.team_slug, str(as_uuid(caller.team_id))}:
        return
    with team_scope(caller.team_id):
        name = Team.objects.values_list("name", flat=True).get(pk=caller.team_id)
    if tenant != name:
        raise errors.not_a_tenant_member(tenant)


def as_uuid(number: int) -> UUID:
    """Feldera's clients want UUIDs where we have numbers."""
    return UUID(int=number)
