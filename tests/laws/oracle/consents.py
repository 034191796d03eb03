"""Who consents to what, followed person by person.

Belongs here: docs/metrics.md, `marts.consent_daily`. Not here: which rows are withheld for want of
consent.
"""

import json
from collections import defaultdict
from datetime import date, timedelta
from typing import Any

from tests.laws.oracle.events import Row, in_order
from tests.laws.oracle.kpis import Facts, ratio

GRANTED = {"true", "1", "yes", "granted", "accepted", "allowed", "opt_in"}
DAY = timedelta(days=1)


def word(answer: Any) -> str | None:
    """An answer as lower-case text, as JSON writes it; None where there is none."""
    if answer is None:
        return None
    return (answer if isinstance(answer, str) else json.dumps(answer)).lower()


def answers(consent: str | None, asked: set[str]) -> dict[str, bool] | None:
    """Purpose -> whether it is agreed to; None where nothing is said.

    Args:
        consent: the event's field.
        asked: every purpose that the person ever answers about, to which a list says no.
    """
    try:
        stated = json.loads(consent) if consent is not None else None
    except ValueError:
        return None
    if stated is None:
        return None
    if isinstance(stated, dict):
        return {purpose: word(answer) in GRANTED for purpose, answer in stated.items()}
    if isinstance(stated, list):
        return dict.fromkeys(asked, False) | {str(one): True for one in stated if one is not None}
    return {"(all)": word(stated) in GRANTED | {"all"}}


def told_by_persons(facts: Facts) -> dict[str, dict[str, dict[date, bool]]]:
    """Purpose -> person -> date -> the last answer of the date."""
    statements: dict[str, list[Row]] = defaultdict(list)
    for event in sorted(facts.events, key=in_order):
        if event["role"] == "consent" and event["person_id"] is not None:
            statements[event["person_id"]].append(event)
    told: dict[str, dict[str, dict[date, bool]]] = defaultdict(lambda: defaultdict(dict))
    for person, events in statements.items():
        asked = {one for event in events for one in answers(event["consent"], set()) or {}}
        for event in events:
            for purpose, is_granted in (answers(event["consent"], asked) or {}).items():
                told[purpose][person][event["report_date"]] = is_granted
    return told


def agreed(facts: Facts) -> dict[str, list[str]]:
    """person_id -> purposes to which the last answer is yes, in alphabetical order."""
    purposes: dict[str, list[str]] = defaultdict(list)
    for purpose, persons in sorted(told_by_persons(facts).items()):
        for person, days in persons.items():
            if days[max(days)]:
                purposes[person].append(purpose)
    return purposes


def consent_daily(facts: Facts, as_of: date | None) -> list[Row]:
    """`marts.consent_daily`."""
    told = told_by_persons(facts)
    dates = [day for persons in told.values() for days in persons.values() for day in days]
    if not dates:
        return []
    last = max([*dates, as_of] if as_of else dates)
    table = []
    for purpose, persons in told.items():
        told_on: dict[date, dict[str, bool]] = defaultdict(dict)
        for who, answers_of_days in persons.items():
            for day, is_granted in answers_of_days.items():
                told_on[day][who] = is_granted
        day = min(told_on)
        before: dict[str, bool] = {}
        while day <= last:
            now = before | told_on.get(day, {})
            consenting = sum(now.values())
            table.append(
                {
                    "report_date": day,
                    "purpose": purpose,
                    "consenting_persons": consenting,
                    "refusing_persons": len(now) - consenting,
                    "answering_persons": len(now),
                    "grants": sum(now[who] and not before.get(who, False) for who in now),
                    "withdrawals": sum(before[who] and not now[who] for who in before),
                    "consent_rate": ratio(consenting, len(now)),
                }
            )
            before, day = now, day + DAY
    return table
