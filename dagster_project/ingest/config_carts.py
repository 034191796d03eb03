"""The settings of carts in the block `settings:`: how long one is waited for.

Only the settings belong here; what they do to a cart is `dbt/models/intermediate/int_carts.sql`.
"""

from pydantic import Field

from dagster_project.ingest.config_types import Strict


class CartSettings(Strict):
    """How long a cart is waited for after its last event, each in the unit that its name ends in.

    Attributes:
        cart_timeout_hours: until it is abandoned.
        cart_recovery_days: from then on, until an order no longer recovers it.
        cart_trigger_minutes: until a trigger may answer to it.

    Source: the definitions of carts in docs/metrics.md.
    """

    cart_timeout_hours: int = Field(default=24, ge=1, le=8760)
    cart_recovery_days: int = Field(default=7, ge=0, le=365)
    cart_trigger_minutes: int = Field(default=30, ge=1, le=525_600)
