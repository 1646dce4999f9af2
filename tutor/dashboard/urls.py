from django.urls import path
from django.views.i18n import set_language

from tutor.dashboard import (
    forecast_urls,
    items_urls,
    learner_urls,
    matrix_views,
    models_views,
    need_urls,
    own_urls,
    prerequisites_views,
    reteach_urls,
    settings_urls,
    views,
)

app_name = "dashboard"
urlpatterns = [
    path("", views.home, name="home"),
    path("login/", views.sign_in, name="sign_in"),
    path("logout/", views.sign_out, name="sign_out"),
    path("language/", set_language, name="language"),
    path("classes/<uuid:group_id>/", views.one_class, name="class"),
    path("classes/<uuid:group_id>/overview.csv", views.class_file, name="class_file"),
    path("classes/<uuid:group_id>/mastery/", matrix_views.mastery, name="mastery"),
    path("classes/<uuid:group_id>/mastery.csv", matrix_views.mastery_file, name="mastery_file"),
    path("classes/<uuid:group_id>/mastery/<str:key>/", matrix_views.one_concept, name="mastery_concept"),
    path("classes/<uuid:group_id>/prerequisites/", prerequisites_views.prerequisites, name="prerequisites"),
    path("classes/<uuid:group_id>/prerequisites.csv", prerequisites_views.file, name="prerequisites_file"),
    path(
        "classes/<uuid:group_id>/prerequisites/<uuid:parent_id>/<uuid:child_id>/",
        prerequisites_views.one_edge,
        name="prerequisite",
    ),
    path(
        "classes/<uuid:group_id>/prerequisites/<uuid:parent_id>/<uuid:child_id>/review/",
        prerequisites_views.review,
        name="review_prerequisite",
    ),
    path("models/", models_views.models, name="models"),
    path("models/<uuid:version_id>/", models_views.one_version, name="version"),
    path("models/<uuid:version_id>/shadow/", models_views.challenge, name="challenge"),
    path("models/<uuid:version_id>/promote/", models_views.promote, name="promote"),
    path("models/of/<uuid:curriculum_id>/retrain/", models_views.retrain, name="retrain"),
    path("models/of/<uuid:curriculum_id>/withdraw/", models_views.withdraw, name="withdraw"),
    path("models/of/<uuid:curriculum_id>/roll-back/", models_views.roll_back, name="roll_back"),
    path("models/runs/<uuid:run_id>/", models_views.one_run, name="run"),
    path("models/runs/<uuid:run_id>/cancel/", models_views.cancel, name="cancel"),
    *learner_urls.urlpatterns,
    *need_urls.urlpatterns,
    *reteach_urls.urlpatterns,
    *forecast_urls.urlpatterns,
    *items_urls.urlpatterns,
    *settings_urls.urlpatterns,
    *own_urls.urlpatterns,
]
