from django.urls import URLPattern, path

from tutor.dashboard import settings_views

urlpatterns: list[URLPattern] = [
    path("classes/<uuid:group_id>/settings/", settings_views.settings, name="settings"),
    path("classes/<uuid:group_id>/settings/preview.csv", settings_views.preview_file, name="settings_file"),
    path("classes/<uuid:group_id>/settings/save/", settings_views.save, name="save_settings"),
]
