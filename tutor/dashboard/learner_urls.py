from django.urls import URLPattern, path

from tutor.dashboard import learner_link
from tutor.dashboard import learner_views as views

_LEARNER = "classes/<uuid:group_id>/learners/<uuid:learner_id>"

urlpatterns: list[URLPattern] = [
    path(f"{_LEARNER}/", views.one_learner, name="learner"),
    path(f"{_LEARNER}/print/", views.on_paper, name="learner_print"),
    path(f"{_LEARNER}/concepts.csv", views.concepts_file, name="learner_concepts_file"),
    path(f"{_LEARNER}/concepts/<str:key>/", views.one_concept, name="learner_concept"),
    path(f"{_LEARNER}/concepts/<str:key>/recall.csv", views.weeks_file, name="learner_weeks_file"),
    path(f"{_LEARNER}/concepts/<str:key>/planned.csv", views.visits_file, name="learner_visits_file"),
    path(f"{_LEARNER}/answers/", views.answers, name="learner_answers"),
    path(f"{_LEARNER}/answers.csv", views.answers_file, name="learner_answers_file"),
    path(f"{_LEARNER}/decisions/<uuid:decision_id>/", views.decision, name="decision"),
    path(f"{_LEARNER}/decisions/<uuid:decision_id>.csv", views.decision_file, name="decision_file"),
    path(f"{_LEARNER}/adjust/", views.adjust, name="learner_adjust"),
    path(f"{_LEARNER}/say/", views.say, name="learner_say"),
    path(f"{_LEARNER}/said/<uuid:override_id>/take-back/", views.take_back, name="learner_take_back"),
    path(f"{_LEARNER}/settings/", views.settle, name="learner_settle"),
    path(f"{_LEARNER}/links/", learner_link.make, name="learner_link"),
    path(f"{_LEARNER}/links/<uuid:token_id>/end/", learner_link.end, name="learner_link_end"),
]
