"""Shape checks of jaxtyping, each done once for the same types, shapes and precisions.

A check costs more than many a call that it guards.  What it finds depends on the types of the
arguments and of what comes back, and on shapes and precisions of arrays, so that it is done for
each combination of these once; never again for one that was accepted.
"""

import functools
import threading
import types
from collections.abc import Callable

import jaxtyping
from jaxtyping import _decorator

_whole = _decorator.jaxtyped
_LONGEST = 64  # containers with more entries are checked at every call
_ON_VALUES = ("Literal", "Annotated", "PyTree", "{")  # annotations that look at more than types


class _Unknown(Exception):
    """What an argument is cannot be told cheaply."""


def _of_array(value):
    return type(value), value.shape, value.dtype


def _of_several(value):
    if len(value) > _LONGEST:
        raise _Unknown
    inside = value.items() if isinstance(value, dict) else value
    found = [_kind(entry) for entry in inside]
    return type(value), tuple(found) if isinstance(value, tuple) else frozenset(found)


def _how(value) -> Callable | None:
    """Function from a value of this type to all that a check sees; None for the type alone."""
    if isinstance(value, type):
        return lambda value: value
    of = type(value)  # asking the value could call a function that is checked
    if hasattr(of, "shape") and hasattr(of, "dtype"):  # tracers of JAX as well
        return _of_array
    is_container = isinstance(value, list | tuple | dict | set | frozenset)
    return _of_several if is_container else None


_HOW: dict[type, Callable | None] = {}


def _kind(value):
    """All that a check sees of a value."""
    of = type(value)
    try:
        how = _HOW[of]
    except KeyError:
        how = _HOW[of] = _how(value)
    return of if how is None else how(value)


def _replay(function, typechecker):
    """Checks what a call gave back, without the call."""
    given = threading.local()

    def replay(*args, **kwargs):
        return given.result

    alike = types.FunctionType(replay.__code__, function.__globals__, closure=replay.__closure__)
    checked = _whole(functools.wraps(function)(alike), typechecker=typechecker)

    def check(result, args, kwargs):
        given.result = result
        try:
            checked(*args, **kwargs)
        finally:
            del given.result

    return check


def checked_once(function, typechecker):
    """The function, checked as jaxtyping does it, once for each combination."""
    checked = _whole(function, typechecker=typechecker)
    words = " ".join(map(str, function.__annotations__.values()))
    if any(word in words for word in _ON_VALUES):
        return checked
    check_result, known = _replay(function, typechecker), {}

    @functools.wraps(function)
    def call(*args, **kwargs):
        __tracebackhide__ = True
        try:
            key = tuple([_kind(value) for value in args])
            if kwargs:
                key = key, tuple([(name, _kind(value)) for name, value in kwargs.items()])
        except _Unknown:
            return checked(*args, **kwargs)
        results = known.get(key)
        is_new = results is None
        result = (checked if is_new else function)(*args, **kwargs)
        try:
            kind = _kind(result)
        except _Unknown:
            kind = None
        if is_new:
            known[key] = {kind}
        elif kind is None or kind not in results:
            check_result(result, args, kwargs)
            results.add(kind)
        return result

    return call


def _jaxtyped(fn=_decorator._sentinel, *, typechecker=_decorator._sentinel):
    if fn is _decorator._sentinel:
        return functools.partial(_jaxtyped, typechecker=typechecker)
    if isinstance(fn, types.FunctionType) and callable(typechecker):
        return checked_once(fn, typechecker)
    return _whole(fn, typechecker=typechecker)


def install() -> None:
    """From now on, for what is imported by the hook of jaxtyping."""
    jaxtyping.jaxtyped = _decorator.jaxtyped = _jaxtyped
