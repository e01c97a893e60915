"""Plan, User, Team, Membership, PersonalAccessToken, DeviceGrant, AuditEntry.

Models with `team_isolated` are reachable in a `team_scope` only, and their tables have row-level security.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models import Q

from apps.accounts.abilities import Role


class Plan(models.Model):
    """Limits as data. An empty limit means that there is none."""

    name = models.SlugField(unique=True, max_length=40)
    retention_hours = models.PositiveIntegerField()
    max_streams = models.PositiveIntegerField(null=True, blank=True)
    ingest_bytes_per_day = models.BigIntegerField(null=True, blank=True)
    ingest_requests_per_minute = models.PositiveIntegerField(null=True, blank=True)
    query_requests_per_minute = models.PositiveIntegerField(null=True, blank=True)
    max_followers = models.PositiveIntegerField(null=True, blank=True)
    # What the platform saw is news, and a build's log of use until the next build: both are kept for less time.
    lifecycle_event_hours = models.PositiveIntegerField(default=1)
    build_log_hours = models.PositiveIntegerField(default=72)

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **extra: Any) -> User:
        user = self.model(email=self.model.normalize_username(email), **extra)
        user.set_password(password)
        user.save()
        return user

    def create_superuser(self, email: str, password: str | None = None, **extra: Any) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **extra)

    def get_by_natural_key(self, username: str | None) -> User:
        """Whom somebody who logs in means."""
        return self.get(email=self.model.normalize_username(username or ""))


class User(AbstractBaseUser, PermissionsMixin):
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=150, blank=True)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    def __str__(self) -> str:
        return self.email

    @classmethod
    def normalize_username(cls, username: Any) -> Any:
        """Addresses are kept, and compared, in lower case."""
        return super().normalize_username(username).strip().lower()


class Team(models.Model):
    """The tenant."""

    team_isolated = True

    slug = models.SlugField(unique=True, max_length=63)
    name = models.CharField(max_length=150)
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="teams")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.slug


class Membership(models.Model):
    team_isolated = True

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=[(role.value, role.value) for role in Role])
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["team", "user"], name="one_membership_per_team"),
            models.CheckConstraint(condition=Q(role__in=[role.value for role in Role]), name="role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} in {self.team_id} as {self.role}"


class PersonalAccessToken(models.Model):
    """A user's token for one team. The text is shown once; what is kept is its SHA-256."""

    team_isolated = True

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="tokens")
    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tokens")
    name = models.CharField(max_length=150)
    digest = models.BinaryField(max_length=32, unique=True)
    prefix = models.CharField(max_length=12)  # the start of the text, for people to tell tokens apart
    abilities = models.JSONField(default=list)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}...)"


class DeviceGrant(models.Model):
    """One run of the OAuth device flow (RFC 8628): begun by a program, confirmed by a person for one of their teams."""

    team_isolated = True

    device_digest = models.BinaryField(max_length=32, unique=True)
    user_code = models.CharField(max_length=9)
    client_id = models.CharField(max_length=100)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.CASCADE)
    user = models.ForeignKey(User, null=True, blank=True, on_delete=models.CASCADE)
    decided_at = models.DateTimeField(null=True, blank=True)
    denied = models.BooleanField(default=False)
    redeemed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            # A person types the user code: it must be unambiguous for as long as it is undecided.
            models.UniqueConstraint(
                fields=["user_code"], condition=Q(decided_at__isnull=True), name="one_open_grant_per_user_code"
            )
        ]

    def __str__(self) -> str:
        return f"{self.client_id} {self.user_code}"


class AuditEntry(models.Model):
    """Who did what to a team's things. Written in the transaction of the deed."""

    team_isolated = True

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="audit_entries")
    at = models.DateTimeField()
    actor = models.CharField(max_length=254)  # an e-mail address, or "operator"
    action = models.CharField(max_length=60)  # "token.create", "stream.delete", ...
    subject = models.CharField(max_length=300)
    details = models.JSONField(default=dict)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["team", "-at", "-id"], name="audit_newest_first")]

    def __str__(self) -> str:
        return f"{self.action} {self.subject}"
