"""Files of answers: sent in one request, taken in by workers."""

from __future__ import annotations

from typing import Any, ClassVar, Final
from uuid import UUID

from django.http import HttpRequest, StreamingHttpResponse
from django.urls import path
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from api.body import require_media_type
from api.errors import BAD_REQUEST, Problem
from api.pagination import PageQuery, page_of
from api.serializers import Query
from api.views import ApiView
from tutor.scheduling import imports
from tutor.scheduling.models import ImportJob

NDJSON: Final = "application/x-ndjson"
CSV: Final = "text/csv"
BODIES: Final = {
    NDJSON: {"type": "string", "description": "One answer a line, as in `POST /interactions`"},
    CSV: {"type": "string", "description": "The same fields as columns; `concepts` are separated by semicolons"},
}


class ImportJobOut(serializers.Serializer[ImportJob]):
    id = serializers.UUIDField()
    status = serializers.ChoiceField(ImportJob.Status.values)
    format = serializers.CharField()
    source = serializers.CharField(allow_blank=True)  # type: ignore[assignment]
    curriculum = serializers.CharField(allow_blank=True)
    dry_run = serializers.BooleanField()
    rows = serializers.IntegerField(help_text="Rows done so far")
    accepted = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    rejected = serializers.IntegerField(help_text="Each is a line of the error file, once the job is done")
    message = serializers.CharField(allow_blank=True, help_text="Why it failed, if so")
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class ImportJobPage(serializers.Serializer[Any]):
    data = ImportJobOut(many=True)  # type: ignore[assignment]
    next_cursor = serializers.CharField(allow_null=True)


class CreateImportQuery(Query):
    dry_run = serializers.BooleanField(default=False, help_text="Check every row, write none")
    source = serializers.CharField(max_length=64, required=False, help_text="For rows that say none")  # type: ignore[assignment]
    curriculum = serializers.CharField(max_length=120, required=False, help_text="For rows that say none: key or id")


class Imports(ApiView):
    required_scope: ClassVar = {"GET": "interactions:write", "POST": "interactions:write"}
    queries: ClassVar = {"GET": PageQuery, "POST": CreateImportQuery}
    bucket = "ingest"
    max_body_bytes: ClassVar = imports.MAX_BYTES
    #: Its body is not held in memory, so it cannot be compared with an earlier one. Sent twice, rows count once.
    stores_no_answer = True

    @extend_schema(
        operation_id="list_imports",
        summary="List imports",
        tags=["Imports"],
        parameters=[PageQuery],
        responses=ImportJobPage,
    )
    def get(self, request: Request) -> Response:
        return page_of(
            imports.visible(self.client), request._request, self.parameters, lambda job: ImportJobOut(job).data
        )

    @extend_schema(
        operation_id="create_import",
        summary="Import a file of answers",
        description=(
            "NDJSON or CSV, up to 100 MiB. Workers take it in; each row is accepted, a duplicate, or rejected by "
            "itself, and the same file may be sent again."
        ),
        tags=["Imports"],
        parameters=[CreateImportQuery],
        request=BODIES,
        responses={202: ImportJobOut},
    )
    def post(self, request: Request) -> Response:
        media_type = require_media_type(request._request, *BODIES)
        job = self._create(request._request, imports.FORMATS[media_type])
        headers = {"Location": f"/api/v1/imports/{job.pk}"}
        return Response(ImportJobOut(job).data, status=202, headers=headers)

    def _create(self, request: HttpRequest, format: str) -> ImportJob:
        given = self.parameters
        length = int(request.META.get("CONTENT_LENGTH") or 0)
        try:
            return imports.create(
                self.client, request, length=length, format=format, source=given.get("source", ""),  # type: ignore[arg-type]
                curriculum=given.get("curriculum", ""), dry_run=given["dry_run"], now=timezone.now(),
            )  # fmt: skip
        except imports.Truncated as error:
            raise Problem(BAD_REQUEST, str(error)) from error


class OneImport(ApiView):
    required_scope: ClassVar = {"GET": "interactions:write"}

    @extend_schema(operation_id="get_import", summary="Read an import", tags=["Imports"], responses=ImportJobOut)
    def get(self, request: Request, job: UUID) -> Response:
        return Response(ImportJobOut(imports.access(self.client, job)).data)


class ImportErrors(ApiView):
    required_scope: ClassVar = {"GET": "interactions:write"}
    produces: ClassVar = (NDJSON,)

    @extend_schema(
        operation_id="list_import_errors",
        summary="The rows that an import rejected",
        description="A JSON object a line: `line`, `id`, `code`, `message`, `pointer`, `row`. Empty until it is done.",
        tags=["Imports"],
        responses={(200, NDJSON): {"type": "string"}},
    )
    def get(self, request: Request, job: UUID) -> StreamingHttpResponse:
        return StreamingHttpResponse(imports.error_chunks(imports.access(self.client, job)), content_type=NDJSON)


urlpatterns = [
    path("imports", Imports.as_view()),
    path("imports/<uuid:job>", OneImport.as_view()),
    path("imports/<uuid:job>/errors", ImportErrors.as_view()),
]
