"""Who is who: schools (tenants), their people, and the machines that speak for them. Personal data lives only here."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from curricula.ids import uuid7
from curricula.models import Curriculum


class School(models.Model):
    """A tenant: nothing crosses it. Life: made by an operator, kept until all of its data is erased."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=200)
    timezone = models.CharField(max_length=64, default="UTC")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: object) -> User:
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").lower())

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> User:
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractBaseUser, PermissionsMixin):
    """A person who signs in: teacher or administrator of one school, or an operator (no school, `is_staff`).

    Personal data: email, name.
    """

    class Role(models.TextChoices):
        TEACHER = "teacher"
        ADMIN = "admin"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200, blank=True)
    school = models.ForeignKey(School, on_delete=models.CASCADE, null=True, blank=True, related_name="users")
    role = models.CharField(max_length=16, choices=Role.choices, default=Role.TEACHER)
    is_active = models.BooleanField(default=True)
    is_staff = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"

    def __str__(self) -> str:
        return self.email

    def clean(self) -> None:
        # People do not mind how they write their address, so it is kept in one spelling and found by it.
        self.email = type(self).objects.normalize_email(self.email).lower()


class Rostered(models.Model):
    """Something a roster may know by another name: `external_id` as given by `source`, unique in its school."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    school = models.ForeignKey(School, on_delete=models.CASCADE, db_index=False)
    source = models.CharField(max_length=64, blank=True)
    external_id = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(
                fields=["school", "source", "external_id"],
                condition=~Q(external_id=""),
                name="%(class)s_external_id",
            )
        ]
        indexes = [
            # Read by the lists of the API: a school's rows in order of creation, a page at a time.
            models.Index(fields=["school", "id"], name="%(class)s_page"),
        ]


class Learner(Rostered):
    """Who learns. Everything else in the system knows a learner by `id` alone.

    Personal data: name, external_id. Life: rostered or made by API; erasure removes the row and all that hangs on it.
    """

    name = models.CharField(max_length=200, blank=True)
    timezone = models.CharField(max_length=64, blank=True)
    #: A learner's day begins at this local hour: practice after midnight still counts for the evening before.
    day_cutoff_hour = models.PositiveSmallIntegerField(default=4)

    def __str__(self) -> str:
        return str(self.id)


class Group(Rostered):
    """A class: learners who work on one curriculum, and the teachers who see them."""

    name = models.CharField(max_length=200)
    curriculum = models.ForeignKey(Curriculum, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    teachers = models.ManyToManyField(User, blank=True, related_name="teaches")
    learners = models.ManyToManyField(Learner, through="Membership", related_name="groups")

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A learner in a group. Life: made by roster or API, removed when the learner leaves; the log keeps the history."""

    id = models.BigAutoField(primary_key=True)
    group = models.ForeignKey(Group, on_delete=models.CASCADE, related_name="memberships")
    learner = models.ForeignKey(Learner, on_delete=models.CASCADE, related_name="memberships")
    since = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["group", "learner"], name="membership_once")]


class ApiClient(models.Model):
    """A machine that may speak for a school. The key itself is shown once and kept only as its SHA-256.

    Life: made by an administrator; ends by `revoked_at` or `expires_at`; never deleted, the log names it.
    """

    class Scope(models.TextChoices):
        INTERACTIONS_WRITE = "interactions:write"
        MASTERY_READ = "mastery:read"
        RECOMMEND_READ = "recommend:read"
        RECOMMEND_WRITE = "recommend:write"
        ROSTER_READ = "roster:read"
        ROSTER_WRITE = "roster:write"
        CURRICULUM_READ = "curriculum:read"
        CURRICULUM_WRITE = "curriculum:write"
        KEYS_ADMIN = "keys:admin"
        MODELS_ADMIN = "models:admin"
        WEBHOOKS_ADMIN = "webhooks:admin"
        TOKENS_WRITE = "tokens:write"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    school = models.ForeignKey(School, on_delete=models.CASCADE, related_name="api_clients")
    name = models.CharField(max_length=200)
    #: First characters of the key, for people to tell keys apart.
    prefix = models.CharField(max_length=16)
    key_sha256 = models.BinaryField(max_length=32, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=32, choices=Scope.choices))
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}...)"


class LearnerToken(models.Model):
    """Opens one learner's own data, read only, to whoever holds it: the learner, a parent, the front end of an LMS.

    The token itself is shown once and kept only as its SHA-256. Life: made by a machine or a teacher; ends by
    `revoked_at` or `expires_at`; removed with its learner, and so ended by erasure.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    learner = models.ForeignKey(Learner, on_delete=models.CASCADE, db_index=False, related_name="tokens")
    #: What it was made for, such as "parents' link"; for people to tell tokens apart, as is the prefix.
    name = models.CharField(max_length=200, blank=True)
    prefix = models.CharField(max_length=16)
    token_sha256 = models.BinaryField(max_length=32, unique=True, editable=False)
    created_at = models.DateTimeField()
    made_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    made_client = models.ForeignKey(ApiClient, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)
    #: To a few minutes, so that reading does not mean writing each time.
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            # Read by the list of a learner's tokens, a page at a time.
            models.Index(fields=["learner", "id"], name="learnertoken_page"),
        ]

    def __str__(self) -> str:
        return f"{self.prefix}..."


class IdempotentAnswer(models.Model):
    """What the API answered to a request that carried an Idempotency-Key, to be said again if the request is repeated.

    Life: written in the transaction of the request's effect, deleted after 24 hours. May hold personal data (`body`).
    """

    id = models.BigAutoField(primary_key=True)
    client = models.ForeignKey(ApiClient, on_delete=models.CASCADE, db_index=False, related_name="+")
    key = models.CharField(max_length=255)
    #: Of method, path, query, content type and body.
    request_sha256 = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField()
    headers: models.JSONField[dict[str, str], dict[str, str]] = models.JSONField()
    body = models.BinaryField()
    created_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client", "key"], name="idempotency_key")]
        indexes = [
            # Read by forget_old_keys().
            models.Index(fields=["created_at"], name="idempotency_age"),
        ]

    def __str__(self) -> str:
        return self.key
