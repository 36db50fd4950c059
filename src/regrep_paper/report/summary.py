"""What the numbers say, in sentences, and what they do not."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from regrep_paper.report.table import Row, by_heading, marks
from regrep_paper.report.text import mean_and_spread, seeds_text
from regrep_paper.tables.columns import Measure


def summary(rows: Sequence[Row]) -> list[tuple[str, str]]:
    """Heading and verdict, one per problem and measure that methods compete in."""
    lines = []
    for heading, members in by_heading(rows).items():
        for measure in members[0].experiment.results:
            if measure.sign:
                lines.append((heading, _verdict(members, measure)))
    return lines


def _verdict(rows: Sequence[Row], measure: Measure) -> str:
    """Which row is best, which ones lie close to it, and how each stands against the baseline."""
    ranks = zip(marks(rows, measure), rows, strict=True)
    best = next((row for mark, row in ranks if mark == "best"), None)
    if best is None:
        return "no run is finished yet."
    others = [row for row in rows if row is not best and row.by_seed(measure)]
    close = [row for row in others if _overlap(best, row, measure)]
    sentence = f"{best.label} has the best mean {measure.heading}, {_value(best, measure)}"
    if not others:
        sentence += "; there is nothing to compare it with"
    elif close:
        told = ", ".join(f"{row.label} {_value(row, measure)}" for row in close)
        sentence += f"; its mean ± standard deviation overlaps with that of {told}"
    elif best.spread(measure) is not None:
        sentence += "; its mean ± standard deviation overlaps with no other"
    sentences = [sentence + "."]
    few = [f"{row.label} {len(row.by_seed(measure))}" for row in (best, *others) if len(row.by_seed(measure)) < 3]
    if others and few:
        sentences.append(f"Too few seeds to decide anything (three or more would be needed): {', '.join(few)}.")
    sentences += _against_baseline(rows, measure)
    return " ".join(sentences)


def _against_baseline(rows: Sequence[Row], measure: Measure) -> list[str]:
    """Differences to the baseline with the same seed: same data, same pairs, same order."""
    name = rows[0].experiment.baseline
    baselines = [row for row in rows if row.method == name and row.by_seed(measure)]
    if len(baselines) != 1:
        return []
    (base,) = baselines
    told = []
    for row in rows:
        seeds = sorted(set(row.by_seed(measure)) & set(base.by_seed(measure)))
        if row is base or not seeds:
            continue
        gaps = [row.by_seed(measure)[seed] - base.by_seed(measure)[seed] for seed in seeds]
        spread = f" ± {statistics.stdev(gaps):.{measure.digits}f}" if len(gaps) > 1 else ""
        mean = f"{statistics.fmean(gaps):+.{measure.digits}f}".replace("-", "−")
        told.append(f"{row.label} {mean}{spread} ({seeds_text(seeds)})")
    return [f"Difference to {base.label} seed by seed: {'; '.join(told)}."] if told else []


def _value(row: Row, measure: Measure) -> str:
    return f"{mean_and_spread(row, measure)} with {seeds_text(sorted(row.by_seed(measure)))}"


def _overlap(one: Row, other: Row, measure: Measure) -> bool:
    a, b = one.mean(measure), other.mean(measure)
    if a is None or b is None:
        return False
    return abs(a - b) <= (one.spread(measure) or 0.0) + (other.spread(measure) or 0.0)
