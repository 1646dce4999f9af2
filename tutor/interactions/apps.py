from django.apps import AppConfig


class InteractionsConfig(AppConfig):
    name = "tutor.interactions"
    label = "interactions"
