"""What a person does on the shop's pages: view, search, fill the cart, click what is recommended.

Each method does one thing and lets its time pass. In which order a visit does them is in `visits`.
"""

import random
from dataclasses import dataclass
from typing import Any

from ml.simulation.actions import (
    Recorder,
    euros,
    line_item,
    make_event_id,
    product_fields,
    shop_identity,
)
from ml.simulation.catalogue import CATEGORY_NAMES, Catalogue, draw
from ml.simulation.persons import Cart, Device, Person
from ml.simulation.settings import DAY, MINUTE, SECOND, SESSION_GAP, SHOP
from ml.simulation.truth import Truth

ORIGIN = "https://shop.example.org"
CART_LIFE = DAY
CART_ALERT = 200_00
SLATE = 4
MODEL_VERSION = "logging-2026a"
EXPERIMENT = "cart-bundle"


@dataclass(frozen=True)
class Surroundings:
    """What every visit shares: the goods, the ledger, and how strong the planted lift is."""

    catalogue: Catalogue
    truth: Truth
    lift: float


class Browsing(Recorder):
    """A person on one device, page by page; `log_ins` are the moments of logging in."""

    def __init__(
        self,
        rng: random.Random,
        surroundings: Surroundings,
        person: Person,
        device: Device,
        start: int,
    ) -> None:
        super().__init__(rng, SHOP, shop_identity(person, device), start)
        self.catalogue = surroundings.catalogue
        self.truth = surroundings.truth
        self.lift = surroundings.lift
        self.person = person
        self.device = device
        self.preference = surroundings.catalogue.preferences[person.preference]
        self.log_ins: list[int] = []
        self.landing: dict[str, Any] = {}
        self.is_old_cart = False
        self.category = 0
        self.product = 0
        self._saw_experiment = False
        self._view = ""
        self._path = "/"

    def log_in(self) -> None:
        """The person logs in on this device: events from now on bear the user id."""
        self.device.logged_in = True
        self.person.log_ins += 1
        self.log_ins.append(self.now)
        self.who = shop_identity(self.person, self.device)

    def page(self, path: str, title: str) -> None:
        """View a page; the first of the visit carries where it came from."""
        rng = self.rng
        body = {"page_url": ORIGIN + path, "page_path": path, **self.landing}
        body["properties"] = {"title": title}
        self.landing = {}
        self._view = self.note("page_viewed", 0, body)
        self._path = path
        if not self.device.asked_consent:
            self.device.asked_consent = True
            marketing = rng.random() < 0.6
            self.note(
                "consent_updated",
                int(rng.uniform(1, 4) * SECOND),
                {"consent": {"analytics": True, "marketing": marketing}},
            )

    def stay(self, scale: float = 1.0) -> None:
        """Read the page: a ping each ten seconds for as long as it is looked at."""
        seconds = min(self.rng.lognormvariate(2.1, 1.0) * scale, 65.0)
        begin = self.now
        body = {"page_path": self._path, "properties": {"page_view_id": self._view}}
        for k in range(1, int(seconds // 10) + 1):
            self.note("page_pinged", begin + k * 10 * SECOND - self.now, body)
        self.now = max(self.now, begin + int(seconds * SECOND)) + self.rng.randrange(200, 1500)

    def maybe_idle(self) -> None:
        """Now and then leave the page open for a while, sometimes beyond a session's gap."""
        u = self.rng.random()
        if u < 0.004:
            self.now += int(self.rng.uniform(31, 110) * MINUTE)
        elif u < 0.016:
            self.now += int(self.rng.uniform(8, 28) * MINUTE)

    def view_home(self) -> None:
        """The home page, with promotions and recommendations on it."""
        self.page("/", "Home")
        rng = self.rng
        if rng.random() < 0.3:
            promotion = rng.randrange(3)
            body = {
                "impression_id": make_event_id(rng),
                "properties": {"promotion_id": f"PROMO-{promotion + 1}", "position": 1},
            }
            self.note("promotion_viewed", 300, body)
            if rng.random() < 0.05:
                self.note("promotion_clicked", int(rng.uniform(2, 9) * SECOND), body)
        if rng.random() < 0.3:
            self.show_slate("home")
        self.stay()

    def view_list(self) -> None:
        """A category's list; what comes first on it is what is looked at next."""
        self.category = draw(self.preference.category_total, self.rng.random())
        name = CATEGORY_NAMES[self.category]
        self.page(f"/c/{name}", name.capitalize())
        goods = self.catalogue.products
        shown = dict.fromkeys(self._draw_in_category() for _ in range(4))
        products = [line_item(goods[j], goods[j].price, 1, k + 1) for k, j in enumerate(shown)]
        self.note(
            "product_list_viewed",
            150,
            {"category": name, "properties": {"list_id": name, "products": products}},
        )
        self.product = next(iter(shown))
        self.stay(0.8)

    def search(self) -> None:
        """Search for something of the person's taste."""
        self.product = draw(self.preference.total, self.rng.random())
        product = self.catalogue.products[self.product]
        query = product.brand if self.rng.random() < 0.4 else product.category
        self.page("/search", "Search")
        self.note(
            "products_searched",
            120,
            {"properties": {"query": query.lower(), "result_count": self.rng.randrange(1, 40)}},
        )
        self.stay(0.6)

    def _draw_in_category(self) -> int:
        members, running = self.preference.by_category[self.category]
        return members[draw(running, self.rng.random())]

    def click_product(self) -> None:
        """Click the present product where it is listed."""
        self.note("product_clicked", 0, product_fields(self.catalogue.products[self.product]))
        self.now += 350

    def view_product(self) -> None:
        """The product's page and the view of the product itself."""
        product = self.catalogue.products[self.product]
        self.page(product.path, product.name)
        self.note(
            "product_viewed",
            120,
            product_fields(product)
            | {"page_path": product.path, "properties": {"name": product.name}},
        )

    def show_slate(self, place: str) -> int | None:
        """Show recommended products, one event each; returns the product that was clicked.

        The propensity of an item is its probability at that position, given those above it.
        """
        rng, catalogue = self.rng, self.catalogue
        chosen: list[int] = []
        left = 1.0
        clicked: tuple[int, dict[str, Any]] | None = None
        for position in range(1, SLATE + 1):
            index = draw(catalogue.policy_total, rng.random())
            while index in chosen:
                index = draw(catalogue.policy_total, rng.random())
            body = {
                "product_id": catalogue.products[index].product_id,
                "impression_id": make_event_id(rng),
                "properties": {
                    "position": position,
                    "propensity": round(catalogue.policy[index] / left, 9),
                    "model_version": MODEL_VERSION,
                    "placement": place,
                },
            }
            chosen.append(index)
            left -= catalogue.policy[index]
            self.note("recommendation_shown", 5, body)
            chance = (0.004 + 0.30 * self.preference.match[index]) / position
            if clicked is None and rng.random() < chance:
                clicked = (index, body)
        if clicked is None:
            return None
        self.note("recommendation_clicked", int(rng.uniform(2, 12) * SECOND), clicked[1])
        return clicked[0]

    def refresh_cart(self) -> None:
        """Before a cart is touched: note the alert that fell due, drop what is too old."""
        cart = self.device.cart
        note_cart_alert(self.truth, self.catalogue, self.person, self.device, self.now)
        if cart.items and self.now - cart.touched_at >= CART_LIFE and not self.is_old_cart:
            self.device.cart = Cart()

    def reopen_cart(self) -> None:
        """Come back from a mail: a cart older than a day still shows what lay in it."""
        cart = self.device.cart
        note_cart_alert(self.truth, self.catalogue, self.person, self.device, self.now)
        if cart.items and self.now - cart.touched_at >= CART_LIFE:
            self.is_old_cart = True
            cart.fired = True

    def touch_cart(self, event_id: str) -> None:
        """The action just noted was one on the cart: added, removed, viewed or checkout begun."""
        self.device.cart.touched_at = self.now
        self.device.cart.touched_by = event_id

    def add_to_cart(self) -> None:
        """Put the present product into the cart."""
        self.now += 400
        self.refresh_cart()
        if self.is_old_cart:
            self.is_old_cart = False
            self.device.cart = Cart()
        product = self.catalogue.products[self.product]
        quantity = 2 if self.rng.random() < 0.08 else 1
        body = product_fields(product) | {"quantity": quantity}
        event_id = self.note("product_added", 0, body)
        items = self.device.cart.items
        items[self.product] = items.get(self.product, 0) + quantity
        self.touch_cart(event_id)
        self.now += self.rng.randrange(500, 4000)

    def lines(self) -> list[dict[str, Any]]:
        """What lies in the cart, as line items."""
        goods = self.catalogue.products
        return [
            line_item(goods[j], goods[j].price, quantity, k + 1)
            for k, (j, quantity) in enumerate(self.device.cart.items.items())
        ]

    def view_cart(self) -> None:
        """The cart's page, where the experiment shows its variant; sometimes remove a thing."""
        self.page("/cart", "Cart")
        self.now += 100
        self.refresh_cart()
        cart, goods, rng = self.device.cart, self.catalogue.products, self.rng
        if not cart.items:
            self.stay(0.5)
            return
        self.touch_cart(self.note("cart_viewed", 0, {"properties": {"products": self.lines()}}))
        if not self._saw_experiment:
            self._saw_experiment = True
            self.note(
                "experiment_viewed",
                20,
                {
                    "properties": {
                        "experiment_id": EXPERIMENT,
                        "variant_id": self.person.variant,
                    }
                },
            )
        self.stay(0.7)
        if rng.random() < 0.06:
            self.refresh_cart()
            index = next(iter(cart.items))
            body = product_fields(goods[index]) | {"quantity": cart.items.pop(index)}
            self.touch_cart(self.note("product_removed", 0, body))
            if not cart.items:
                self.device.cart = Cart()


def note_cart_alert(
    truth: Truth, catalogue: Catalogue, person: Person, device: Device, now: int
) -> None:
    """Note a cart of more than 200 euros that was left for 30 minutes by `now`; once a cart."""
    cart = device.cart
    if not cart.items or cart.fired or now - cart.touched_at <= SESSION_GAP:
        return
    value = sum(catalogue.products[j].price * q for j, q in cart.items.items())
    if value <= CART_ALERT:
        return
    cart.fired = True
    truth.plant(
        "cart_over_200_abandoned",
        cart.touched_at + SESSION_GAP,
        source=SHOP,
        event_id=cart.touched_by,
        person=person,
        anonymous_id=device.anonymous_id,
        value=euros(value),
        detail="30 minutes after the cart's last event",
    )
