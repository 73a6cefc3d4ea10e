"""Imports run one way: no circle between modules, and no arrow upwards between the rooms of the package."""

import ast
from pathlib import Path

import yolograft

PACKAGE = Path(yolograft.__file__).parent

ROOMS = (
    "cli",
    "render",
    "analysis",
    "sweep",
    "training",
    "tracking",
    "evaluation",
    "tasks",
    "data",
    "model",
    "compute",
    "runs",
    "config",
    "upstream",
    "common",
)
"""From top to bottom: a room imports itself and those below it. The package's face and `__main__` stand above all."""


def imports(root: Path) -> dict[str, dict[str, int]]:
    """Each module of a package with the modules of it that it imports, anywhere in it, and at which line."""
    files = {_name(root, file): file for file in sorted(root.rglob("*.py"))}
    found: dict[str, dict[str, int]] = {}
    for module, file in files.items():
        mine = found.setdefault(module, {})
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            for name in _imported(node, module, is_package=file.name == "__init__.py"):
                parent = name.rpartition(".")[0]
                if name in files:
                    mine.setdefault(name, getattr(node, "lineno", 0))
                elif parent in files:  # a function or class of a module
                    mine.setdefault(parent, getattr(node, "lineno", 0))
    return found


def _name(root: Path, file: Path) -> str:
    parts = [root.name, *file.relative_to(root).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(node: ast.AST, module: str, *, is_package: bool) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    base = node.module or ""
    if node.level:
        above = module.split(".")[: len(module.split(".")) - node.level + is_package]
        base = ".".join([*above, *filter(None, [node.module])])
    return [f"{base}.{alias.name}" for alias in node.names]


def circle(graph: dict[str, dict[str, int]]) -> list[str]:
    """A circle of modules that import each other, its first one again at the end; nothing where there is none."""
    done: set[str] = set()

    def visit(module: str, path: list[str]) -> list[str]:
        if module in path:
            return [*path[path.index(module) :], module]
        if module in done:
            return []
        for other in graph[module]:
            if found := visit(other, [*path, module]):
                return found
        done.add(module)
        return []

    return next((found for module in graph if (found := visit(module, []))), [])


def upwards(graph: dict[str, dict[str, int]]) -> list[str]:
    """Imports of a room above the importing module's own: `sweep.plan:12 -> render.report`."""
    floor = {room: number for number, room in enumerate(reversed(ROOMS))}
    found = []
    for module, others in graph.items():
        own = _room(module)
        for other, line in others.items():
            if own in floor and floor.get(_room(other), len(ROOMS)) > floor[own]:
                found.append(f"{module}:{line} -> {other}")
    return found


def _room(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert circle(imports(PACKAGE)) == []


def test_no_room_imports_one_above_it() -> None:
    assert upwards(imports(PACKAGE)) == []


def test_every_folder_of_the_package_is_a_room_with_a_place() -> None:
    folders = {folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").exists()}
    assert folders - set(ROOMS) == set()


def test_circles_and_arrows_upwards_are_seen_also_within_functions_and_in_relative_imports(tmp_path: Path) -> None:
    root = tmp_path / "yolograft"
    files = {
        "__init__.py": "",
        "cli/__init__.py": "",
        "cli/main.py": "from yolograft.data.a import f\n",
        "data/__init__.py": "",
        "data/a.py": "def f():\n    from .b import g\n    return g\n",
        "data/b.py": "from yolograft.data import a\nfrom yolograft.cli.main import f\ng = a\n",
    }
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    graph = imports(root)
    assert graph["yolograft.data.a"] == {"yolograft.data.b": 2}
    assert circle(graph) == ["yolograft.cli.main", "yolograft.data.a", "yolograft.data.b", "yolograft.cli.main"] or (
        circle(graph) == ["yolograft.data.a", "yolograft.data.b", "yolograft.data.a"]
    )
    assert upwards(graph) == ["yolograft.data.b:2 -> yolograft.cli.main"]
    del graph["yolograft.data.b"]["yolograft.data.a"], graph["yolograft.data.b"]["yolograft.cli.main"]
    assert circle(graph) == []
