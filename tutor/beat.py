"""Beat's schedule, kept in the database: what a release ships is installed, what operators move stays moved.

The scheduler of django-celery-beat writes what ships over the rows at each start, and keeps rows of what ships no more.
"""

from __future__ import annotations

from typing import Any, Final

from django_celery_beat.models import PeriodicTask
from django_celery_beat.schedulers import DatabaseScheduler, ModelEntry

#: How the description of a row begins that a release shipped; what follows is the schedule that it shipped with.
SHIPPED: Final = "As shipped: "
_SCHEDULES: Final = frozenset(column for _, _, column in ModelEntry.model_schedules)


class Entry(ModelEntry):  # type: ignore[misc]
    """A row. Whether it is enabled is never the release's affair."""

    @classmethod
    def from_entry(cls, name: str, app: Any = None, **entry: Any) -> Entry:
        """The row of an entry that ships, brought up to date; its schedule only if nobody has moved it."""
        row = PeriodicTask.objects.filter(name=name).first() or PeriodicTask(name=name)
        fields = cls._unpack_fields(**entry)
        fields["description"] = _description(PeriodicTask(**fields))
        if row.pk and row.description != _description(row):
            fields = {column: value for column, value in fields.items() if column not in _SCHEDULES}
        # A row that is saved begins to wait anew if its task never ran: daily ones never would where beat starts daily.
        if any(getattr(row, column) != value for column, value in fields.items()):
            for column, value in fields.items():
                setattr(row, column, value)
            row.save()
        return cls(row, app=app)


class Scheduler(DatabaseScheduler):  # type: ignore[misc]
    Entry = Entry

    def setup_schedule(self) -> None:
        shipped = PeriodicTask.objects.filter(description__startswith=SHIPPED)
        shipped.exclude(name__in=self.app.conf.beat_schedule).delete()
        super().setup_schedule()


def _description(row: PeriodicTask) -> str:
    return SHIPPED + " ".join(repr(row.schedule).split())
