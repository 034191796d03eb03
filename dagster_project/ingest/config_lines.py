"""YAML with line numbers, for files that people write by hand and that may be hostile.

Turning text into plain values plus the line of every key belongs here. What the keys mean does not:
that is `config.py`.
"""

import datetime
import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from dagster_project.ingest.errors import ConfigError

MAX_BYTES = 1_000_000
MAX_DEPTH = 24
MAX_NODES = 100_000

Scalar = str | int | float | bool | datetime.date | None
Value = Scalar | list["Value"] | dict[str, "Value"]
KeyPath = tuple[str | int, ...]

_SCALAR_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null")}
_DATE_TAG = "tag:yaml.org,2002:timestamp"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True)
class LinedDocument:
    """A parsed file and where each of its keys stands.

    Attributes:
        name: the file's name, as shown in messages.
        value: plain dicts (keys are text), lists and scalars.
        lines: 1-based line by key path; the root is `()`.
    """

    name: str
    value: Value
    lines: dict[KeyPath, int] = field(repr=False)

    def line_of(self, path: KeyPath) -> int:
        """Line of a key, or of the nearest key above it that is in the file."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)

    def error(self, path: KeyPath, problem: str) -> ConfigError:
        """The error for a key: `file:line: a.b.c: problem`."""
        where = ".".join(one_line(str(part), 80) for part in path)
        prefix = f"{self.name}:{self.line_of(path)}: "
        return ConfigError(prefix + (f"{where}: " if where else "") + one_line(problem, 400))


def one_line(text: str, limit: int) -> str:
    """The text without line breaks and control characters, cut to `limit` characters."""
    flat = "".join(char if char.isprintable() else " " for char in text)
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def read_yaml(path: Path) -> LinedDocument:
    """Read a YAML file of at most 1 MB.

    Args:
        path: the file.

    Returns:
        Its values with their lines. An empty file is an empty dict.

    Raises:
        ConfigError: the file is missing, too large, not UTF-8, not YAML, has a key twice, a tag
            beyond the plain ones, or grows beyond the limits when its aliases are expanded.
    """
    try:
        with path.open("rb") as handle:
            data = handle.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: there is no such file; `footfall init` makes "
            "one, --home or FOOTFALL_HOME names another folder"
        ) from None
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    return parse_yaml(data, str(path))


def parse_yaml(data: bytes, name: str) -> LinedDocument:
    """Parse the bytes of a YAML file; see `read_yaml`."""
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{name}: larger than {MAX_BYTES:,} bytes; settings are small files")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError(f"{name}:{line}: not UTF-8; save the file as UTF-8") from None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        problem = one_line(error.problem or "cannot be parsed", 200)
        raise ConfigError(f"{name}:{line}: not valid YAML: {problem}") from None
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: not valid YAML: {one_line(str(error), 200)}") from None
    except RecursionError:
        raise ConfigError(f"{name}: nested deeper than {MAX_DEPTH} levels") from None
    except (ValueError, OverflowError):  # PyYAML's scanner on e.g. an escape beyond Unicode
        raise ConfigError(f"{name}: not valid YAML: an escape that is no character") from None
    builder = _Builder(name)
    value: Value = {} if root is None else builder.build(root, (), 0)
    return LinedDocument(name=name, value=value, lines=builder.lines)


class _Builder:
    """Walks the node graph; every visit counts, so an alias costs what it expands to."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[KeyPath, int] = {}
        self._visited = 0
        self._scalars = yaml.SafeLoader("")

    def build(self, node: yaml.Node, path: KeyPath, depth: int) -> Value:
        self._visited += 1
        if self._visited > MAX_NODES:
            raise self._error(node, path, f"more than {MAX_NODES:,} values, aliases expanded")
        if depth > MAX_DEPTH:
            raise self._error(node, path, f"nested deeper than {MAX_DEPTH} levels")
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        if isinstance(node, yaml.SequenceNode):
            if node.tag != "tag:yaml.org,2002:seq":
                raise self._error(node, path, f"the tag {node.tag} is not supported")
            return [self.build(n, (*path, i), depth + 1) for i, n in enumerate(node.value)]
        return self._scalar(node, path)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath, depth: int) -> dict[str, Value]:
        if node.tag != "tag:yaml.org,2002:map":
            raise self._error(node, path, f"the tag {node.tag} is not supported")
        result: dict[str, Value] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                raise self._error(key_node, path, "a key must be plain text")
            # The text as written: `on:` and `1:` stay what a reader of the file sees.
            key = key_node.value
            where = (*path, key)
            if key in result:
                raise self._error(
                    key_node, where, f"given twice, first in line {self.lines[where]}"
                )
            self.lines[where] = key_node.start_mark.line + 1
            result[key] = self.build(value_node, where, depth + 1)
        return result

    def _scalar(self, node: yaml.Node, path: KeyPath) -> Scalar:
        if node.tag == _DATE_TAG and not _DATE.fullmatch(node.value):
            return str(node.value)
        if node.tag not in _SCALAR_TAGS and node.tag != _DATE_TAG:
            raise self._error(node, path, f"the tag {node.tag} is not supported")
        try:
            value = self._scalars.construct_object(node)
        except (ValueError, OverflowError, KeyError, yaml.YAMLError):
            shown = one_line(node.value, 40)
            raise self._error(node, path, f"{shown!r} is no {node.tag[18:]}") from None
        if isinstance(value, str | int | float | bool | datetime.date) or value is None:
            return value
        raise self._error(node, path, "not a plain value")

    def _error(self, node: yaml.Node, path: KeyPath, problem: str) -> ConfigError:
        self.lines[path] = node.start_mark.line + 1
        return LinedDocument(self.name, None, self.lines).error(path, problem)
