from django.urls import path

from tutor.dashboard import forecast_views as views

urlpatterns = [
    path("classes/<uuid:group_id>/forecast/", views.forecast, name="forecast"),
    path("classes/<uuid:group_id>/forecast/minutes/", views.minutes, name="forecast_minutes"),
    path("classes/<uuid:group_id>/forecast/trust/", views.trust, name="forecast_trust"),
    path("classes/<uuid:group_id>/forecast/<slug:of>.csv", views.file, name="forecast_file"),
]
