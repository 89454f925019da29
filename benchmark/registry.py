"""The one place that turns names into objects: `opus` is `baselines/opus.py`, built by its `make(**parameters)`."""

import ast
import difflib
import importlib
import importlib.util
import inspect
import os
import pkgutil
import re
import sys
from collections.abc import Callable, Iterable
from functools import cache
from importlib.metadata import entry_points
from math import isfinite
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from benchmark.fingerprint import is_card
from benchmark.types import Card, Scalar, Spec, UserError, ValueInfo

PACKAGES = {
    "codec": "baselines",
    "channel": "benchmark.channels",
    "acoustics": "benchmark.acoustics",
    "protection": "benchmark.protection",
    "playout": "benchmark.buffers",
    "metric": "benchmark.metrics",
    "task": "tasks",
}
EXPONENT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")  # 1e-05, which Python writes and YAML 1.1 reads as text


def use_current_folder() -> None:
    """Make modules of the current folder importable, behind ours: a user's own `tasks/` never shadows ours."""
    ours = str(Path(__file__).parents[1])  # an editable install is asked only after all of sys.path
    for folder in (ours, os.getcwd()):  # noqa: PTH109 (a string is what sys.path holds)
        if folder not in sys.path:
            sys.path.append(folder)


@cache
def names(kind: str) -> list[str]:
    """What there is, without importing any of it: our files, then what installed packages offer."""
    return sorted({*_ours(kind), *_offered(kind)})


@cache
def _ours(kind: str) -> list[str]:
    package = importlib.import_module(PACKAGES[kind])
    return [m.name for m in pkgutil.iter_modules(package.__path__) if not m.name.startswith("_")]


@cache
def _offered(kind: str) -> dict[str, str]:
    return {e.name: e.value for e in entry_points(group=f"focalbench.{kind}")}


def nearest(word: str, known: Iterable[str]) -> str:
    """The hint behind "unknown ...": the nearest name, or all of them."""
    known = sorted(known)
    near = difflib.get_close_matches(word, known, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(known)}."


def parse(text: str) -> Spec:
    """Read ``NAME[:k=v,...]`` or ``MODULE:ATTR[:k=v,...]``; the tail is parameters exactly when it has an ``=``.

    Raises:
        UserError: when a parameter is not ``key=value``.
    """
    head, colon, tail = text.strip().partition(":")
    if "=" in head:
        raise UserError(f"{text!r} has a parameter but no name; in a YAML list, quote a component with a comma in it.")
    attribute = ""
    if named := bool(colon) and "=" not in tail.partition(":")[0]:  # MODULE:ATTR
        attribute, _, tail = tail.partition(":")
    params: dict[str, Scalar] = {}
    for item in filter(None, tail.split(",")):
        key, equals, value = item.partition("=")
        if not (equals and key.strip().isidentifier()):
            raise UserError(f"{text!r}: {item!r} is not a parameter; write NAME:key=value,key=value.")
        if key.strip() in params:
            raise UserError(f"{text!r}: the parameter {key.strip()!r} stands twice.")
        params[key.strip()] = _scalar(text, value)
    if not head or (named and not attribute) or (tail and not params):
        raise UserError(f"{text!r} is not a component; write NAME:key=value or MODULE:ATTR:key=value.")
    return Spec(f"{head}:{attribute}" if named else head, params)


def _scalar(text: str, value: str) -> Scalar:
    try:
        read = yaml.safe_load(value)
    except (yaml.YAMLError, ValueError, RecursionError):  # ValueError: looks like a date, and is none
        read = value
    if isinstance(read, str) and EXPONENT.fullmatch(read):
        read = float(read)
    if not isinstance(read, str | int | float | bool | None) or (isinstance(read, float) and not isfinite(read)):
        raise UserError(f"{text!r}: {value!r} is not a single value: text, a finite number, true, false or null.")
    return read


def locate(kind: str, name: str) -> tuple[str, str]:
    """Module and attribute behind a name; nothing is imported.

    Raises:
        UserError: for an unknown name, with the nearest one.
    """
    if ":" in name:
        module, _, attribute = name.partition(":")
    elif name in _ours(kind):
        return f"{PACKAGES[kind]}.{name}", "make"
    elif name in _offered(kind):
        module, _, attribute = _offered(kind)[name].partition(":")
    else:
        raise UserError(f"No {kind} called {name!r}. {nearest(name, names(kind))}")
    try:
        found = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        found = None
    except Exception as error:  # its package is imported on the way
        raise UserError(f"{kind} {name!r}: importing {module} failed: {type(error).__name__}: {error}") from error
    if found is None or not attribute:
        raise UserError(f"No {kind} {name!r}: Python finds no module {module!r} from the current folder.")
    return module, attribute


def factory(kind: str, name: str) -> Callable[..., Any]:
    """The function that builds a component. Imports its module.

    Raises:
        UserError: when the module has no such attribute, or cannot be imported.
    """
    module_name, attribute = locate(kind, name)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        why = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise UserError(f"{kind} {name!r}: importing {module_name} failed: {why}") from error
    if not hasattr(module, attribute):
        raise UserError(f"{kind} {name!r}: {module_name} has no {attribute!r}. {nearest(attribute, _public(module))}")
    found = getattr(module, attribute)
    if not callable(found):
        what = type(found).__name__
        raise UserError(f"{kind} {name!r}: {module_name}.{attribute} is a {what}, not a class or function.")
    return found  # type: ignore[no-any-return]  # callable() narrows Any to Callable[..., object]


def _public(module: ModuleType) -> list[str]:
    return [n for n in vars(module) if not n.startswith("_")]


def check_parameters(kind: str, spec: Spec) -> None:
    """Raise UserError when the component does not take these parameters. Imports its module."""
    try:
        accepted = inspect.signature(factory(kind, spec.name)).parameters
    except ValueError as error:
        raise UserError(f"{kind} {spec.name!r} does not say which parameters it takes: {error}.") from error
    if any(p.kind is p.VAR_KEYWORD for p in accepted.values()):
        return
    for name in spec.params:
        if name not in accepted:
            hint = nearest(name, accepted) if accepted else "It takes none."
            raise UserError(f"{kind} {spec.name!r} has no parameter {name!r}. {hint}")
    for p in accepted.values():
        if p.default is p.empty and p.kind is not p.VAR_POSITIONAL and p.name not in spec.params:
            raise UserError(f"{kind} {spec.name!r} needs the parameter {p.name!r}: {spec.name}:{p.name}=...")


def make(kind: str, spec: Spec) -> Any:
    """Build a component.

    Raises:
        UserError: for an unknown name or parameter, or a value the component refuses.
    """
    check_parameters(kind, spec)
    return factory(kind, spec.name)(**spec.params)


def card(name: str) -> Card | None:
    """What the module of a codec tells of it, if it does.

    Others' modules are read and never imported here: whatever they do, they do in a child.

    Raises:
        UserError: for an unknown codec.
    """
    module = locate("codec", name)[0]
    if module.partition(".")[0] == PACKAGES["codec"]:
        found = getattr(importlib.import_module(module), "CARD", None)
        return found if isinstance(found, Card) else None
    try:
        spec = importlib.util.find_spec(module)
        source = Path(spec.origin).read_bytes() if spec is not None and spec.origin is not None else b""
        return _card(ast.parse(source))
    except (OSError, SyntaxError, ValueError, TypeError):  # compiled; damaged; not of plain texts
        return None


def _card(tree: ast.Module) -> Card | None:
    """The constant of `benchmark.fingerprint.is_card`, of plain texts."""
    for node in filter(is_card, tree.body):
        assert isinstance(node, ast.Assign)
        assert isinstance(node.value, ast.Call)
        plain = [ast.literal_eval(argument) for argument in node.value.args]
        return Card(*plain, **{str(k.arg): ast.literal_eval(k.value) for k in node.value.keywords})
    return None


@cache
def values() -> dict[str, tuple[str, ValueInfo]]:
    """Every metric value there is: its name -> (the metric that computes it, what it means)."""
    return {key: (name, info) for name in names("metric") for key, info in values_of(name).items()}


def values_of(name: str, kind: str = "metric") -> dict[str, ValueInfo]:
    """The values of one metric, or of one task.

    Raises:
        UserError: when its module cannot be imported or does not say what they mean.
    """
    factory(kind, name)  # which says what is wrong with the module
    table = getattr(importlib.import_module(locate(kind, name)[0]), "VALUES", None)
    if not (isinstance(table, dict) and table and all(isinstance(v, ValueInfo) for v in table.values())):
        raise UserError(f"{kind} {name!r}: its module has no VALUES, a dict of ValueInfo by name.")
    return table
