"""Two inference workers, forked from a process that has imported all they need, and again whenever one dies.

A worker of its own takes seconds to start, most of them imports; thirty of those would be minutes. What is forked here
has run no model and holds no connection, so each is a worker like any other.
"""

from __future__ import annotations

import os
from typing import Final

WORKERS: Final = 2
LINE: Final = "worker -Q inference --pool=threads --concurrency=1 -n {}@%h --without-gossip --without-mingle -l WARNING"


def main() -> None:
    import django

    django.setup()
    from kt_models.baselines import half_life  # noqa: F401
    from tutor.celery import app

    app.loader.import_default_modules()
    places: dict[int, int] = {}
    for place in range(WORKERS):
        places[_worker(place)] = place
    while True:
        pid, _ = os.wait()
        place = places.pop(pid)
        places[_worker(place)] = place


def _worker(place: int) -> int:
    if pid := os.fork():
        return pid
    from tutor.celery import app

    app.worker_main(LINE.format(f"worker-{place}").split())
    os._exit(0)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tutor.settings")
    main()
