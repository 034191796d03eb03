"""A company's own contexts of Snowplow's events, which are kept as they are.

Belongs here: which these are, and their text. Not here: contexts that become fields
(`snowplow_contexts`), nor taking personal names out of them, which the treatment does.
"""

# Vendors whose contexts say of devices, trackers and enrichments what is a field or not needed;
# those of all others are a company's own.
_OTHERS = ("com.snowplowanalytics", "com.google", "com.iab", "nl.basjes", "org.ietf", "org.w3")
_NAME = "regexp_extract(c.schema, '^iglu:[^/]+/([^/]+)/', 1)"


def own_contexts_sql() -> str:
    """The JSON text of an object: name of the schema -> array of what the contexts of it hold.

    Null without any. Read of `__ff_contexts`, a list of structures of schema and data.
    """
    others = "|".join(_OTHERS).replace(".", "[.]")
    own = (
        f"list_filter(__ff_contexts, lambda c: json_type(c.data) = 'OBJECT' and {_NAME} <> '' and "
        f"not regexp_matches(c.schema, '^iglu:({others})[./]'))"
    )
    named = f"list_transform({own}, lambda c: {{'name': {_NAME}, 'data': c.data::varchar}})"
    data = "list_transform(list_filter({named}, lambda c: c.name = n), lambda c: c.data)"
    arrays = (
        f"list_transform(list_sort(list_distinct(list_transform({named}, lambda c: c.name))), "
        f"lambda n: to_json(n) || ':[' || array_to_string({data.format(named=named)}, ',') || ']')"
    )
    return f"case when len({own}) > 0 then '{{' || array_to_string({arrays}, ',') || '}}' end"
