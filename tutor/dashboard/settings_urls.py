from django.urls import URLPattern, path

from tutor.dashboard import settings_policy_views, settings_views

urlpatterns: list[URLPattern] = [
    path("classes/<uuid:group_id>/settings/", settings_views.settings, name="settings"),
    path("classes/<uuid:group_id>/settings/preview.csv", settings_views.preview_file, name="settings_file"),
    path("classes/<uuid:group_id>/settings/save/", settings_views.save, name="save_settings"),
    path("classes/<uuid:group_id>/settings/policy/", settings_policy_views.policy, name="policy"),
    path("classes/<uuid:group_id>/settings/policy/evaluate/", settings_policy_views.evaluate, name="evaluate_policy"),
    path("classes/<uuid:group_id>/settings/policy/rehearse/", settings_policy_views.rehearse, name="rehearse_policy"),
    path(
        "classes/<uuid:group_id>/settings/policy/trials/begin/", settings_policy_views.begin_trial, name="begin_trial"
    ),
    path(
        "classes/<uuid:group_id>/settings/policy/trials/<uuid:trial_id>/end/",
        settings_policy_views.stop_trial,
        name="end_trial",
    ),
    path(
        "classes/<uuid:group_id>/settings/policy/<str:table>.csv", settings_policy_views.policy_file, name="policy_file"
    ),
]
