"""Random calls of the library: a wrong argument gets one sentence of ours, never an error from inside.

``python -m chaos.calls --count 500 --seed 1`` (in ``tests``) prints each error that is none of ours once, with a call
that raises it. A call is repeated by its seed and number: ``--seed 1 --only 37``. With ``--nonsense 0`` arguments are
of the right kind, and only their values are wrong.
"""

from __future__ import annotations

import argparse
import inspect
import linecache
import re
import resource
import signal
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

import regrep
from chaos.arguments import Draw
from chaos.names import BUILDERS, METHODS
from chaos.trials import Outcome, Trial
from regrep.actions import Action
from regrep.errors import RegrepError

SOURCES = str(Path(regrep.__file__).parent)

COUNT = 5000
"""Random calls of a whole campaign."""

AT_A_TIME = 50
"""Of them, those that a trial makes."""

LONGEST = 20
"""Seconds of computing that a call may take."""


LARGEST = 8 * 2**30
"""Bytes of addresses that this process may add for a call; more of them are an error of PyTorch or Python."""


class TooLongError(BaseException):
    """A call takes longer than that; no ``except Exception`` on its way takes it for an error of its own."""


@dataclass
class Found:
    """What random calls came to.

    Attributes:
        counts: how many returned, how many got a sentence, how many raised anything else.
        others: each other error once, by kind and place, with its first call.
    """

    counts: Counter[str] = field(default_factory=Counter)
    others: dict[str, str] = field(default_factory=dict)


def random_call(draw: Draw, nonsense: float) -> tuple[str, Callable[[], Any]]:
    """A call, as a text and ready to be made."""
    if draw.random.random() < 0.4:
        made = draw.random.choice(made_by(draw))()
        owned = [name for name in METHODS if has(made, name)]
        name = draw.random.choice(owned or ["__repr__"])
        target, text = getattr(made, name), f"{made!r}.{name}"
        if name == "__call__" and isinstance(made, nn.Module):
            target = made.forward
        if name == "__call__" and isinstance(made, Action | nn.Module) and draw.random.random() < 0.7:
            arguments = {"x": draw.tensor(), "g": draw.elements()}
            values = list(arguments.values())
            return f"{text}({', '.join(map(short, values))})", lambda: made(*values)
    else:
        module = draw.random.choice(list(BUILDERS))
        name = draw.random.choice(BUILDERS[module])
        target, text = getattr(module, name), f"{module.__name__}.{name}"
    chosen: dict[str, Any] = {}
    for parameter in inspect.signature(target).parameters.values():
        if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        if parameter.default is not parameter.empty and draw.random.random() < 0.7:
            continue
        fits = draw.random.random() >= nonsense
        chosen[parameter.name] = draw.fitting(parameter.name) if fits else draw.anything()
    words = ", ".join(f"{key}={short(value)}" for key, value in chosen.items())
    return f"{text}({words})", lambda: target(**chosen)


def made_by(draw: Draw) -> list[Callable[[], Any]]:
    """Makers of things whose methods are called, small ones more often."""
    return [*[draw.group, draw.representation, draw.action] * 3, draw.large, draw.homomorphism]


def has(made: Any, name: str) -> bool:
    """Whether something can be called by this name; what a large group lacks says so itself."""
    with suppress(RegrepError):
        return callable(getattr(made, name, None))
    return False


def short(value: Any) -> str:
    """A value in a few words."""
    if isinstance(value, torch.Tensor) and value.numel() > 8:
        return f"{str(value.dtype)[6:]} {list(value.shape)}"
    return " ".join(repr(value).split())[:120]


def judge(call: Callable[[], Any]) -> tuple[str, str]:
    """``returned``, ``sentence``, ``error of a given function``, ``too long`` or ``other``, with its kind and place."""

    def alarm(signum: int, frame: object) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGPROF, alarm)
    signal.setitimer(signal.ITIMER_PROF, LONGEST, 1)  # again, where one falls into a destructor, which cannot raise
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + LARGEST, hard))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            call()
    except TooLongError:
        return "too long", "a call takes too long"
    except Exception as error:
        *_, last = traceback.extract_tb(error.__traceback__)
        if isinstance(error, RegrepError) or (isinstance(error, TypeError) and _raised_in_words(last)):
            return "sentence", ""
        parts = traceback.extract_tb(error.__traceback__)
        own = max((k for k, part in enumerate(parts) if part.filename.startswith(SOURCES)), default=-1)
        if own >= 0 and _of_what_was_given(error, parts[own + 1 :]):
            return "error of a given function", ""
        place = f"{Path(parts[own].filename).relative_to(SOURCES)}:{parts[own].lineno}" if own >= 0 else "outside"
        return "other", f"{type(error).__name__} at {place}: {' '.join(str(error).split())[:100]}"
    finally:
        while signal.getsignal(signal.SIGPROF) is alarm:
            with suppress(TooLongError):  # it may come here, too
                signal.setitimer(signal.ITIMER_PROF, 0)
                signal.signal(signal.SIGPROF, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
    return "returned", ""


def _of_what_was_given(error: Exception, within: list[traceback.FrameSummary]) -> bool:
    """Whether an error arose in a network or function of the caller, for whose inputs the library cannot speak."""
    if within:
        return within[0].filename.endswith("torch/nn/modules/module.py")
    if re.match(r"\S*(__call__|forward|tanh)\(\) (takes|missing)", str(error)):
        return isinstance(error, TypeError)
    *_, (frame, line) = traceback.walk_tb(error.__traceback__)  # what is written in C has no frame of its own
    called = re.findall(r"(\w+)\(", linecache.getline(frame.f_code.co_filename, line))
    return any(frame.f_locals.get(name) is int for name in called)


def _raised_in_words(last: traceback.FrameSummary) -> bool:
    return last.filename.startswith(SOURCES) and (last.line or "").lstrip().startswith("raise TypeError")


def campaign(count: int, seed: int, nonsense: float = 0.25, only: int | None = None, first: int = 0) -> Found:
    """Make so many random calls; this share of their arguments is of any kind."""
    found, places = Found(), set()
    for number in range(first, first + count) if only is None else [only]:
        text, call = random_call(Draw(f"{seed} {number}"), nonsense)
        kind, error = judge(call)
        found.counts[kind] += 1
        place = error.partition(": ")[0]
        if error and place not in places:
            places.add(place)
            found.others[f"{number}: {text}"[:400]] = error
        if only is not None:
            print(text, "->", kind, error)
    return found


def trials(share: float, seed: int) -> list[Trial]:
    """Random calls, some at a time."""
    return [
        Trial("random calls", partial(trial, seed, first), AT_A_TIME)
        for first in range(0, round(share * COUNT), AT_A_TIME)
    ]


def trial(seed: int, first: int) -> Outcome:
    """Some random calls."""
    found = campaign(AT_A_TIME, seed, first=first)
    return Outcome(found.counts, [f"{error} in call {call}" for call, error in found.others.items()])


def main() -> int:
    """Command line of this module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--nonsense", type=float, default=0.25, help="share of arguments of any kind at all")
    parser.add_argument("--only", type=int)
    options = parser.parse_args()
    found = campaign(options.count, options.seed, options.nonsense, options.only)
    for call, error in found.others.items():
        print(f"{error}\n    {call}")
    print(dict(found.counts), f"{len(found.others)} different errors that are none of ours")
    return 1 if found.others else 0


if __name__ == "__main__":
    raise SystemExit(main())
