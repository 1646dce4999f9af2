"""How often a plan is another without what a reason names: `python -m tests.bench reasons`.

By the same takings away as the test (`tests/scheduling/test_reasons.py`), by policy, with and without goals.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from tests.bench.plan import SETTINGS


def figures(options: Any) -> Iterator[dict[str, Any]]:
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    import django

    django.setup()
    from tests.scheduling.test_reasons import CONCEPTS, SITUATIONS, faithfulness

    for policy in ("gain",) if options.quick else ("gain", "threshold", "exam"):
        for goals in ("all concepts", "goals"):
            counted = faithfulness(policy, **({"goals": frozenset()} if goals == "all concepts" else {}))
            told = {reason: (counted[reason, True], counted[reason, False]) for reason, _ in sorted(counted)}
            held = sum(yes for yes, _ in told.values())
            yield {
                "name": f"{policy}, {goals}", "value": round(held / sum(counted.values()), 4), "unit": "share",
                "reasons": sum(counted.values()), "plans": SITUATIONS, "concepts": CONCEPTS,
                "by": {reason.value: f"{yes} of {yes + no}" for reason, (yes, no) in told.items()},
            }  # fmt: skip
