"""The behaviour of the latest month as diagrams: read from the marts, kept in `docs/behaviour.md`.

Belongs here: which month, which session is typical, what belongs to a checkout. Not here: the
drawing (`ml/behaviour_diagrams.py`), nor where Dagster shows it.
"""

from collections.abc import Mapping

from dagster_project import warehouse
from dagster_project.ingest.durable import make_folder, write_atomic
from dagster_project.state import StatePaths
from expectations.registry import Registry
from ml.behaviour_diagrams import Transition, activity_diagram, sequence_diagram, state_diagram

_LATEST = "report_month = (select max(report_month) from marts.behaviour_transitions)"


def behaviour_diagrams(paths: StatePaths, registry: Registry) -> Mapping[str, str]:
    """The diagrams of the latest month with a session, by title; none where there is no session.

    The typical session is the most frequent path of three steps or more; shorter ones show no
    sequence. A checkout is the events of the registry's family `carts_checkout` that follow the
    filling of the cart, and orders.
    """
    rows = warehouse.query(
        paths,
        "select state, next_state, count, probability, median_seconds, report_month "
        f"from marts.behaviour_transitions where {_LATEST} order by state, next_state",
    )
    if not rows:
        return {}
    transitions = [Transition(*row[:5]) for row in rows]
    month = f"{rows[0][5]:%B %Y}"
    found = {f"States of a session, {month}": state_diagram(transitions)}
    typical = warehouse.query(
        paths,
        "select split(path, ' > ') as states from marts.top_paths "
        f"where {_LATEST} and length(states) >= 3 order by path_rank limit 1",
    )
    if typical:
        found[f"A typical session, {month}"] = sequence_diagram(typical[0][0], transitions)
    checkout = _checkout(registry) & {step.state for step in transitions}
    if checkout:
        found[f"Checkout, {month}"] = activity_diagram(transitions, checkout)
    return found


def as_markdown(diagrams: Mapping[str, str]) -> str:
    """All diagrams as one page of Markdown."""
    return "\n".join(f"### {title}\n\n```mermaid\n{text}```\n" for title, text in diagrams.items())


def write_page(paths: StatePaths, diagrams: Mapping[str, str]) -> None:
    """Put the page into the state folder, where a viewer of Markdown draws it."""
    make_folder(paths.docs)
    page = "# How visitors behave\n\n" + as_markdown(diagrams)
    write_atomic(paths.docs / "behaviour.md", page.encode())


def _checkout(registry: Registry) -> set[str]:
    filling = {"cart_add", "cart_remove"}
    return {
        event.name
        for event in registry.events.values()
        if event.is_sessionable
        and (
            event.role == "order"
            or (event.family == "carts_checkout" and event.role not in filling)
        )
    }
