"""What the numbers show, in sentences, and what they do not show."""

from __future__ import annotations

from collections.abc import Sequence

from regrep_paper.report.comparison import baseline, difference, is_control, separates
from regrep_paper.report.results import interval_text, measured
from regrep_paper.report.table import Row, by_heading
from regrep_paper.report.text import seeds_text
from regrep_paper.tables.columns import Measure


def verdicts(rows: Sequence[Row]) -> list[tuple[str, tuple[str, str]]]:
    """Heading and verdict, one per problem and measure that methods compete in.

    A verdict has two parts: what can be said, and the differences to the baseline that it rests on.
    """
    return [
        (heading, (_verdict(members, measure), _against_baseline(members, measure)))
        for heading, members in by_heading(rows).items()
        for measure in members[0].experiment.results
        if measure.sign
    ]


def _verdict(rows: Sequence[Row], measure: Measure) -> str:
    """Which row has the best mean, and from which ones it is separated."""
    found = [(mean * measure.sign, -k) for k, row in enumerate(rows) if (mean := row.mean(measure)) is not None]
    if not found:
        return "no run is finished yet."
    best = rows[-max(found)[1]]
    others = [row for row in rows if row is not best and row.by_seed(measure)]
    close = [row for row in others if not separates(difference(best, row, measure), measure)]
    sentence = f"{best.label} has the best mean {measure.heading}, {_value(best, measure)}"
    if not others:
        sentence += "; there is nothing to compare it with"
    elif close:
        listed = ", ".join(f"{row.label} {_value(row, measure)}" for row in close)
        sentence += f"; it is not separated from {listed}"
    else:
        sentence += "; the 95 % interval of its paired difference excludes 0 for every other method"
    sentences = [sentence + "."]
    if is_control(best):
        sentences.append(f"{best.label} is a control: a gain that it shows is not one of equivariance.")
    few = [f"{row.label} {len(row.by_seed(measure))}" for row in (best, *others) if len(row.by_seed(measure)) < 3]
    if others and few:
        sentences.append(f"Too few seeds to decide anything (three or more would be needed): {', '.join(few)}.")
    return " ".join(sentences)


def _against_baseline(rows: Sequence[Row], measure: Measure) -> str:
    """Differences to the baseline with the same seeds."""
    base = baseline(rows)
    if base is None or not any(row.by_seed(measure) for row in rows):
        return ""
    listed = [
        f"{row.label} {interval_text(found, measure.digits)}"
        for row in rows
        if row is not base and (found := difference(row, base, measure)) is not None
    ]
    return f"Difference to {base.label} seed by seed, with 95 % intervals: {'; '.join(listed)}." if listed else ""


def _value(row: Row, measure: Measure) -> str:
    return f"{measured(row, measure).text} with {seeds_text(sorted(row.by_seed(measure)))}"
