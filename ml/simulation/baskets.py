"""What a visitor has in the cart, as far as events tell: the same for a log and for its likeness.

Here: the cart, the visitor's standing that follows from it, the product that is looked at. What is
drawn from them is in `log_shoppers`.
"""

from dataclasses import dataclass, field

from ml.simulation.settings import DAY

BROWSING, CART, CHECKOUT = "browsing", "cart", "checkout"
# Said beside it as long as the session has not gone beyond the page that it began on.
LANDING = " on landing"
# After so long without an event of its own a cart is taken for left (`cart_timeout_hours`).
CART_LIFE = DAY
_TOUCHES = frozenset({"cart_add", "cart_remove", "cart_view", "checkout"})


@dataclass
class Basket:
    """The cart of a visitor.

    Attributes:
        items: product to quantity, in the order in which they were put in.
        focus: the product that the session was last about; None at its beginning.
        focus_name: of the event that named it.
        slate: (event name, product) of what was shown since the last page was viewed.
        touched_at: moment of the cart's last event, ms.
        pages: viewed in the session.
        is_checkout: whether the checkout was begun, this session, for what is in it.
    """

    items: dict[str, float] = field(default_factory=dict)
    focus: str | None = None
    focus_name: str = ""
    slate: list[tuple[str, str | None]] = field(default_factory=list)
    touched_at: int = 0
    is_checkout: bool = False
    pages: int = 0

    @property
    def standing(self) -> str:
        """Of the visitor by now."""
        stage = CHECKOUT if self.is_checkout else CART if self.items else BROWSING
        return stage if self.pages > 1 else stage + LANDING

    def begin_session(self, moment: int) -> None:
        """A session begins: an old cart is gone, a checkout begins anew."""
        self.focus = None
        self.focus_name = ""
        self.slate = []
        self.is_checkout = False
        self.pages = 0
        if self.items and moment - self.touched_at > CART_LIFE:
            self.items = {}

    def chooses(self, role: str | None) -> bool:
        """Whether the product of an event with this role is one of the cart or the slate."""
        held = {"cart_remove": self.items, "click": self.slate}.get(role or "")
        return bool(held)

    def note(
        self,
        name: str,
        role: str | None,
        product: str | None,
        quantity: float | None,
        moment: int,
    ) -> None:
        """An event happened; its role is that of the registry of events."""
        if role in _TOUCHES:
            self.touched_at = moment
        if role == "page_view":
            self.slate = []
            self.pages += 1
        if role == "impression":
            self.slate.append((name, product))
        elif product is not None:
            self.focus, self.focus_name = product, name
        if role == "cart_add" and product is not None:
            self.items[product] = self.items.get(product, 0) + (quantity or 1)
        elif role == "cart_remove":
            self._remove(product, quantity)
        elif role == "checkout":
            self.is_checkout = True
        elif role == "order":
            self.items = {}
            self.is_checkout = False

    def _remove(self, product: str | None, quantity: float | None) -> None:
        if product not in self.items:
            return
        left = self.items.pop(product) - (quantity or 1)
        if left > 0:
            self.items[product] = left
        if not self.items:
            self.is_checkout = False
