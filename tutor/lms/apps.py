from django.apps import AppConfig


class LmsConfig(AppConfig):
    name = "tutor.lms"
    label = "lms"
