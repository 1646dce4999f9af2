from django.urls import URLPattern, path

from tutor.dashboard import own_views

urlpatterns: list[URLPattern] = [
    path("me/", own_views.own, name="own"),
    path("me/enter/", own_views.enter, name="own_enter"),
    path("me/leave/", own_views.leave, name="own_leave"),
    path("me/<uuid:curriculum_id>/", own_views.own, name="own_curriculum"),
]
