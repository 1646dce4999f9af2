"""Read-only lists: content changes only through `curricula.services`."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from curricula.models import Curriculum, CurriculumVersion


class ReadOnly(admin.ModelAdmin[Any]):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Curriculum)
class CurriculumAdmin(ReadOnly):
    list_display = ("key", "title", "language", "owner", "created_at")
    search_fields = ("key", "title")


@admin.register(CurriculumVersion)
class CurriculumVersionAdmin(ReadOnly):
    list_display = ("curriculum", "number", "published_at", "n_concepts", "n_items", "digest")
    list_select_related = ("curriculum",)
    exclude = ("document",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[CurriculumVersion]:
        # A document may be tens of megabytes.
        return super().get_queryset(request).defer("document")
