"""The self-describing JSON that footfall reads of Snowplow's events: schemas and what they hold.

Names of schemas (vendor and name, any version) and of their keys belong here, after Iglu Central
(https://github.com/snowplow/iglu-central). Which key becomes which field is `shape_snowplow.py`.
"""

_SNOWPLOW = "com.snowplowanalytics.snowplow"
_ECOMMERCE = "com.snowplowanalytics.snowplow.ecommerce"
_ENHANCED = "com.google.analytics.enhanced-ecommerce"

# The events that say what was done by a key of theirs, `type` and `action`.
ACTION = f"{_ECOMMERCE}/snowplow_ecommerce_action"
ENHANCED_ACTION = f"{_ENHANCED}/action"

# Contexts of which an event has one: what they are called here, their schema, the keys in use.
CONTEXTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "web_page": (f"{_SNOWPLOW}/web_page", ("id",)),
    "session": (f"{_SNOWPLOW}/client_session", ("userId", "sessionId")),
    "mobile": (f"{_SNOWPLOW}/mobile_context", ("appleIdfv",)),
    "screen": ("com.snowplowanalytics.mobile/screen", ("name",)),
    "robot": ("com.iab.snowplow/spiders_and_robots", ("spiderOrRobot",)),
    "agent": ("nl.basjes/yauaa_context", ("deviceClass", "operatingSystemName", "agentName")),
    "cart": (f"{_ECOMMERCE}/cart", ("cart_id", "currency", "total_value")),
    "checkout_step": (
        f"{_ECOMMERCE}/checkout_step",
        ("step", "account_type", "coupon_code", "delivery_method", "payment_method"),
    ),
    "transaction": (
        f"{_ECOMMERCE}/transaction",
        ("transaction_id", "currency", "payment_method", "revenue", "total_quantity",
         "discount_amount", "discount_code", "shipping", "tax"),
    ),
    "refund": (
        f"{_ECOMMERCE}/refund",
        ("transaction_id", "currency", "refund_amount", "refund_reason"),
    ),
    "promotion": (f"{_ECOMMERCE}/promotion", ("id", "name", "creative_id", "position")),
    "page": (f"{_ECOMMERCE}/page", ("type",)),
    "user": (f"{_ECOMMERCE}/user", ("id", "email", "is_guest")),
    "enhanced_action": (
        f"{_ENHANCED}/actionFieldObject",
        ("id", "affiliation", "revenue", "tax", "shipping", "coupon", "list", "step", "currency"),
    ),
    "enhanced_promotion": (f"{_ENHANCED}/promoFieldObject", ("id", "name", "creative", "position")),
}  # fmt: skip

# Contexts of which an event may have many, a line each.
PRODUCT_SCHEMAS = (
    f"{_ECOMMERCE}/product",
    f"{_ENHANCED}/productFieldObject",
    f"{_ENHANCED}/impressionFieldObject",
)
PRODUCT = (
    "id", "name", "category", "price", "list_price", "quantity", "size", "variant", "brand",
    "inventory_status", "position", "currency", "creative_id", "coupon", "list",
)  # fmt: skip

# Keys of self-describing events themselves: what was done (`type`, `action`), the list or screen
# (`name`), the product of the first cart events, the hits of a search.
EVENT_DATA = (
    "type", "action", "name", "sku", "category", "unitPrice", "quantity", "currency",
    "totalResults",
)  # fmt: skip
