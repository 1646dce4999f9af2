"""Tables of the adapters to other systems; each adapter has its own module of them."""

from tutor.lms.webhooks.models import Delivery, Endpoint

__all__ = ["Delivery", "Endpoint"]
