from django.urls import URLPattern, path

from tutor.dashboard import need_views

urlpatterns: list[URLPattern] = [
    path("classes/<uuid:group_id>/need/", need_views.need, name="need"),
    path("classes/<uuid:group_id>/need/preview/", need_views.previewed, name="need_preview"),
    path("classes/<uuid:group_id>/need/thresholds/", need_views.thresholds, name="need_thresholds"),
    path("classes/<uuid:group_id>/need/alerts/<str:alert>/", need_views.mark, name="need_mark"),
    path("classes/<uuid:group_id>/need.csv", need_views.table, name="need_file"),
    path("classes/<uuid:group_id>/need/marks.csv", need_views.marks_table, name="need_marks_file"),
]
