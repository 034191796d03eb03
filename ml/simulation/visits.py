"""The order of a visit: a Markov chain over the shop's pages, the checkout, the reviews.

What is done on a page is in `browsing`; what a visit leaves behind for later is in `aftermath`.
"""

from itertools import accumulate
from typing import Any

from ml.simulation.actions import Action, euros, line_item, shop_identity
from ml.simulation.browsing import Browsing
from ml.simulation.catalogue import CATEGORY_NAMES, draw
from ml.simulation.persons import Cart
from ml.simulation.settings import DAY, MINUTE, SECOND, SHOP
from ml.simulation.truth import Order

MAX_PAGES = 30
# Visits that end on the first page whatever it holds; others may do so as well.
BOUNCE_SHARE = 0.28
# state: ((next, weight in percent), …); what is left of 100 leaves the shop.
STEPS: dict[str, tuple[tuple[str, int], ...]] = {
    "home": (("list", 36), ("search", 16), ("product", 14), ("cart", 2)),
    "list": (("product", 58), ("list", 12), ("search", 5), ("home", 4)),
    "search": (("product", 58), ("search", 11), ("list", 8)),
    "product": (("similar", 25), ("product", 9), ("list", 16), ("search", 5), ("cart", 4)),
    "added": (("cart", 66), ("similar", 14), ("list", 8)),
    "cart": (("checkout", 64), ("similar", 8), ("list", 6)),
}
Channel = tuple[int, int, str | None, str | None, str | None, str | None]
# (percent of new persons, of known ones, referrer, utm source, medium, campaign)
CHANNELS: tuple[Channel, ...] = (
    (24, 52, None, None, None, None),
    (32, 20, "https://www.google.com/", None, None, None),
    (16, 8, "https://www.google.com/", "google", "cpc", "winter-sale"),
    (12, 6, "https://www.instagram.com/", "instagram", "paid_social", "new-arrivals"),
    (7, 5, "https://www.facebook.com/", None, None, None),
    (5, 4, "https://blog.example.net/review", "blognet", "affiliate", "partners"),
    (4, 5, "https://magazine.example.com/best-of", None, None, None),
)
MAIL_CHANNEL: Channel = (0, 0, None, "newsletter", "email", "abandoned-cart")
BUNDLE_ACCEPTED = 0.8
COUPON, COUPON_SHARE = "WELCOME10", 0.10
PAYMENTS = ("card", "invoice", "paypal")
REVIEW_TEXTS = {
    1: "Fell apart after a week. Very disappointed.",
    2: "Smaller than stated and not as described.",
    3: "All right for the price.",
    4: "Good quality, quick delivery.",
    5: "Exactly what I was looking for. Would buy again.",
}


class Visit(Browsing):
    """One visit; after `walk`, `actions` holds what was done, `placed` the orders.

    `signed_up_at` is the moment an account was made in it, if one was.
    """

    placed: list[tuple[Order, list[tuple[int, int]]]]
    signed_up_at: int | None = None

    def walk(self, channel: Channel | None = None) -> None:
        """Make the whole visit; `channel` is given where the person comes from a mail."""
        rng = self.rng
        self.placed = []
        if self.device.logged_in and rng.random() < 0.4:
            # The shop's log-in has expired since the last visit.
            self.device.logged_in = False
            self.who = shop_identity(self.person, self.device)
        if channel is None:
            self.refresh_cart()
            u = rng.random()
            state = "home" if u < 0.42 else "list" if u < 0.66 else "product"
        else:
            self.reopen_cart()
            state = "cart"
        self._arrive(channel or self._choose_channel())
        if channel is None and rng.random() < 0.02:
            self._compare_phones()
            state = "similar"
        patience = 1 if channel is None and rng.random() < BOUNCE_SHARE else MAX_PAGES
        for _ in range(patience):
            state = self._enter(state)
            if state == "exit":
                break
            self.maybe_idle()
        self._write_reviews()
        if self.device.logged_in and rng.random() < 0.08:
            self.note("logged_out", 2 * SECOND, {})
            self.device.logged_in = False
        if self.is_old_cart:
            self.device.cart = Cart()
        self.person.visits += 1

    def _enter(self, state: str) -> str:
        """Do what a state holds; returns the next state."""
        if state == "cart" and not self.device.cart.items:
            state = "list"
        if state == "home":
            self.view_home()
        elif state == "list":
            self.view_list()
        elif state == "search":
            self.search()
        elif state == "cart":
            self.view_cart()
        elif state == "checkout":
            return self._check_out()
        else:
            return self._look_at_product(state == "similar")
        return self._next(state)

    def _next(self, state: str) -> str:
        u = self.rng.random() * 100
        for following, weight in STEPS[state]:
            if u < weight:
                return following
            u -= weight
        return "exit"

    def _arrive(self, channel: Channel) -> None:
        fields = {
            "referrer": channel[2],
            "utm_source": channel[3],
            "utm_medium": channel[4],
            "utm_campaign": channel[5],
        }
        self.landing = {key: value for key, value in fields.items() if value is not None}
        if self.person.has_account and not self.device.logged_in and self.rng.random() < 0.5:
            self.log_in()

    def _choose_channel(self) -> Channel:
        column = 0 if self.person.visits == 0 else 1
        return CHANNELS[draw(_CHANNEL_TOTAL[column], self.rng.random())]

    def _look_at_product(self, similar: bool) -> str:
        rng, goods = self.rng, self.catalogue.products
        if similar:
            companions = goods[self.product].companions
            if companions and rng.random() < 0.35:
                self.product = companions[rng.randrange(len(companions))]
            else:
                self.product = draw(self.preference.total, rng.random())
        elif not self.actions or rng.random() < 0.5:
            self.product = draw(self.preference.total, rng.random())
        elif rng.random() < 0.4:
            self.click_product()
        self.view_product()
        clicked = self.show_slate("product") if rng.random() < 0.2 else None
        self.stay(1.3)
        if rng.random() < 0.04 + 0.25 * self.preference.match[self.product]:
            self.add_to_cart()
            return self._next("added")
        if clicked is not None:
            self.product = clicked
            self.view_product()
            self.stay()
        return self._next("product")

    def _compare_phones(self) -> None:
        phones, _ = self.preference.by_category[CATEGORY_NAMES.index("smartphones")]
        for index in self.rng.sample(phones, self.rng.randrange(3, 5)):
            self.product = index
            self.view_product()
            self.stay(0.9)

    # -- checkout ---------------------------------------------------------------------------

    def _check_out(self) -> str:
        rng, cart = self.rng, self.device.cart
        if not cart.items:
            return "exit"
        self.page("/checkout", "Checkout")
        self.now += 150
        self.refresh_cart()
        cart = self.device.cart
        if not cart.items:
            return "list"
        self.touch_cart(
            self.note("checkout_started", 0, {"properties": {"products": self.lines()}})
        )
        self._step(1)
        if not self.device.logged_in and self.person.has_account and rng.random() < 0.8:
            self.log_in()
        if rng.random() < 0.16:
            return "exit"
        if not self.person.has_account and rng.random() < 0.5:
            self._sign_up()
        self.note("checkout_step_completed", 300, {"properties": {"step": 1}})
        coupon = rng.random() < COUPON_SHARE
        if coupon:
            self.note("coupon_applied", int(rng.uniform(2, 8) * SECOND), {"coupon": COUPON})
        payment = {"step": 2, "payment_method": PAYMENTS[rng.randrange(len(PAYMENTS))]}
        self._step(2)
        if rng.random() < 0.08:
            return "exit"
        self.note("payment_info_entered", 300, {"properties": payment})
        self.note("checkout_step_completed", 500, {"properties": payment})
        self._order(coupon)
        return "home" if rng.random() < 0.1 else "exit"

    def _step(self, step: int) -> None:
        self.note("checkout_step_viewed", 200, {"properties": {"step": step}})
        self.now += int(min(self.rng.lognormvariate(3.2, 0.6), 240.0) * SECOND)

    def _sign_up(self) -> None:
        self.person.has_account = True
        self.device.logged_in = True
        self.who = shop_identity(self.person, self.device)
        self.note("signed_up", 400, {"properties": {"method": "password"}})
        self.signed_up_at = self.now

    def _order(self, coupon: bool) -> None:
        rng, person, goods = self.rng, self.person, self.catalogue.products
        cart = self.device.cart
        subtotal = sum(goods[j].price * q for j, q in cart.items.items())
        products = self.lines()
        quantity = sum(cart.items.values())
        if person.variant == "treatment" and self.lift and rng.random() < BUNDLE_ACCEPTED:
            # What four in five accept makes the mean order the planted lift dearer.
            price = round(subtotal * self.lift / BUNDLE_ACCEPTED)
            products.append(line_item(self.catalogue.bundle, price, 1, len(products) + 1))
            subtotal += price
            quantity += 1
        discount = round(subtotal * 0.1) if coupon else 0
        person.orders += 1
        order_id = f"O-{person.number:07d}-{person.orders:03d}"
        body: dict[str, Any] = {
            "order_id": order_id,
            "revenue": euros(subtotal - discount),
            "currency": "EUR",
        }
        if coupon:
            body["coupon"] = COUPON
        body["properties"] = {
            "discount": euros(discount),
            "tax": euros(round((subtotal - discount) * 0.19)),
            "shipping": 0 if subtotal >= 50_00 else 4.9,
            "products": products,
        }
        self.now += 900
        self.refresh_cart()
        event_id = self.note("order_completed", 0, body)
        order = Order(
            order_id=order_id,
            event_id=event_id,
            person_id=person.person_id,
            user_id=person.user_id if self.device.logged_in else None,
            anonymous_id=self.device.anonymous_id,
            moment=self.now,
            first_revenue=subtotal - discount,
            revenue=subtotal - discount,
            quantity=quantity,
            coupon=COUPON if coupon else None,
            variant=person.variant,
            is_recovered_cart=self.is_old_cart,
        )
        self.truth.orders[order_id] = order
        bought = list(cart.items.items())
        self.placed.append((order, bought))
        person.to_review.extend((index, self.now) for index, _ in bought)
        self.device.cart = Cart()
        self.is_old_cart = False
        self.page("/thank-you", "Thank you")
        self.stay(0.5)

    # -- reviews ----------------------------------------------------------------------------

    def _write_reviews(self) -> None:
        rng, person = self.rng, self.person
        due = [r for r in person.to_review if self.now - r[1] >= 2 * DAY]
        for review in due:
            person.to_review.remove(review)
            if rng.random() < 0.7:
                self._review(review[0])

    def _review(self, index: int) -> None:
        rng = self.rng
        product = self.catalogue.products[index]
        self.page(product.path, product.name)
        self.stay()
        rating = max(1, min(5, round(rng.gauss(product.mean_rating, 0.9))))
        properties: dict[str, Any] = {"rating": rating}
        if rng.random() < 0.6:
            properties["review_body"] = REVIEW_TEXTS[rating]
        event_id = self.note(
            "product_reviewed",
            5 * SECOND,
            {
                "product_id": product.product_id,
                "category": product.category,
                "properties": properties,
            },
        )
        if product.category == "shoes" and rating <= 2:
            self.truth.plant(
                "negative_shoe_review",
                self.now,
                source=SHOP,
                event_id=event_id,
                person=self.person,
                anonymous_id=self.device.anonymous_id,
                value=float(rating),
                detail=product.product_id,
            )


_CHANNEL_TOTAL = tuple(
    tuple(accumulate(float(channel[:2][column]) for channel in CHANNELS)) for column in (0, 1)
)


def phones_compared(actions: list[Action]) -> Action | None:
    """The view that made it three different phones within ten minutes, if there was one."""
    views = [
        a for a in actions if a.name == "product_viewed" and a.body["category"] == "smartphones"
    ]
    for k, last in enumerate(views):
        recent = {
            v.body["product_id"] for v in views[: k + 1] if last.moment - v.moment <= 10 * MINUTE
        }
        if len(recent) >= 3:
            return last
    return None
