"""The operator's pages: schools, who signs in, and the first key of a school. Rosters come by API."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from tutor.accounts import services
from tutor.accounts.models import ApiClient, Group, Learner, School, User


@admin.register(School)
class SchoolAdmin(admin.ModelAdmin[School]):
    list_display = ("name", "timezone", "created_at")
    search_fields = ("name",)


class NewUser(AdminUserCreationForm[User]):
    class Meta:
        model = User
        fields = ("email", "name", "school", "role")


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User]):
    add_form = NewUser
    list_display = ("email", "name", "school", "role", "is_active", "is_staff")
    list_filter = ("role", "is_active", "is_staff")
    search_fields = ("email", "name")
    ordering = ("email",)
    fieldsets = (
        (None, {"fields": ("email", "password", "name", "school", "role")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "name", "school", "role", "usable_password", "password1", "password2")}),
    )


@admin.register(Learner)
class LearnerAdmin(admin.ModelAdmin[Learner]):
    list_display = ("id", "name", "source", "external_id", "school")
    list_filter = ("school",)
    search_fields = ("name", "external_id")


@admin.register(Group)
class GroupAdmin(admin.ModelAdmin[Group]):
    list_display = ("name", "school", "curriculum")
    list_filter = ("school",)
    search_fields = ("name",)
    filter_horizontal = ("teachers",)


class NewKeyForm(forms.ModelForm[ApiClient]):
    scopes = forms.MultipleChoiceField(choices=ApiClient.Scope.choices, widget=forms.CheckboxSelectMultiple)

    class Meta:
        model = ApiClient
        fields = ("school", "name", "scopes", "expires_at")


@admin.register(ApiClient)
class ApiClientAdmin(admin.ModelAdmin[ApiClient]):
    """Keys are made and revoked, never changed or deleted: the log names them."""

    form = NewKeyForm
    list_display = ("name", "prefix", "school", "created_at", "expires_at", "revoked_at")
    list_filter = ("school",)
    actions = ("revoke",)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return obj is None and super().has_change_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def save_model(self, request: HttpRequest, obj: ApiClient, form: Any, change: bool) -> None:
        fresh = services.create_key(obj.school_id, name=obj.name, scopes=obj.scopes, expires_at=obj.expires_at)
        # Django goes on with this object, for its log and the page that follows.
        obj.pk = fresh.client.pk
        messages.warning(request, f"The key, which cannot be shown again: {fresh.key}")

    @admin.action(description="Revoke the selected keys", permissions=["change"])
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiClient]) -> None:
        for key in keys:
            services.revoke_key(key, now=timezone.now())
        messages.success(request, "Revoked: every web process refuses them after 30 seconds at most.")
