"""Rows made to do harm, in the shapes of what others write.

Belongs here: texts and values that break readers, and messages, exports, requests and attempts to
log in full of them.
Not here: rows of footfall's own forms, and what must come of any of them.
"""

import json

from hypothesis import strategies as st

AT = "2026-11-02T10:00:00Z"
HOSTILE = [
    "'; drop table candidates; --", '"); copy candidates to \'/tmp/x\'; --', "{{ 7 * 7 }}",
    "{% for x in y %}", "${HOME}", "=cmd|' /C calc'!A0", "@SUM(1+1)", "../../../../etc/passwd",
    "%00", "a\x00b", "\ufeff", "\u202e", "\x1b[31m", "\ud800", "𝒳" * 50, "x" * 5000, "NaN", "1e400",
    "-0", "9" * 40, "0x10", "1_000", "9999-12-31T23:59:59Z", "0001-01-01", "+300000-01-01", "now()",
    "infinity", "true", "null", "[]", "{", '{"a":' * 20, "a@b.example", "http://u:p@h/?q=a@b#f",
    "\r\n", "\t", ",", '"', "'", "\\", "\u2028", "\x85",
]  # fmt: skip

# Bytes that stand for anything: a file system gives names and a source gives rows as it likes.
texts = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20))
scalars = st.one_of(
    texts, st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.just(AT)
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(texts, inner, max_size=3)),
    max_leaves=8,
)

calls = st.sampled_from(["track", "page", "screen", "identify", "alias", "group"])
messages = st.fixed_dictionaries(
    {"type": st.one_of(calls, values), "timestamp": st.one_of(st.just(AT), values)},
    optional={
        "event": st.one_of(st.just("Order Completed"), values),
        "properties": st.one_of(values, st.fixed_dictionaries({}, optional={
            "product_id": values, "products": values, "total": values, "position": values,
            "url": values, "traits": values})),
        "traits": values,
        "context": st.one_of(values, st.fixed_dictionaries({}, optional={
            "page": values, "traits": values, "campaign": values, "consent": values})),
        **dict.fromkeys(("messageId", "userId", "anonymousId", "previousId", "groupId"), values),
    },
)  # fmt: skip
captured = st.fixed_dictionaries({}, optional={
    "$device_id": values, "$set": values, "$feature_flag": values, "$feature_flag_response": values,
    "$prev_pageview_duration": values, "products": values, "total": values, "position": values,
    "alias": values})  # fmt: skip
captures = st.fixed_dictionaries(
    {"event": st.one_of(st.sampled_from(
        ["$pageview", "$identify", "$pageleave", "$create_alias", "$feature_flag_called",
         "Order Completed"]), values),
     "timestamp": st.one_of(st.just(AT), values)},
    optional={
        "properties": st.one_of(values, captured, captured.map(json.dumps)),
        **dict.fromkeys(("uuid", "distinct_id"), values),
    },
)  # fmt: skip
parameters = st.one_of(values, st.lists(st.fixed_dictionaries(
    {"key": st.one_of(st.sampled_from(["page_location", "page_title", "value", "email"]), values)},
    optional={"value": st.one_of(values, st.fixed_dictionaries({}, optional={
        "string_value": values, "int_value": values, "double_value": values}))},
), max_size=4))  # fmt: skip
exports = st.fixed_dictionaries(
    {"event_timestamp": st.one_of(st.just("1793613600000000"), values),
     "event_name": st.one_of(st.sampled_from(["purchase", "view_item", "login"]), values)},
    optional={
        "event_params": parameters, "user_properties": parameters,
        "items": st.one_of(values, st.lists(st.fixed_dictionaries({}, optional={
            "item_id": values, "price": values, "item_params": parameters}), max_size=3)),
        **dict.fromkeys(("user_id", "user_pseudo_id", "device", "ecommerce"), values),
    },
)  # fmt: skip
requests = st.tuples(
    texts, st.one_of(st.just("GET /a HTTP/1.1"), texts), st.one_of(st.just("200"), texts), texts
).map(
    lambda part: (
        f'{part[0]} - - [02/Nov/2026:10:00:00 +0000] "{part[1]}" {part[2]} 5 "{part[3]}" "-"'
    )
)
attempts = st.tuples(
    st.one_of(st.sampled_from(["Nov  2 10:00:00", "Feb 29 10:00:00", AT]), texts),
    st.one_of(st.sampled_from(["sshd[8]", "login(pam_unix)[8]"]), texts),
    st.one_of(
        st.tuples(
            st.sampled_from(
                [
                    "Failed password for {} from {} port 22 ssh2",
                    "message repeated {} times: [ Failed password for bob from {} port 22 ssh2]",
                    "error: PAM: Authentication failure for {} from {}",
                    "authentication failure; logname= rhost={} user={}",
                    "pam_unix(login:session): session opened for user {} by {}",
                    "Invalid user {} from {}",
                ]
            ),
            texts,
            texts,
        ).map(lambda part: part[0].format(*part[1:])),
        texts,
    ),
).map(lambda part: f"{part[0]} web1 {part[1]}: {part[2]}")
