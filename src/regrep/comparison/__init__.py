"""Which use of a symmetry helps a task, and at what cost: arms that are trained alike and compared pairwise."""

from regrep.comparison.arms import ARMS, Arm
from regrep.comparison.intervals import PairedInterval, holm, interval_of
from regrep.comparison.plan import Run, choose, plan
from regrep.comparison.records import Evaluated, Trained
from regrep.comparison.result import Comparison
from regrep.comparison.runs import compare
from regrep.comparison.task import Metric, Splits, Task
from regrep.comparison.trial import evaluate, train
from regrep.comparison.verdict import Finding, verdict

__all__ = [
    "ARMS",
    "Arm",
    "Comparison",
    "Evaluated",
    "Finding",
    "Metric",
    "PairedInterval",
    "Run",
    "Splits",
    "Task",
    "Trained",
    "choose",
    "compare",
    "evaluate",
    "holm",
    "interval_of",
    "plan",
    "train",
    "verdict",
]
