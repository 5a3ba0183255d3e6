"""Arguments of a wrong type are an error in words."""

from __future__ import annotations

import enum
import functools
import inspect
import types
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, ParamSpec, TypeVar, Union, cast, get_args, get_origin

import msgspec

from .errors import UsageError

P = ParamSpec("P")
R = TypeVar("R")
Class = TypeVar("Class", bound=type)
Check = Callable[[Any], Any]  # gives the value to use; raises TypeError or ValueError, as msgspec does


def check_arguments(cls: Class) -> Class:
    """A class decorator: the constructor, public methods and what sets properties are `checked`."""
    for name, member in list(vars(cls).items()):
        if name != "__init__" and name.startswith("_"):
            continue
        if isinstance(member, property) and member.fset is not None:
            setattr(cls, name, member.setter(checked(member.fset)))
        elif inspect.isfunction(member) and len(inspect.signature(member).parameters) > 1:
            setattr(cls, name, checked(member))
    return cls


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """A decorator: an argument of a wrong type raises UsageError, which names it.

    Numbers, text, enums, structs and tuples of these are compared with the annotation as msgspec does for messages:
    "on" is as good as CacheMode.ON. Of what else is annotated with a class, arguments must be instances.
    """
    name = function.__qualname__.removesuffix(".__init__")

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        checks, argument = _checks(function), ""
        values: list[Any] = list(args)
        options: dict[str, Any] = dict(kwargs)
        try:
            for position, (argument, check) in enumerate(zip(checks, map(checks.get, checks), strict=True)):
                if check is None:
                    continue
                if position < len(values):
                    values[position] = check(values[position])
                elif argument in options:
                    options[argument] = check(options[argument])
        except (TypeError, ValueError, RecursionError) as error:
            text, _, where = str(error).replace("`", "").replace("null", "None").partition(" - at $")
            raise UsageError(f"{name}: {argument}{where}: {text[:1].lower()}{text[1:]}") from None
        return cast("Callable[..., R]", function)(*values, **options)

    return call


@functools.cache
def _checks(function: Callable[..., object]) -> dict[str, Check | None]:
    """Of each parameter, in order. Some types are known to type checkers only; theirs are not checked."""
    checks: dict[str, Check | None] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        checks[name] = None
        if isinstance(parameter.annotation, str):
            try:
                checks[name] = _check_of(eval(parameter.annotation, function.__globals__))
            except NameError:
                continue
    return checks


def _check_of(kind: Any) -> Check | None:
    origin, members = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        others = [each for each in members if each is not types.NoneType]
        if len(others) > 1:
            return functools.partial(_instance, members) if all(map(inspect.isclass, members)) else None
        check = _check_of(others[0])
        return None if check is None else lambda given: None if given is None else check(given)
    if origin in (Iterable, Sequence, Collection) and _is_value(members[0]):
        return functools.partial(_several, types.GenericAlias(tuple, (members[0], ...)))
    base = origin if inspect.isclass(origin) and origin is not tuple else kind
    if inspect.isclass(base) and issubclass(base, msgspec.Struct):
        return functools.partial(_struct, base)
    if _is_value(base):
        return functools.partial(_converted, base)
    protocol = getattr(base, "_is_protocol", False) and not getattr(base, "_is_runtime_protocol", False)
    if inspect.isclass(base) and base not in (object, Any) and not protocol:
        return functools.partial(_instance, (base,))
    return None


def _is_value(kind: Any) -> bool:
    """Whether messages can hold it."""
    if get_origin(kind) is tuple:
        return all(each is Ellipsis or _is_value(each) for each in get_args(kind))
    return inspect.isclass(kind) and issubclass(kind, int | float | str | bytes | enum.Enum | msgspec.Struct)


def _converted(kind: Any, given: Any) -> Any:
    return msgspec.convert(given, kind, builtin_types=(bytes,))


def _struct(kind: type, given: Any) -> Any:
    """Their own constructors check nothing."""
    return msgspec.convert(msgspec.to_builtins(_instance((kind,), given), builtin_types=(bytes,)), type(given))


def _several(kind: Any, given: Any) -> Any:
    if not isinstance(given, Iterable) or isinstance(given, str | bytes):
        raise TypeError(f"expected several values, got {type(given).__name__}")
    return msgspec.convert(list(given), kind, builtin_types=(bytes,))


def _instance(kinds: tuple[type, ...], given: Any) -> Any:
    if not isinstance(given, kinds):
        raise TypeError(f"expected {' or '.join(kind.__name__ for kind in kinds)}, got {type(given).__name__}")
    return given
