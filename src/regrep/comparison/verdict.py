"""The verdict of a comparison in words, by a rule on the numbers alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from regrep.arguments import check_text, shown, whole
from regrep.comparison.intervals import PairedInterval
from regrep.errors import RegrepError
from regrep.student import LEVEL

FEW = 5
"""With fewer seeds the verdict says so."""


@dataclass(frozen=True)
class Finding:
    """What was found about an arm; gains are positive where the arm is better, whatever the metric.

    Attributes:
        arm: its name.
        gain: over the reference.
        p: of the gain, corrected for the number of arms; None without an interval.
        inference: its cost as a multiple of one pass.
        controls: for each control its gain over the reference, and the gain of the arm over it.
        added: the arm that does the same without one part, and the gain over it; None if there is none.
    """

    arm: str
    gain: PairedInterval
    p: float | None
    inference: float
    controls: tuple[tuple[str, PairedInterval, PairedInterval], ...] = ()
    added: tuple[str, PairedInterval] | None = None

    @property
    def differs(self) -> bool:
        """Whether it differs from the reference after the correction."""
        return self.p is not None and self.p < 1 - LEVEL

    @property
    def helps(self) -> bool:
        """Whether it is better than the reference after the correction."""
        return self.differs and self.gain.mean > 0

    @property
    def ties(self) -> list[str]:
        """Controls over which the arm has no gain whose interval excludes 0."""
        return [name for name, _, ahead in self.controls if not (ahead.excludes_zero and ahead.mean > 0)]

    @property
    def due_to_symmetry(self) -> bool:
        """Whether it helps, has controls, and is ahead of every one of them."""
        return self.helps and bool(self.controls) and not self.ties


def verdict(findings: Sequence[Finding], reference: str, seeds: int) -> str:
    """The verdict, in a few sentences.

    An arm helps, or is worse, if its corrected p is below 0.05. A gain counts as due to the symmetry only if the arm
    is also ahead of each of its controls; both must hold, so that this needs no further correction. If it is not, the
    verdict names the control: it gains as much if its own interval over the reference excludes 0 as well.

    Args:
        findings: of every arm that is no control and not the reference.
        reference: name of the reference.
        seeds: number of seeds; one says nothing about another training.

    >>> gain = PairedInterval(0.041, 0.032, 0.050, 5, 800, 12.0, 1e-6, "seeds and test samples")
    >>> none = PairedInterval(0.004, -0.012, 0.020, 5, 800, 9.0, 0.6, "seeds and test samples")
    >>> print(verdict([Finding("averaged", gain, 1e-5, 8.0), Finding("penalty-mse", none, 0.6, 1.0)], "augmented", 5))
    With 5 seeds averaged helps by 0.041 [0.032, 0.050] at 8 times the inference; no other arm differs from augmented.
    """
    if not isinstance(findings, list | tuple) or not all(isinstance(one, Finding) for one in findings):
        raise RegrepError(f"a verdict is on a list of Findings, got {shown(findings)}")
    check_text("reference", reference)
    whole("seeds", seeds, 1)
    if seeds == 1:
        return (
            f"With 1 seed no arm can be said to differ from {reference}: intervals cover test samples at most, not"
            f" another training; repeat with {FEW} seeds or more."
        )
    begin = f"With {seeds} seeds "
    better = sorted((one for one in findings if one.helps), key=lambda one: -one.gain.mean)
    worse = sorted((one for one in findings if one.differs and not one.helps), key=lambda one: one.gain.mean)
    parts = [f"{one.arm} helps by {shown_interval(one.gain)}{_price(one)}{_control(one)}" for one in better]
    parts += [f"{one.arm} is worse by {shown_interval(one.gain, -1)}{_price(one)}" for one in worse]
    left = [one for one in findings if not one.differs]
    if not parts:
        parts = [f"no arm differs from {reference}" if left else f"there is no arm to compare with {reference}"]
    elif left:
        parts.append(f"no other arm differs from {reference}")
    text = begin + "; ".join(parts) + "."
    alone = [one for one in left if one.gain.excludes_zero]
    if alone:
        names = ", ".join(f"{one.arm} {shown_interval(one.gain)}" for one in alone)
        text += (
            f" The interval of {names} excludes 0 by itself, but not after the correction for {len(findings)}"
            f" comparisons."
        )
    return text + "".join(map(_added, findings)) + _caution(findings, seeds)


def _price(one: Finding) -> str:
    """What inference costs, if it is not one pass."""
    if not math.isfinite(one.inference) or abs(one.inference - 1) < 0.05:
        return ""
    return f" at {one.inference:.3g} times the inference"


def _control(one: Finding) -> str:
    """What the controls say about a gain."""
    if not one.controls:
        return ""
    if not one.ties:
        names = _listed([name for name, _, _ in one.controls])
        ahead = min((ahead for _, _, ahead in one.controls), key=lambda ahead: ahead.mean)
        return f", and is ahead of {names} by at least {shown_interval(ahead)}"
    gains = [name for name, gain, _ in one.controls if name in one.ties and gain.excludes_zero and gain.mean > 0]
    if gains:
        return (
            f", but its control without equivariance ({_listed(gains)}) gains as much: the gain is not due to the"
            " symmetry"
        )
    return f", but is not separated from its control ({_listed(one.ties)}): a gain due to the symmetry is not shown"


def _added(one: Finding) -> str:
    """What an arm adds to the one that does the same without one part, and whether its controls add as much."""
    if one.added is None:
        return ""
    base, gain = one.added
    if not gain.excludes_zero:
        return f" That {one.arm} adds to {base} is not shown: {shown_interval(gain)}."
    if gain.mean < 0:
        return f" {one.arm} is behind {base} by {shown_interval(gain, -1)}."
    text = f" {one.arm} adds {shown_interval(gain)} to {base}"
    if one.ties:
        text += f", but is not separated from its control ({_listed(one.ties)}): that the symmetry adds it is not shown"
    elif one.controls:
        ahead = min((ahead for _, _, ahead in one.controls), key=lambda ahead: ahead.mean)
        text += f", and is ahead of {_listed([name for name, _, _ in one.controls])} by {shown_interval(ahead)}"
    return text + "."


def _caution(findings: Sequence[Finding], seeds: int) -> str:
    covers = {one.gain.covers for one in findings}
    if seeds < FEW:
        return f" {seeds} seeds are few: the intervals rest on normal errors and are wide; repeat with {FEW} or more."
    if covers == {"seeds"}:
        return " The metric is one number for all samples, so the intervals cover the seeds, not other test samples."
    return ""


def shown_interval(found: PairedInterval, sign: int = 1) -> str:
    """A mean with its interval, with as many decimals as the interval allows.

    >>> shown_interval(PairedInterval(0.0412, 0.0321, 0.0503, 5, None, 4.0, 0.001, "seeds"))
    '0.041 [0.032, 0.050]'
    >>> shown_interval(PairedInterval(-12.3, -15.0, -9.6, 5, None, 4.0, 0.001, "seeds"), -1)
    '12.3 [9.6, 15.0]'
    """
    low, high = found.low, found.high
    if low is None or high is None:
        return f"{sign * found.mean:.3g}"
    if sign < 0:
        low, high = -high, -low
    places = decimals((high - low) / 2, max(abs(low), abs(high)))
    return f"{sign * found.mean:.{places}f} [{low:.{places}f}, {high:.{places}f}]"


def decimals(half: float, size: float) -> int:
    """Decimals for a number of about this size, known to within ``half``.

    >>> decimals(0.009, 0.04), decimals(2.7, 15.0), decimals(0.00002, 0.0001)
    (3, 1, 5)
    """
    if not half > 0:
        return 3
    fine = math.ceil(-math.log10(half))
    return max(fine, 3 if size < 1 else 1) if fine < 9 else 9


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
