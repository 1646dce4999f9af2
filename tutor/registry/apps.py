from django.apps import AppConfig


class RegistryConfig(AppConfig):
    name = "tutor.registry"
    label = "registry"
