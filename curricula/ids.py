"""Identifiers of rows that the API shows: opaque, and sortable by time of creation."""

from uuid import UUID

from uuid_utils import compat


def uuid7() -> UUID:
    """A new UUIDv7 (RFC 9562). A plain function, so that migrations can name it as a column's default."""
    return compat.uuid7()
