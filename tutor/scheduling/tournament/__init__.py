"""Policies against each other in simulated worlds, driven by the beliefs that serve: `manage.py simulate`.

`course` makes the content that policies see of what a world teaches, `run` plays one policy in one world, `contest`
plays them all and compares, `report` tells of it in pages and pictures, `gate` asks it of a model that would serve.
"""
