"""Digests: of values, and of loaded code with all that it uses from this package."""

import functools
import hashlib
import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import PurePath
from types import CodeType, ModuleType
from typing import Any

_PACKAGE = __name__.split(".")[0]


def digest_of(*values: Any) -> str:
    """Digest of values that JSON can hold (dates as text), 32 hexadecimal digits."""
    text = json.dumps(values, sort_keys=True, default=str, ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


@cache
def code_digest(*functions: Callable[..., Any]) -> str:
    """Digest of functions and of every function, class and constant of this package that they reach.

    It is taken from the code as loaded, not from files that may have changed since. Comments, docstrings and layout do
    not count; another minor version of Python does, since it compiles to other code.
    """
    seen: set[int] = set()
    return digest_of(sorted(line for function in functions for line in _reached(function, seen)))


def _reached(thing: Any, seen: set[int]) -> Iterator[str]:
    thing = inspect.unwrap(thing)
    if isinstance(thing, functools.partial):
        yield from _value("partial", (thing.args, dict(sorted(thing.keywords.items()))), seen)
        thing = thing.func
    if id(thing) in seen:
        return
    seen.add(id(thing))
    name = f"{thing.__module__}.{thing.__qualname__}"
    if inspect.isclass(thing):
        yield f"class {name}({', '.join(base.__qualname__ for base in thing.__bases__)})"
        for key, value in sorted(vars(thing).items()):
            yield from _value(f"{name}.{key}", value, seen)
        return
    code = thing.__code__
    yield f"def {name}: {_compiled(code, thing.__doc__)}"
    yield from _value(f"{name} defaults", (thing.__defaults__, thing.__kwdefaults__), seen)
    for variable, cell in zip(code.co_freevars, thing.__closure__ or (), strict=True):
        yield from _value(f"{name} {variable}", cell.cell_contents, seen)
    # A parameter's class: its methods are called through the object, by names that say nothing.
    for annotation in thing.__annotations__.values():
        if inspect.isclass(annotation):
            yield from _value(f"{name} annotation", annotation, seen)
    names = _names(code)
    for used in sorted(names & thing.__globals__.keys()):
        value = thing.__globals__[used]
        if isinstance(value, ModuleType):
            if value.__name__.startswith(_PACKAGE):
                for attribute in sorted(names & vars(value).keys()):
                    yield from _value(f"{value.__name__}.{attribute}", vars(value)[attribute], seen)
        else:
            yield from _value(f"{thing.__module__}.{used}", value, seen)


def _value(name: str, value: Any, seen: set[int]) -> Iterator[str]:
    """What a named value says: code that it is or holds, else its text."""
    if isinstance(value, classmethod | staticmethod):
        value = value.__func__
    if isinstance(value, property):
        for accessor in (value.fget, value.fset):
            if accessor is not None:
                yield from _reached(accessor, seen)
    elif inspect.isfunction(inspect.unwrap(value)) or inspect.isclass(value) or isinstance(value, functools.partial):
        if str(inspect.unwrap(getattr(value, "func", value)).__module__).startswith(_PACKAGE):
            yield from _reached(value, seen)
    elif isinstance(value, dict):
        for key, held in value.items():
            yield from _value(f"{name}[{key!r}]", held, seen)
    elif isinstance(value, list | tuple | set | frozenset):
        for position, held in enumerate(sorted(value, key=repr) if isinstance(value, set | frozenset) else value):
            yield from _value(f"{name}[{position}]", held, seen)
    elif is_dataclass(value) and type(value).__module__.startswith(_PACKAGE):
        # Its text holds that of its fields, sets among them.
        yield f"{name} is a {type(value).__qualname__}"
        for field in fields(value):
            yield from _value(f"{name}.{field.name}", getattr(value, field.name), seen)
    elif not name.rsplit(".", 1)[-1].startswith("__") and (plain := _plain(value)) is not None:
        yield f"{name} = {plain}"


def _plain(value: Any) -> str | None:
    """A constant as text; None for an object whose text differs from process to process, or from place to place."""
    if isinstance(value, PurePath):
        return None
    # A set's own text depends on the process's hash seed.
    text = repr(sorted(value, key=repr)) if isinstance(value, set | frozenset) else repr(value)
    return None if " at 0x" in text else text


def _compiled(code: CodeType, docstring: str | None) -> str:
    constants = [
        _compiled(const, None) if isinstance(const, CodeType) else _plain(const)
        for const in code.co_consts
        if docstring is None or const != docstring
    ]
    return f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {constants}"


def _names(code: CodeType) -> set[str]:
    """Names that code and the code within it refer to."""
    within = [const for const in code.co_consts if isinstance(const, CodeType)]
    return set(code.co_names).union(*(_names(inner) for inner in within))
