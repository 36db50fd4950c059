"""All figures of a report for which there are records."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from regrep_paper.report.curves import Curve, curves
from regrep_paper.report.durations import durations
from regrep_paper.report.elements import elements
from regrep_paper.report.examples import examples
from regrep_paper.report.forecasts import forecasts, horizon
from regrep_paper.report.isotypic import profile_figure
from regrep_paper.report.learned_part import learned_rows, slug
from regrep_paper.report.ranking import ranking
from regrep_paper.report.reconstructions import reconstructions
from regrep_paper.report.style import Drawing, drawing
from regrep_paper.report.symmetry import symmetry
from regrep_paper.report.table import Row, by_heading
from regrep_paper.report.trajectories import trajectories

UNRELATED = 1.0
"""Whitened error of two unrelated latents."""


def draw(rows: Sequence[Row]) -> list[Drawing]:
    """Learning curves, errors and scale over training, errors per element, example pairs."""
    measures = dict.fromkeys(row.experiment.selection for row in rows)
    plans: list[tuple[str, str, str, Figure | None]] = [
        (
            "ranking",
            "Methods by their results",
            "Small dots: seeds; large dot: their mean, hollow for a control, which shows what is gained without"
            " equivariance. Right: the paired difference to the baseline with its 95 % interval, not corrected for the"
            " number of methods.",
            ranking(rows),
        )
    ]
    plans += [
        (
            f"{m.split}-{m.metric}",
            "Learning curves",
            f"{m.heading.capitalize()} after each epoch. Line: mean over seeds; band: their range.",
            curves([row for row in rows if row.experiment.selection == m], Curve(f"{m.split}/{m.metric}", m.heading)),
        )
        for m in measures
    ]
    plans += [
        (
            "durations",
            "Result and training time",
            "What a second view of fewer samples costs and saves. Mean over seeds, with one standard deviation, against"
            " the time that a run took: of the processor if all runs recorded it, else with other work on it."
            " Dashed, what no other setting exceeds in less time.",
            durations(rows),
        ),
        (
            "whitened-error",
            "Whitened equivariance error over training",
            "On the validation split; 0 for an equivariant encoder, 1 for unrelated latents. Neither a constant nor the"
            " scale of the latent changes it. Line: mean over seeds; band: their range.",
            curves(
                rows,
                Curve("validation/whitened_error", "whitened error", "auto", (UNRELATED, "unrelated latents")),
            ),
        ),
        (
            "through-rho",
            "Result through ρ over training",
            "The result on the validation split when the head is applied to ρ(g)E(x) instead of E(gx). Line: mean over"
            " seeds; band: their range.",
            curves(rows, Curve("validation/through_rho", "through ρ")),
        ),
        (
            "moving-share",
            "Moving share over training",
            "The part of the latent's variance that ρ moves: an invariant latent has none and is equivariant in a"
            " trivial way. Line: mean over seeds; band: their range.",
            curves(rows, Curve("validation/moving_share", "moving share")),
        ),
        (
            "profile",
            "Profile of the latent",
            "Share of the latent's variance in each irreducible representation, and how far each part is from"
            " equivariant, on validation samples of each method's first run.",
            profile_figure(_profiles(rows)),
        ),
        (
            "latent-scale",
            "Latent scale over training",
            "Root mean square over the latent's coordinates of their standard deviation over the validation samples. A"
            " mean-squared penalty can be lowered by shrinking this alone. Line: mean over seeds; band: their range.",
            curves(rows, Curve("validation/latent_scale", "latent scale (units of the latent)", "log")),
        ),
        *(
            (
                f"horizon-{test}",
                f"Error over the horizon, {test.capitalize()}",
                f"RMSE of each forecast frame on the test {test.capitalize()} ({what}), in units of the data, at"
                " the best epoch. Line: mean over seeds; band: their range.",
                curves(
                    rows, Curve(f"horizon/{test}", "RMSE", read=partial(horizon, test=test), along="forecast frame")
                ),
            )
            for test, what in (("future", "later frames"), ("domain", "simulations held out"))
        ),
        (
            "algebra-loss",
            "Algebra loss over training",
            "How far the learned matrices are from satisfying the relators of the group. Line: mean over seeds; band:"
            " their range.",
            curves(rows, Curve("train/algebra", "algebra loss", "log")),
        ),
        (
            "error-per-element",
            "Error per group element",
            "Relative error of each element at the best epoch, on validation samples, mean over seeds. The average"
            " leaves out the identity, whose error is 0.",
            elements(rows),
        ),
        (
            "symmetry",
            "How symmetric are the data, and the forecasts?",
            "What changes when a state is turned, advanced by one frame and turned back, divided by the true change in"
            " one frame. Data: the simulator, whose buoyancy and inflow stay where they are (line: range over the"
            " simulations). Forecasts: at the best epoch, on validation windows (line: range over seeds). A method near"
            " 0 turns the force along with the flow, as one may that infers it from the frames; one at the data is as"
            " asymmetric as if the force stayed; one far above errs by more than the force explains. Right: a frame,"
            " moved rightly, and moved without turning its vectors.",
            symmetry(rows),
        ),
        (
            "forecasts",
            "Forecasts",
            "One window of the test Future: velocity as arrows, its size as colour, both on the scale of the truth."
            " Below the truth each method's roll-out, of the first run, and its error.",
            forecasts(rows),
        ),
        (
            "examples",
            "Example pairs",
            "Training samples x and their images gx as the network sees them, before normalisation.",
            examples([row for row in rows if not row.experiment.learned]),
        ),
    ]
    return _drawn(plans)


def _profiles(rows: Sequence[Row]) -> dict[str, Any]:
    """Of each method of the first problem that has any: that of its first run."""
    for members in by_heading(rows).values():
        found = {row.label: [one for run in row.runs if (one := (run.done or {}).get("profile"))] for row in members}
        if any(found.values()):
            return {label: profiles[0] for label, profiles in found.items() if profiles}
    return {}


def draw_learned(rows: Sequence[Row]) -> dict[str, list[Drawing]]:
    """Eigenvalues over training and reconstructions, under each heading of experiments that learn ρ."""
    drawings = {}
    for heading, members in learned_rows(rows).items():
        plans = [
            (
                f"eigenvalues-{slug(heading)}",
                f"Eigenvalues over training, {heading}",
                "Eigenvalues of each generator in the complex plane, from the start (open) to the last epoch (filled),"
                " with the unit circle and the roots of unity (crosses); beside each root how many end nearest to it."
                " Lines join each eigenvalue to the closest of the next epoch.",
                trajectories(members),
            ),
            (
                f"reconstructions-{slug(heading)}",
                f"Pictures, {heading}",
                "Samples x and their images gx as the network sees them; where there is a decoder, below them what it"
                " makes of the latent moved by the learned ρ(g).",
                reconstructions(members),
            ),
        ]
        drawings[heading] = _drawn(plans)
    return drawings


def _drawn(plans: Sequence[tuple[str, str, str, Figure | None]]) -> list[Drawing]:
    """Name, heading, caption and figure, without the figures that are not there."""
    return [drawing(name, heading, caption, figure) for name, heading, caption, figure in plans if figure is not None]
