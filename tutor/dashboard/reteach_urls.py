from django.urls import path

from tutor.dashboard import reteach_views

# Groups stand beside the concepts, not below them: a concept may have any key.
urlpatterns = [
    path("classes/<uuid:group_id>/reteach/", reteach_views.reteach, name="reteach"),
    path("classes/<uuid:group_id>/reteach.csv", reteach_views.reteach_file, name="reteach_file"),
    path("classes/<uuid:group_id>/reteach/<str:key>/", reteach_views.one_concept, name="reteach_concept"),
    path("classes/<uuid:group_id>/reteach/<str:key>/expected.csv", reteach_views.expected_file, name="expected_file"),
    path("classes/<uuid:group_id>/reteach-groups/", reteach_views.groups, name="reteach_groups"),
    path("classes/<uuid:group_id>/reteach-groups.csv", reteach_views.groups_file, name="reteach_groups_file"),
]
