"""Trials of every part in random order, as many at a time as there are cores, until they or the time are at an end."""

from __future__ import annotations

import multiprocessing
import random
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field


@dataclass
class Outcome:
    """What trials came to.

    Attributes:
        counts: by kind of what was seen.
        examples: a line for each thing that went wrong.
    """

    counts: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)


@dataclass
class Campaign(Outcome):
    """All trials.

    Attributes:
        planned: how many trials of each name there are.
        made: how many of them were made.
    """

    planned: Counter[str] = field(default_factory=Counter)
    made: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Trial:
    """Something to do in a process of its own.

    Attributes:
        name: as what it counts.
        make: does it; may be sent to another process.
        count: how many things it does.
    """

    name: str
    make: Callable[[], Outcome]
    count: int = 1


Preparer = Callable[[], list[Trial]]
"""Makes trials, with what they are compared with."""


def told(label: str, wrong: Sequence[str], counts: Counter[str] | None = None) -> Outcome:
    """The outcome of a trial in which this went wrong: each entry begins with its kind and a colon."""
    found = Outcome(Counter(counts), [f"{label}: {one}" for one in wrong])
    found.counts.update(one.partition(":")[0] for one in wrong)
    return found


def run_all(
    preparers: Sequence[Preparer],
    draw: random.Random,
    jobs: int,
    deadline: float | None,
    say: Callable[[str], None],
) -> Campaign:
    """Prepare trials and make them; none begins after the deadline, a moment of ``time.monotonic``."""
    found = Campaign()
    # Forked while this process has one thread; each worker has imported what it needs.
    with ProcessPoolExecutor(jobs, multiprocessing.get_context("fork")) as pool:
        trials: list[Trial] = []
        for prepared in pool.map(_made, preparers):
            trials += prepared
        for trial in trials:
            found.planned[trial.name] += trial.count
        say(f"prepared: {dict(found.planned)}")
        draw.shuffle(trials)
        running: dict[Future[Outcome], Trial] = {}
        said = time.monotonic()
        while running or trials:
            while trials and len(running) < jobs:
                if deadline is not None and time.monotonic() > deadline:
                    trials.clear()
                    break
                trial = trials.pop()
                running[pool.submit(trial.make)] = trial
            for done in wait(running, return_when=FIRST_COMPLETED).done:
                trial = running.pop(done)
                broken = done.exception()
                wrong = f"broken trials: {' '.join(traceback.format_exception(broken))[-1200:]}" if broken else ""
                outcome = told(trial.name, [wrong]) if broken else done.result()
                found.made[trial.name] += trial.count
                found.counts += outcome.counts
                for example in outcome.examples:
                    if example not in found.examples:
                        say(example[:1500])
                        found.examples.append(example)
            if time.monotonic() - said > 60:
                said = time.monotonic()
                say(f"{dict(found.made)}")
    say(f"{dict(found.made)} {dict(found.counts)}")
    return found


def _made(preparer: Preparer) -> list[Trial]:
    return preparer()
