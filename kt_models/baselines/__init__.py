"""Models that need neither torch nor a GPU: the floor that every other model must beat, and what serves without one."""
