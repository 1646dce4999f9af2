from django.contrib import admin
from django.urls import include, path

handler404 = "tutor.dashboard.guards.not_found"
urlpatterns = [
    path("admin/", admin.site.urls),
    path("", include("api.urls")),
    path("", include("tutor.dashboard.urls")),
]
