from django.apps import AppConfig


class SchedulingConfig(AppConfig):
    name = "tutor.scheduling"
    label = "scheduling"

    def ready(self) -> None:
        # Makes our Celery the current one in every process that rings the bell: web, commands, tests.
        import tutor.celery  # noqa: F401
