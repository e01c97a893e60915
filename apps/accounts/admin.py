"""For operators. Runs as maintenance (see `middleware`); shows no token's digest, and no audit entry can be changed."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from apps.accounts import audit, services, verdicts
from apps.accounts.models import AuditEntry, Membership, PersonalAccessToken, Plan, Team, User
from apps.accounts.scope import after_commit

admin.site.site_header = admin.site.site_title = "tailsvc"
admin.site.unregister(Group)  # operators are superusers; groups would be a second, unused set of rights


class _Audited(admin.ModelAdmin):  # type: ignore[type-arg]
    """What an operator changes of a team's things is told to the team, and holds at once."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001
        super().save_model(request, obj, form, change)
        self._note(request, obj, "change" if change else "create", fields=sorted(form.changed_data))

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        self._note(request, obj, "delete")
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        with transaction.atomic(using="maintenance"):
            for obj in queryset:
                self.delete_model(request, obj)

    def _note(self, request: HttpRequest, obj: Any, deed: str, **details: Any) -> None:
        after_commit(verdicts.forget_all)
        kind = obj._meta.model_name
        team_id = obj.pk if isinstance(obj, Team) else obj.team_id
        audit.record(
            team_id=team_id,
            actor=audit.OPERATOR,
            action=f"{kind}.{deed}",
            subject=str(obj),
            now=timezone.now(),
            details={**details, "by": str(request.user)},
        )


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002 (Django's signature)
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002
        return False


@admin.register(Plan)
class PlanAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("name", "retention_hours", "max_streams", "ingest_bytes_per_day", "query_requests_per_minute")

    def save_model(self, request: HttpRequest, obj: Plan, form: Any, change: bool) -> None:  # noqa: FBT001
        super().save_model(request, obj, form, change)
        after_commit(verdicts.forget_all)


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]
    ordering = ("email",)
    list_display = ("email", "name", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff")
    search_fields = ("email", "name")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("email", "password", "name")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser")}),
        ("Times", {"fields": ("last_login", "created_at")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "usable_password", "password1", "password2")}),)
    readonly_fields = ("last_login", "created_at")

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:  # noqa: FBT001
        super().save_model(request, obj, form, change)
        after_commit(verdicts.forget_all)


@admin.register(Team)
class TeamAdmin(_Audited):
    list_display = ("slug", "name", "plan", "created_at")
    list_filter = ("plan",)
    list_select_related = ("plan",)
    search_fields = ("slug", "name")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:  # noqa: ARG002 (Django's signature)
        return False  # its streams' events would stay behind


@admin.register(Membership)
class MembershipAdmin(_Audited):
    list_display = ("team", "user", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("team", "user")
    search_fields = ("team__slug", "user__email")
    autocomplete_fields = ("team", "user")

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        services.revoke_tokens_of(team_id=obj.team_id, user_id=obj.user_id, actor=audit.OPERATOR, now=timezone.now())
        super().delete_model(request, obj)


@admin.register(PersonalAccessToken)
class PersonalAccessTokenAdmin(ReadOnlyAdmin):
    list_display = ("prefix", "name", "team", "user", "expires_at", "last_used_at", "revoked_at")
    list_select_related = ("team", "user")
    search_fields = ("prefix", "name", "team__slug", "user__email")
    fields = (*list_display, "abilities", "created_at")
    actions = ("revoke",)

    @admin.action(description="Revoke the chosen tokens", permissions=["revoke"])
    def revoke(self, _request: HttpRequest, queryset: QuerySet[PersonalAccessToken]) -> None:
        with transaction.atomic(using="maintenance"):
            for token in queryset.filter(revoked_at__isnull=True):
                services.revoke_token(
                    team_id=token.team_id,
                    token_id=token.pk,
                    user_id=None,
                    actor=audit.OPERATOR,
                    now=timezone.now(),
                )

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return bool(getattr(request.user, "is_superuser", False))


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "team", "actor", "action", "subject")
    list_filter = ("action",)
    list_select_related = ("team",)
    search_fields = ("team__slug", "actor", "subject")
    ordering = ("-at", "-id")
