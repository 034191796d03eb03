"""Segment's e-commerce events, which shops send to other trackers as well.

Names that the registry writes otherwise, how a line names its product, and what an order's revenue
is belong here (https://segment.com/docs/connections/spec/ecommerce/v2). Which value of a message
holds them is the format's.
"""

from dagster_project.ingest.mapping_sql import quote_text

# Beyond these a name in snake_case is the registry's, or stays as it is.
_EVENTS = {
    "signed_out": "logged_out",
    "email_link_clicked": "email_clicked",
    "viewed_product": "product_viewed",
    "viewed_product_category": "product_list_viewed",
    "added_product": "product_added",
    "removed_product": "product_removed",
    "completed_order": "order_completed",
}
ORDERS = ("order_completed", "order_updated", "order_refunded")
# Members of the properties that become fields, beside those that are fields by their own name.
PROPERTIES = (
    "product_id", "productId", "sku", "category", "brand", "price", "quantity", "currency",
    "order_id", "orderId", "revenue", "subtotal", "total", "tax", "shipping", "coupon",
    "impression_id", "position", "variation_id",
)  # fmt: skip
FIELDS = ("category", "brand", "price", "quantity", "currency", "coupon", "impression_id")


def event_name_sql(name: str, user_id: str) -> str:
    """The registry's name of a custom event.

    Args:
        name: SQL of its name in snake_case.
        user_id: SQL of the user; the contract refuses a log-in of nobody.
    """
    events = " ".join(f"when '{given}' then '{known}'" for given, known in _EVENTS.items())
    return (
        f"case {name} {events} when 'signed_in' then case when {user_id} is null "
        f"then 'signed_in' else 'login_succeeded' end else {name} end"
    )


def revenue_sql(event: str, properties: str) -> str:
    """Value without tax and shipping: revenue and subtotal are so, total is with them.

    Args:
        event: SQL of the registry's name.
        properties: SQL of a structure of `PROPERTIES`, all text.
    """

    def number(name: str) -> str:
        return f"try_cast({properties}.{name} as decimal(38, 9))"

    net = f"({number('total')} - coalesce({number('tax')}, 0) - coalesce({number('shipping')}, 0))"
    orders = ", ".join(map(quote_text, ORDERS))
    return (
        f"coalesce({properties}.revenue, case when {event} in ({orders}) "
        f"then coalesce({properties}.subtotal, {net}::varchar, {properties}.total) end)"
    )


def places_sql(properties: str) -> tuple[str, str]:
    """Members of a JSON merge patch: a position is a number, a variation is a variant.

    The specification has places such as `home_banner_top` as positions: these are placements.
    """
    position = f"try_cast({properties}.position as double)"
    return (
        f"case when {properties}.position is not null "
        f"and not coalesce({position} >= 1 and {position} = floor({position}), false) "
        f"""then '"position":null,"placement":' || to_json({properties}.position) end""",
        f"""case when {properties}.variation_id is not null
            then '"variation_id":null,"variant_id":' || to_json({properties}.variation_id) end""",
    )


def products_sql(products: str) -> str:
    """Lines that name their product by `product_id`; older libraries say `productId`, some `sku`.

    Args:
        products: SQL of the JSON array; the result is null where nothing is to be changed.
    """
    return f"""
    case when {products} is not null and regexp_matches({products}::varchar,
        '"(productId|sku|id)"') and json_type({products}) = 'ARRAY'
    then to_json(list_transform(json_extract({products}, '$[*]'), lambda line:
        case when json_type(line) = 'OBJECT' and (line->>'$.product_id') is null
            and coalesce(line->>'$.productId', line->>'$.sku', line->>'$.id') is not null
        then json_merge_patch(line, json_object('productId', null, 'product_id',
            coalesce(line->>'$.productId', line->>'$.sku', line->>'$.id')))
        else line end))::varchar
    end"""
