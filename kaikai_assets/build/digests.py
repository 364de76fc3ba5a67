"""Digests: of values, and of code with all that it uses from this package."""

import ast
import hashlib
import inspect
import json
import textwrap
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from functools import cache
from types import CodeType, ModuleType
from typing import Any

_PACKAGE = __name__.split(".")[0]


def digest_of(*values: Any) -> str:
    """Digest of values that JSON can hold (dates as text), 32 hexadecimal digits."""
    text = json.dumps(values, sort_keys=True, default=str, ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@cache
def code_digest(function: Callable[..., Any]) -> str:
    """Digest of a function and of every function, class and constant of this package that it reaches.

    Comments, docstrings and layout do not count: only what can change a result re-opens a table.
    """
    return digest_of(sorted(_reached(function, set())))


def _reached(thing: Any, seen: set[str]) -> Iterator[str]:
    name = f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', '')}"
    if name in seen:
        return
    seen.add(name)
    thing = inspect.unwrap(thing)
    yield f"{name}: {_source(thing)}"
    namespace = vars(inspect.getmodule(thing) or object)
    for used in sorted(_names(thing)):
        yield from _follow(used, namespace, seen, _names(thing))


def _follow(name: str, namespace: Any, seen: set[str], attributes: set[str]) -> Iterator[str]:
    if name not in namespace:
        return
    value = namespace[name]
    if isinstance(value, ModuleType):
        if value.__name__.startswith(_PACKAGE):
            for attribute in sorted(attributes & vars(value).keys()):
                yield from _follow(attribute, vars(value), seen, set())
    elif inspect.isfunction(value) or inspect.isclass(value) or hasattr(value, "__wrapped__"):
        if str(value.__module__).startswith(_PACKAGE):
            yield from _reached(value, seen)
    elif not name.startswith("__") and (plain := _plain(value)) is not None:
        yield f"{namespace['__name__']}.{name} = {plain}"


def _plain(value: Any) -> str | None:
    """A constant as text; None for an object whose text could differ from process to process."""
    try:
        return json.dumps(value, sort_keys=True)
    except (TypeError, ValueError):
        return repr(value) if isinstance(value, date | timedelta) else None


def _names(thing: Any) -> set[str]:
    """Names that a function's or a class's methods' code refers to."""
    if inspect.isclass(thing):
        functions = [f for f in vars(thing).values() if inspect.isfunction(f)]
        return set().union(*(_names(f) for f in functions)) if functions else set()
    found: set[str] = set()
    codes: list[CodeType] = [thing.__code__]
    while codes:
        code = codes.pop()
        found |= set(code.co_names)
        codes += [const for const in code.co_consts if isinstance(const, CodeType)]
    return found


def _source(thing: Any) -> str:
    tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        documented = isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef)
        if documented and body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant):
            body[0] = ast.Pass()
    return ast.unparse(tree)
