"""A visitor's cart and standing, as events tell them."""

from ml.simulation.baskets import CART_LIFE, Basket
from ml.simulation.settings import HOUR

Told = tuple[str, str, str | None, float | None]


def after(*events: Told, start: int = 0) -> Basket:
    """A basket after a session of events: name, role, product, quantity; a ms apart."""
    basket = Basket()
    basket.begin_session(start)
    for moment, (name, role, product, quantity) in enumerate(events, start):
        basket.note(name, role, product, quantity, moment)
    return basket


PAGE: Told = ("page_viewed", "page_view", None, None)
ADD: Told = ("product_added", "cart_add", "P-1", 2)
CHECKOUT: Told = ("checkout_started", "checkout", None, None)


def test_the_standing_follows_the_cart_and_the_pages() -> None:
    assert after().standing == "browsing on landing"
    assert after(PAGE).standing == "browsing on landing"
    assert after(PAGE, PAGE).standing == "browsing"
    assert after(PAGE, PAGE, ADD).standing == "cart"
    assert after(PAGE, PAGE, ADD, CHECKOUT).standing == "checkout"
    order: Told = ("order_completed", "order", None, None)
    assert after(PAGE, PAGE, ADD, CHECKOUT, order).standing == "browsing"


def test_pieces_are_added_and_removed() -> None:
    one: Told = ("product_removed", "cart_remove", "P-1", 1)
    other: Told = ("product_removed", "cart_remove", "P-2", 1)
    assert after(ADD, ADD).items == {"P-1": 4}
    assert after(ADD, one).items == {"P-1": 1}
    assert after(ADD, other).items == {"P-1": 2}
    basket = after(PAGE, PAGE, ADD, CHECKOUT, one, one)
    assert (basket.items, basket.standing) == ({}, "browsing")


def test_a_cart_goes_on_for_a_day() -> None:
    basket = after(PAGE, PAGE, ADD, CHECKOUT)
    basket.begin_session(CART_LIFE)
    assert basket.standing == "cart on landing"
    # What touches it keeps it: the last time was the checkout, 3 ms after midnight.
    basket.begin_session(CART_LIFE + 3)
    assert basket.items == {"P-1": 2}
    basket.begin_session(CART_LIFE + 4)
    assert basket.standing == "browsing on landing"
    assert CART_LIFE == 24 * HOUR


def test_the_focus_is_what_was_named_and_not_what_was_shown() -> None:
    view: Told = ("product_viewed", "product_view", "P-3", None)
    shown: Told = ("recommendation_shown", "impression", "P-4", None)
    basket = after(PAGE, view, shown)
    assert (basket.focus, basket.focus_name) == ("P-3", "product_viewed")
    assert basket.chooses("click")
    assert not basket.chooses("cart_remove")
    # What an earlier page showed cannot be clicked.
    assert not after(PAGE, view, shown, PAGE).chooses("click")
