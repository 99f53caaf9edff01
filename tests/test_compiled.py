"""What `make compiled` builds does the same: the traps in which mypyc makes something else of sound Python.

A name is of one type in a whole function there: the first one that it has.
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def compiled() -> list[Path]:
    """The files that the Makefile names."""
    recipe = (ROOT / "Makefile").read_text().partition("COMPILED := ")[2].partition("\n\n")[0]
    named = [ROOT / "gateway" / name for name in re.findall(r"[\w/]+\.py", recipe.partition("addprefix")[2])]
    rooms = [path for room in re.findall(r"gateway/(\w+)/\*\.py", recipe) for path in ROOT.glob(f"gateway/{room}/*.py")]
    found = [path for path in (*rooms, *named, *ROOT.glob("gateway/observe/*.py")) if path.exists()]
    assert len(found) > 60
    return found


def functions() -> list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    return [
        (f"{path.name}:{node.lineno}", node)
        for path in compiled()
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]


def test_a_name_stands_for_one_kind_of_exception_in_a_function() -> None:
    for place, function in functions():
        kinds: dict[str, set[str]] = {}
        for handler in ast.walk(function):
            if isinstance(handler, ast.ExceptHandler) and handler.name and handler.type is not None:
                kinds.setdefault(handler.name, set()).add(ast.unparse(handler.type))
        assert all(len(types) == 1 for types in kinds.values()), f"{place}: give each exception a name of its own"


def test_a_name_that_may_be_none_is_not_moved_in_a_tuple() -> None:
    for place, function in functions():
        nodes = list(ast.walk(function))
        empty = {name.id for node in nodes for name in _set_to_none(node)}
        for node in nodes:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
                moved = {value.id for value in node.value.elts if isinstance(value, ast.Name)}
                assert not moved & empty, f"{place}: assign {', '.join(moved & empty)} in a statement of its own"


def _set_to_none(node: ast.AST) -> list[ast.Name]:
    if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(node.value, ast.Constant):
        return []
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [name for name in targets if isinstance(name, ast.Name) and node.value.value is None]
