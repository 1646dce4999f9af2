"""The product's own curriculum, for demonstrations, simulations and tests."""

from curricula.demo.mathematics import mathematics

__all__ = ["mathematics"]
