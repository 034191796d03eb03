"""What can be asked of the simulation, and the constants that several of its parts share.

No behaviour belongs here.
"""

from dataclasses import dataclass, field
from datetime import date

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
SESSION_GAP = 30 * MINUTE

SHOP = "shop"
IDENTITY = "identity"

SESSIONABLE = frozenset(
    {
        "page_viewed",
        "page_pinged",
        "product_list_viewed",
        "products_searched",
        "product_clicked",
        "product_viewed",
        "product_added",
        "product_removed",
        "cart_viewed",
        "checkout_started",
        "checkout_step_viewed",
        "checkout_step_completed",
        "payment_info_entered",
        "coupon_applied",
        "order_completed",
        "promotion_viewed",
        "promotion_clicked",
        "recommendation_shown",
        "recommendation_clicked",
        "product_reviewed",
        "signed_up",
        "experiment_viewed",
    }
)


@dataclass(frozen=True)
class Faults:
    """How the delivery departs from the ideal; each a share of all events, 0 to 0.5.

    Attributes:
        late: arrive one to eleven days after the day they happened.
        duplicate: are delivered once more, in the same minutes or up to five days later.
        conflict: share of those second copies whose content differs.
        invalid: extra lines that no contract can accept. They are copies of real events under a
            fresh id, so refusing them loses nothing of the truth.
    """

    late: float = 0.03
    duplicate: float = 0.01
    conflict: float = 0.15
    invalid: float = 0.004

    def __post_init__(self) -> None:
        for name in ("late", "duplicate", "invalid"):
            value = getattr(self, name)
            if not 0.0 <= value <= 0.5:
                raise ValueError(f"{name} is a share from 0 to 0.5, not {value}")
        if not 0.0 <= self.conflict <= 1.0:
            raise ValueError(f"conflict is a share from 0 to 1, not {self.conflict}")

    @classmethod
    def none(cls) -> "Faults":
        """Every event arrives once, well formed, within seconds."""
        return cls(late=0.0, duplicate=0.0, conflict=0.0, invalid=0.0)


@dataclass(frozen=True)
class Settings:
    """One simulation; equal settings give equal bytes.

    Attributes:
        seed: 0 or more.
        days: how many days, from `start`.
        start: the first UTC day.
        visitors_per_day: visits on an average day (bots and employees come on top).
        lift: relative rise of the order value in the treatment group.
        spike: relative rise of visits on the planted spike days.
        attack_rate: share of log-ins of an established account that an attack follows.
        faults: of the delivery.
    """

    seed: int = 7
    days: int = 30
    start: date = date(2026, 1, 1)
    visitors_per_day: int = 250
    lift: float = 0.25
    spike: float = 0.5
    attack_rate: float = 0.04
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed is 0 or more, not {self.seed}")
        if not 1 <= self.days <= 3660:
            raise ValueError(f"days is from 1 to 3660, not {self.days}")
        if not 1 <= self.visitors_per_day <= 1_000_000:
            raise ValueError(f"visitors_per_day is from 1 to 1000000, not {self.visitors_per_day}")
        if not 0.0 <= self.lift <= 10.0:
            raise ValueError(f"lift is from 0 to 10, not {self.lift}")
        if not 0.0 <= self.spike <= 10.0:
            raise ValueError(f"spike is from 0 to 10, not {self.spike}")
        if not 0.0 <= self.attack_rate <= 1.0:
            raise ValueError(f"attack_rate is from 0 to 1, not {self.attack_rate}")
        if self.start.year < 2000:
            raise ValueError(f"start is 2000-01-01 or later, not {self.start}")
