"""What events and orders are about, from counts made by hand."""

import random

import pytest

from ml.simulation.log_wares import Event, Good, WaresTally, fit_orders

GOODS = {"P-1": Good("shoes", None, 10.0), "P-2": Good(None, None, 100.0)}


def view(product: str | None, price: float | None = None, category: str = "shoes") -> Event:
    return Event("product_viewed", "product_view", 0, product, category, None, price)


def order(revenue: float | None, *lines: tuple[str, float, float]) -> Event:
    return Event("order_completed", "order", 0, revenue=revenue, lines=lines)


def test_a_price_is_the_mean_of_what_enough_visitors_saw() -> None:
    counts = WaresTally()
    for person in range(12):
        # All see the first at two prices, four the second at one, as often as anybody.
        counts.add(view("P-1", 8.0 + person % 2 * 3), person, None, "", is_free=True)
        for _ in range(3):
            counts.add(view("P-2", 4.0 if person < 4 else None), person, None, "", is_free=True)
        counts.add(view("P-3"), person, None, "", is_free=True)
    goods = counts.wares(support=5).goods
    assert {name: good.price for name, good in goods.items()} == {
        "P-1": 9.5,
        "P-2": None,
        "P-3": None,
    }
    assert counts.wares(support=4).goods["P-2"].price == 4.0


def test_goods_without_a_price_are_left_out_where_most_have_one() -> None:
    counts = WaresTally()
    for person in range(9):
        for product in ("P-1", "P-2"):
            counts.add(view(product, 5.0), person, None, "", is_free=True)
        counts.add(view("P-3"), person, None, "", is_free=True)
    wares = counts.wares(support=5)
    assert set(wares.goods) == {"P-1", "P-2"}
    drawn = {wares.choose(random.Random(seed), "product_viewed") for seed in range(50)}
    assert drawn == {"P-1", "P-2"}


def test_what_is_said_most_of_a_product_is_taken() -> None:
    counts = WaresTally()
    for person in range(20):
        category = "shoes" if person < 12 else "boots" if person < 18 else "typo"
        counts.add(view("P-1", category=category), person, None, "", is_free=True)
    assert counts.wares(support=5).goods["P-1"].category == "shoes"
    assert counts.wares(support=13).goods["P-1"].category is None


def test_the_focus_is_kept_as_often_as_in_the_log_and_by_what_named_it() -> None:
    counts = WaresTally()
    for person in range(20):
        counts.add(view("P-1"), person, "P-1", "product_clicked", is_free=True)
        same = "P-2" if person < 5 else "P-1"
        counts.add(view(same), person, "P-2", "product_viewed", is_free=True)
    wares = counts.wares(support=5)
    assert wares.stay("product_clicked", "product_viewed") == 1.0
    assert wares.stay("product_viewed", "product_viewed") == 0.25
    # What named it too seldom: as after all together.
    assert wares.stay("promotion_clicked", "product_viewed") == 0.625


def test_the_mean_order_keeps_its_value() -> None:
    # Ten small orders state half of what is in the cart, ten large ones all of it.
    orders = [(k, order(5.0), {"P-1": 1.0}) for k in range(10)]
    orders += [(10 + k, order(100.0), {"P-2": 1.0}) for k in range(10)]
    found = fit_orders(orders, GOODS, support=5)
    assert found.ratios is not None
    low, high = found.ratios.values
    assert found.ratios.share(low) == 0.5
    # Not the mean of the ratios, .75, but 1,050 stated of 1,100.
    assert (low + high) / 2 == pytest.approx(1_050 / 1_100)
    assert high == pytest.approx(2 * low)


def test_the_orders_of_one_person_are_nobodys_value() -> None:
    orders = [(k, order(10.0 + k), {}) for k in range(5)]
    orders += [(5, order(4711.25), {}) for _ in range(20)]
    found = fit_orders(orders, GOODS, support=5).values
    assert found is not None
    # All in one bin, since the last one would be of one person alone.
    assert found.values == ((60 + 20 * 4711.25) / 25,)
    # Control: with a bar of one they stand by themselves.
    alone = fit_orders(orders, GOODS, support=1).values
    assert alone is not None
    assert 4711.25 in alone.values


def test_lines_beside_the_cart_are_counted() -> None:
    beside = [(k, order(None, ("P-1", 10.0, 1), ("P-2", 100.0, 3)), {"P-1": 1.0}) for k in range(6)]
    alone = [(6 + k, order(10.0, ("P-1", 10.0, 1)), {"P-1": 1.0}) for k in range(6)]
    found = fit_orders([*beside, *alone], GOODS, support=5)
    assert found.extra is not None
    assert (found.extra.share(0), found.extra.share(1)) == (0.5, 0.5)
    assert found.extra_products is not None
    assert found.extra_products.values == ("P-2",)
    assert found.extra_quantities is not None
    assert found.extra_quantities.values == (3.0,)
    assert found.valued == 0.5
    # Six who had it are too few for a bar of seven.
    assert fit_orders([*beside, *alone], GOODS, support=7).extra_products is None
