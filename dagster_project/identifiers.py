"""An identifier as a person gives it on the command line, found in the vault.

Here: which kind and id space a value may mean, given the settings, and whether it was erased. Not
here: whose it is (`person`).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from dagster_project.ingest import suppression
from dagster_project.ingest.config import Settings
from dagster_project.ingest.errors import UsageError
from dagster_project.ingest.treatment_properties import FIXED_SPACES
from dagster_project.ingest.vault import PREFIXES, Vault


@dataclass(frozen=True)
class Identifier:
    """One identifier: `value` is clear and goes nowhere but back to who gave it."""

    kind: str
    space: str
    value: str
    pseudonym: str


def find_identifier(
    settings: Settings, vault: Vault, value: str, kind: str | None, *, make: bool = False
) -> Identifier:
    """Look an identifier up.

    Args:
        settings: the settings, which say the id spaces.
        vault: open.
        value: the identifier in clear.
        kind: of it; every kind is tried where this is null.
        make: whether the vault may learn an identifier that it does not know; needs the kind.

    Raises:
        UsageError: it is empty, not known, or known as several things. The text has no value.
    """
    if not value.strip():
        raise UsageError("ID is empty; give an identifier of the person")
    found = []
    for one, space, given in _meanings(settings, value, kind):
        pseudonym = vault.lookup(one, space, given)
        if pseudonym is not None:
            found.append(Identifier(one, space, given, pseudonym))
    if len(found) > 1:
        told = ", ".join(f"{one.kind} in {one.space}" for one in found)
        raise UsageError(f"ID is known as {told}; say which by --kind, or name another identifier")
    if found:
        return found[0]
    if kind is None or not make:
        tried = kind or ", ".join(PREFIXES)
        raise UsageError(
            f"ID is not known as {tried}: nothing in the log is tied to it; look at its spelling, "
            "or name another identifier of the person"
        )
    meanings = list(_meanings(settings, value, kind))
    if len(meanings) != 1:
        raise UsageError(f"ID is not known as {kind}; look at its spelling")
    ((_, space, given),) = meanings
    return Identifier(kind, space, given, vault.pseudonyms(kind, space, [given])[given])


def was_erased(settings: Settings, vault: Vault, value: str, kind: str | None) -> bool:
    """Whether an identifier is on the suppression list, as one of the kinds that it may be."""
    return any(
        suppression.suppressed(vault, one, space, [given])
        for one, space, given in _meanings(settings, value, kind)
    )


def _meanings(settings: Settings, value: str, kind: str | None) -> Iterator[tuple[str, str, str]]:
    """Kind, id space and stored form of all that a value may be."""
    given = value.strip(" ")
    for one in [kind] if kind else PREFIXES:
        for space in spaces_of(settings, one):
            yield one, space, given.lower() if one == "email" else given


def spaces_of(settings: Settings, kind: str) -> list[str]:
    """The id spaces that a kind of identifier has in this installation."""
    if kind in FIXED_SPACES:
        return [FIXED_SPACES[kind]]
    if kind == "user":
        return sorted({source.user_id_space for source in settings.sources.values()})
    return sorted({source.id_space or name for name, source in settings.sources.items()})
