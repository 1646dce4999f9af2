"""Learner models: a library of torch, pyro and numpy without Django, clock, global state or I/O (but `artifact`).

Importing this package, `kt_models.recall`, `kt_models.base` or `kt_models.state` loads numpy and nothing heavier:
web processes read forecasts and must not pay for torch.
"""
