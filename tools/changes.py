"""Single wrong changes of a Python source, one syntax node at a time, as slips of the hand would make them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

COMPARE = {
    ast.Lt: "<= >", ast.LtE: "< >", ast.Gt: ">= <", ast.GtE: "> <", ast.Eq: "!=", ast.NotEq: "==",
    ast.In: "not_in", ast.NotIn: "in", ast.Is: "is_not", ast.IsNot: "is",
}  # fmt: skip
ARITHMETIC = {
    ast.Add: "-", ast.Sub: "+", ast.Mult: "/", ast.Div: "*", ast.FloorDiv: "/", ast.Mod: "*", ast.Pow: "*",
    ast.BitAnd: "|", ast.BitOr: "&",
}  # fmt: skip
SWAPPED_OPERANDS = (ast.Sub, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow, ast.MatMult)
NAMES = {
    "min": "max", "max": "min", "any": "all", "all": "any", "amin": "amax", "amax": "amin", "argmin": "argmax",
    "argmax": "argmin", "sum": "mean", "mean": "sum", "zeros": "ones", "ones": "zeros", "floor": "ceil",
    "ceil": "floor", "append": "extend", "no_grad": "enable_grad", "eval": "train", "cos": "sin", "sin": "cos",
    "sqrt": "square", "square": "sqrt",
}  # fmt: skip
DROPPED_CALLS = {"detach", "clone", "abs", "flip", "conj", "sqrt", "square", "sort", "transpose", "round"}
MODULES = {"math", "cmath", "np", "torch"}
DROPPED_ATTRIBUTES = {"T", "mT"}
DROPPED_LOOKUPS = {"inverse"}
AXES = {"dim", "axis"}
ORDERLESS = {"min", "max"}
"""Functions that give the same whatever the order of their arguments."""
LOOKS = {
    *("color", "linewidth", "lw", "linestyle", "ls", "ms", "markersize", "mew", "marker", "zorder", "alpha"),
    *("facecolor", "edgecolor", "fontsize", "fontweight", "ha", "va", "labelpad", "help", "metavar", "description"),
}
"""Keywords of what something looks like and of texts of help: as texts of messages, they stay."""
PLACING = {"canvas", "place", "write_heading", "figure.text", "axis.text", "axis.annotate"}
"""Functions whose numbers say where something stands in a figure: whether it touches something else is tested."""
CHECKS = {"strict", "stacklevel", "encoding"}
"""Keywords that say what may be assumed, or where a message points: as assertions, they stay."""


@dataclass(frozen=True)
class Change:
    """One wrong change: bytes ``start`` to ``end`` of the source become ``text``.

    ``function`` is the qualified name of the innermost function around it; None outside of any.
    """

    kind: str
    line: int
    start: int
    end: int
    text: str
    function: str | None

    def apply(self, source: bytes) -> bytes:
        """The changed source."""
        return source[: self.start] + self.text.encode() + source[self.end :]


def changes(source: bytes) -> list[Change]:
    r"""All changes of a source that still compile, in its order.

    >>> [change.text for change in changes(b"def f(a):\n    return a + 1")]
    ['return None', '(a - 1)', '2']
    """
    before = ast.dump(ast.parse(source))
    return [change for change in candidates(source) if changes_meaning(change, source, before)]


def candidates(source: bytes) -> list[Change]:
    """Changes of a source in its order, with a few that do not compile or mean the same: those take long to see."""
    lines = [0]
    for line in source.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    found = {}
    for node, new, kind, function in _walk(ast.parse(source), None, ""):
        start = lines[node.lineno - 1] + node.col_offset
        end = lines[node.end_lineno - 1] + node.end_col_offset
        if source[start:end] != new.encode():
            found.setdefault((start, end, new), Change(kind, node.lineno, start, end, new, function))
    return sorted(found.values(), key=lambda change: (change.start, change.end))


def changes_meaning(change: Change, source: bytes, before: str) -> bool:
    """Whether a changed source compiles, to another tree than the one it had."""
    try:
        return ast.dump(ast.parse(change.apply(source))) != before
    except SyntaxError:
        return False


def _walk(node: ast.AST, function: str | None, scope: str) -> Iterator[tuple[ast.AST, str, str, str | None]]:
    """Changes of a node and of all below it; texts of messages, annotations and imports stay."""
    for new, kind in _changes_of(node):
        yield node, new, kind, function
    if isinstance(node, ast.FunctionDef):
        function, scope = f"{scope}{node.name}", f"{scope}{node.name}.<locals>."
    elif isinstance(node, ast.ClassDef):
        scope = f"{scope}{node.name}."
    for child in _parts(node):
        if function is None and isinstance(child, ast.Expr):
            continue
        found = _walk(child, function, scope)
        if isinstance(child, ast.Call) and ast.unparse(child.func) in PLACING:
            found = (one for one in found if one[2] != "constant")
        yield from found


def _parts(node: ast.AST) -> list[ast.AST]:
    if isinstance(node, ast.FunctionDef):
        return [*(d for d in node.args.defaults + node.args.kw_defaults if d is not None), *node.body]
    if isinstance(node, ast.AnnAssign):
        return [node.value] if node.value else []
    if isinstance(node, ast.Raise | ast.Import | ast.ImportFrom | ast.JoinedStr | ast.Assert):
        return []
    if isinstance(node, ast.Module):
        return [one for k, one in enumerate(node.body) if not _in_inches(node.body[k + 1 : k + 2])]
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return []
    if isinstance(node, ast.ClassDef):
        return [*node.body]
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("warnings.warn", "cast", "isinstance"):
        return []
    if isinstance(node, ast.keyword) and node.arg in LOOKS | CHECKS:
        return []
    if isinstance(node, ast.Assign) and _names_a_type(node):
        return []
    return list(ast.iter_child_nodes(node))


def _changes_of(node: ast.AST) -> Iterator[tuple[str, str]]:
    """New text and kind of each change of one node."""
    text = ast.unparse
    match node:
        case ast.Compare(left, [operator], [right]):
            # Where a tolerance is compared, whether the limit itself counts makes no difference.
            fine = any(isinstance(s, ast.Constant) and isinstance(s.value, float) for s in (left, right)) or any(
                isinstance(s, ast.Name) and s.id.isupper() for part in (left, right) for s in ast.walk(part)
            )
            for other in COMPARE[type(operator)].split()[1 if fine and isinstance(operator, _ORDERS) else 0 :]:
                yield f"({text(left)} {other.replace('_', ' ')} {text(right)})", "comparison"
        case ast.BinOp(left, operator, right):
            if type(operator) in ARITHMETIC and not _is_text(left) and not _is_text(right):
                yield f"({text(left)} {ARITHMETIC[type(operator)]} {text(right)})".replace("- -", "+ "), "operator"
            if isinstance(operator, SWAPPED_OPERANDS):
                swapped = ast.BinOp(right, operator, left)
                yield f"({text(swapped)})", "operands swapped"
        case ast.AugAssign(target, operator, value) if type(operator) in ARITHMETIC:
            yield f"{text(target)} {ARITHMETIC[type(operator)]}= {text(value)}", "operator"
            yield "pass", "statement deleted"
        case ast.UnaryOp(ast.Not(), operand):
            yield f"({text(operand)})", "not dropped"
        case ast.UnaryOp(ast.USub(), operand) if not isinstance(operand, ast.Constant):
            yield f"({text(operand)})", "sign dropped"
        case ast.UnaryOp(ast.Invert(), operand):
            yield f"({text(operand)})", "not dropped"
        case ast.BoolOp(operator, values):
            other = " or " if isinstance(operator, ast.And) else " and "
            yield "(" + other.join(f"({text(value)})" for value in values) + ")", "and for or"
        case ast.IfExp(test, body, otherwise):
            yield f"({text(otherwise)} if {text(test)} else {text(body)})", "branches swapped"
        case ast.Constant(bool(value)):
            yield str(not value), "constant"
        case ast.Constant(int(value)):
            yield str(value + 1), "constant"
        case ast.Constant(float(value)):
            yield str(value + 1), "constant"
        case ast.Subscript(value, ast.Tuple([first, second])):
            yield f"{text(value)}[{text(second)}, {text(first)}]", "indices swapped"
        case ast.Subscript(ast.Attribute(_, name) | ast.Name(name), inner) if name in DROPPED_LOOKUPS:
            yield f"({text(inner)})", "look-up dropped"
        case ast.Attribute(value, name) if name in DROPPED_ATTRIBUTES:
            yield text(value), "transpose dropped"
        case ast.Attribute(value, name) if name in NAMES and isinstance(node.ctx, ast.Load):
            yield f"{text(value)}.{NAMES[name]}", "name"
        case ast.Name(name) if name in NAMES and isinstance(node.ctx, ast.Load):
            yield NAMES[name], "name"
        case ast.Call():
            yield from _changes_of_call(node)
        case ast.Expr(ast.Call()) | ast.Raise() | ast.Continue() | ast.Break():
            yield "pass", "statement deleted"
        case ast.Assign([ast.Attribute() | ast.Subscript()], _):
            yield "pass", "statement deleted"
        case ast.Return(value) if value is not None and not isinstance(value, ast.Constant):
            yield "return None", "value returned"


def _changes_of_call(node: ast.Call) -> Iterator[tuple[str, str]]:
    function, places = ast.unparse(node.func), [ast.unparse(part) for part in node.args]
    named = [ast.unparse(part) for part in node.keywords]
    for k in range(len(places) - 1 if function not in ORDERLESS else 0):
        if not any(isinstance(part, ast.Starred) for part in node.args[k : k + 2]):
            swapped = [*places[:k], places[k + 1], places[k], *places[k + 2 :]]
            yield f"{function}({', '.join(swapped + named)})", "arguments swapped"
    for k, keyword in enumerate(node.keywords):
        if keyword.arg and keyword.arg not in {"dtype", "device", *CHECKS, *LOOKS}:
            fewer = named[:k] + named[k + 1 :]
            yield f"{function}({', '.join(places + fewer)})", "keyword dropped"
        if keyword.arg in AXES and isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, int):
            other = [*named[:k], f"{keyword.arg}={keyword.value.value - 1}", *named[k + 1 :]]
            yield f"{function}({', '.join(places + other)})", "axis"
    if isinstance(node.func, ast.Attribute) and node.func.attr in DROPPED_CALLS:
        if (holder := ast.unparse(node.func.value)) not in MODULES:
            yield holder, "call dropped"
        elif places:
            yield places[0], "call dropped"
    if function.endswith("einsum") and isinstance(node.args[0], ast.Constant):
        before, _, after = str(node.args[0].value).partition("->")
        for k in range(len(after) - 1):
            order = after[:k] + after[k + 1] + after[k] + after[k + 2 :]
            yield f"{function}({', '.join([repr(f'{before}->{order}'), *places[1:], *named])})", "axis"


def _names_a_type(node: ast.Assign) -> bool:
    """Whether a type gets a name, such as ``Rule = Callable[[str], None]``: an annotation; choices of values count."""
    alias = isinstance(node.value, ast.Subscript | ast.BinOp) and "Literal[" not in ast.unparse(node.value)
    name = ast.unparse(node.targets[0])
    return alias and name.isidentifier() and name[0].isupper() and not name.isupper()


def _in_inches(after: list[ast.stmt]) -> bool:
    """Whether the text below a value says that it is a length on paper."""
    match after:
        case [ast.Expr(ast.Constant(str(text)))]:
            return text.strip().endswith("inches.")
    return False


_ORDERS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))
