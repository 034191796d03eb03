"""The `footfall.yml` that `footfall init` writes. Only its text belongs here."""

_TEXT = """\
# footfall: what comes in, and the settings. Every key that is left out has the default shown here.

sources:
  # A source that already writes footfall's own events, one JSON object a line:
  #   landing/shop/2026-01-31/anything.jsonl      (also .jsonl.gz, .jsonl.zst)
  shop:
    format: canonical

  # The log of an identity provider: log-ins and file accesses, in the same form.
  identity:
    format: canonical

  # What others write already: no mapping is needed.
  # app:
  #   format: segment                      # Segment's and RudderStack's messages, .jsonl
  # product:
  #   format: posthog                      # PostHog's exports, .jsonl or .parquet
  # web:
  #   format: ga4                          # GA4's export to BigQuery, .jsonl or .parquet
  # pipeline:
  #   format: snowplow                     # Snowplow's enriched events, .tsv without a header
  # server:
  #   format: access_log                   # combined or common log format, .log
  #   visitors: none                       # or address_and_agent: the two stand for a device
  #   site: https://shop.example           # whose pages these are, which the log does not say
  # hosts:
  #   format: auth_log                     # log-ins of Linux: auth.log, secure; .log
  #   user_id_space: accounts              # so that root is no user of the shop

  # A source of anything tabular: the mapping says which column is which field of an event.
  # legacy_shop:
  #   format: csv                          # csv, tsv, jsonl, parquet
  #   mapping:
  #     event_name: {column: event, values: {view: product_viewed, addtocart: product_added}}
  #     event_ts: {column: timestamp, unit: ms}
  #     # or {column: time, format: "%d.%m.%Y %H:%M", timezone: Europe/Berlin}
  #     anonymous_id: visitorid
  #     product_id: itemid
  #     quantity: {sql: "abs(try_cast(qty as integer))"}
  #     properties: ["*", {file_path: path}]   # every column not named above; one by another name
  #   identical_rows: one                  # keep: rows that are equal are events of their own
  #   order_grain: order                   # line: a row is a line of an order
  #   sessions: gap                        # source: those of its tracker, by source_session_id
  #   currency: EUR                        # of rows that state none
  #   timezone: UTC                        # of times without a zone
  #   encoding: utf-8                      # or latin-1
  #   id_space: legacy_shop                # of anonymous and device ids
  #   user_id_space: users                 # of user ids
  #   consent:
  #     default: granted                   # of rows that state none
  #     required: [analytics]              # a row without it is counted as withheld, stored nowhere
  #     exempt_events: [consent_updated]   # rows that need none

settings:
  # start: 2026-01-01                      # first day; else the first day found
  reporting_timezone: UTC
  reporting_currency: EUR
  # rates: rates.csv                     # date,currency,rate: units of EUR for one of the currency
  quarantine_share: 0.05                   # a batch with a larger share refused is not sealed
  grace_hours: 2                           # after midnight UTC, before a day is closed
  schedule_hour: 3
  lock_wait_s: 600
  quarantine_days: 90                      # refused rows are kept for so long, encrypted
  # landing_days: 30                       # sealed files are removed from landing; else never
  max_future_hours: 24                     # an event later than this after its arrival is refused
  earliest_event_date: 2000-01-01
  training_window_days: 180
  # holidays: [2026-12-25, 2026-12-26]   # days unlike others of their week, for KPI anomalies
  exclude_bought: true                     # recommendations leave out what was bought
  max_category_share: 0.5                  # of a list of recommendations; 1 for no limit
  clv_days: 365                            # how far lifetime value looks
  clv_discount_rate: 0                     # a year; 0.1 is a tenth, 0 for none
  churn_days: 90                           # how far the probability of no order looks
  cart_timeout_hours: 24                   # a cart without an event for so long is abandoned
  cart_recovery_days: 7                    # an order within so many days after recovers it
  cart_trigger_minutes: 30                 # a cart left alone for so long may fire a trigger

# Who is a machine, beside what sources and user agents say; without this, no pace makes one.
# bots:
#   max_views_per_minute: 120              # with more, all of a visitor's day is a machine's

# Event types of your own, beside those of the registry:
# events:
#   quiz_finished: {sessionable: true}

funnels:
  purchase:
    mode: ordered                         # ordered, strict, any
    unit: person                          # person, visitor, session
    window: 7 days
    steps: [product_viewed, product_added, checkout_started, order_completed]
  product:
    window: 7 days
    hold: product_id                      # the same at each step; or category, brand, impression_id
    exclude: product_removed              # ends it: the same product is taken out; or a list
    steps: [product_viewed, product_added, order_completed]

# What was planned of experiments; one that is not here is analysed with equal shares.
# experiments:
#   free-shipping:
#     control: control                     # else the variant named control, else the first by name
#     variants: {control: 90, treatment: 10}   # shares that persons should fall into
#     units: 20000                         # persons planned for, of all variants together
#     policies: {treatment: linucb}        # who chooses its recommendations: ml.policy_experiments
# Behaviour that asks for a response; records/outbox holds what is to be sent.
triggers:
  smartphones_compared:
    when: products_viewed                 # so many different products of a category in the window
    category: smartphones
    products: 3
    window: 10 minutes
    respond: {action: bundle, category: headphones}
    cooldown: 7 days                      # in which a visitor fires it once
    # daily_budget: 500                   # firings a day; any number
    holdout_pct: 10                       # visitors who get no response, to measure its effect
  cart_abandoned:
    when: idle_cart                       # left alone for cart_trigger_minutes
    value_over: 200                       # in the reporting currency
    respond: {action: discount, discount_pct: [10, 15]}
  shoes_disliked:
    when: negative_review
    category: shoes
    max_rating: 2
    respond: {action: discount, suggest: better_rated, discount_pct: [10, 15]}
"""


def default_settings_text() -> str:
    """The commented settings of a new installation; `load_settings` reads them as they are."""
    return _TEXT
