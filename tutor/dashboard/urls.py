from django.urls import path

from tutor.dashboard import views

app_name = "dashboard"
urlpatterns = [
    path("", views.home, name="home"),
    path("login/", views.sign_in, name="sign_in"),
    path("logout/", views.sign_out, name="sign_out"),
    path("classes/<uuid:group_id>/", views.one_class, name="class"),
    path("classes/<uuid:group_id>/learners/<uuid:learner_id>/", views.one_learner, name="learner"),
]
