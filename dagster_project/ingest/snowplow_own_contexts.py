"""A company's own contexts of Snowplow's events, which are kept as they are.

Belongs here: which these are, and their text. Not here: contexts that become fields
(`snowplow_contexts`), nor taking personal names out of them, which the treatment does.
"""

# Vendors whose contexts say of devices, trackers and enrichments what is a field or not needed;
# those of all others are a company's own.
_OTHERS = ("com.snowplowanalytics", "com.google", "com.iab", "nl.basjes", "org.ietf", "org.w3")
_NAME = "regexp_extract(c.schema, '^iglu:[^/]+/([^/]+)/', 1)"


def own_contexts_sql() -> str:
    """Names of schemas and texts of a company's own among `__ff_contexts`, as structures."""
    others = "|".join(_OTHERS).replace(".", "[.]")
    own = (
        f"list_filter(__ff_contexts, lambda c: json_type(c.data) = 'OBJECT' and {_NAME} <> '' and "
        f"not regexp_matches(c.schema, '^iglu:({others})[./]'))"
    )
    return f"list_transform({own}, lambda c: {{'name': {_NAME}, 'data': c.data::varchar}})"


def own_contexts_json(own: str) -> str:
    """The JSON text of an object: name of the schema -> array of what its contexts hold.

    Args:
        own: a list as of `own_contexts_sql`; null where it is empty.
    """
    data = f"list_transform(list_filter({own}, lambda c: c.name = n), lambda c: c.data)"
    arrays = (
        f"list_transform(list_sort(list_distinct(list_transform({own}, lambda c: c.name))), "
        f"lambda n: to_json(n) || ':[' || array_to_string({data}, ',') || ']')"
    )
    return f"case when len({own}) > 0 then '{{' || array_to_string({arrays}, ',') || '}}' end"
