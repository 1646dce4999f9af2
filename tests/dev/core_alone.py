"""Imports the product as if only the core lock were installed: `python core_alone.py <names of absent packages>`."""

import importlib
import pkgutil
import sys
from importlib.metadata import packages_distributions

import django

absent = set(sys.argv[1:])
hidden = {
    module
    for module, packages in packages_distributions().items()
    if {package.lower().replace("_", "-") for package in packages} <= absent
}


class Absent:
    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name.split(".")[0] in hidden:
            raise ImportError(f"{name} is not in the core lock")


sys.meta_path.insert(0, Absent())
django.setup()
# Loaded by name only, when the first message is sent or the first process starts.
for name in ("kombu.transport.redis", "kombu.transport.pyamqp", "celery.concurrency.thread", "granian.cli"):
    importlib.import_module(name)
for root in ("api", "curricula", "kt_models", "tutor"):
    for module in pkgutil.walk_packages(importlib.import_module(root).__path__, f"{root}."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
