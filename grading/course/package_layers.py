"""Checks the order of the harness's packages, grading/layers.txt, one a line, lowest first: `package: those that it imports`.

* a package's modules import only from the packages that its line names, each of which has its line above;
* modules don't import each other in a circle, not even from inside a function;
* each folder with Python files has a line.

A students' tree lacks some packages and modules; the lines that name them do no harm there.
"""

from __future__ import annotations

import ast
from pathlib import Path

from grading.course.circles import circles

LIST = "grading/layers.txt"


def check(root: Path) -> list[str]:
    """The violations in a tree, one line each with the fix. Raises OSError without the list."""
    allowed, problems = _read(root)
    imports = imports_of(root)
    for path, found in imports.items():
        own = _package(path)
        if own and own not in allowed:
            problems.append(f"grading/{own}/: not in {LIST}; add a line for it there")
        for line, target in found:
            package = _package(target)
            if own and package and package != own and package not in allowed.get(own, ()):
                problems.append(f"{path}:{line}: imports {target}, but the line of {own} in {LIST} doesn't name {package}; "
                                "move this code up, or what it needs down")
    return sorted(set(problems)) + _circles({path: [target for _, target in found] for path, found in imports.items()})


def unused(root: Path) -> list[str]:
    """The arrows in the list that no import needs; in the course's own tree there should be none."""
    used = {(_package(path), _package(target)) for path, found in imports_of(root).items() for _, target in found}
    return [f"{LIST}: {package} imports nothing from {other}; take it off the line"
            for package, others in _read(root)[0].items() for other in others if (package, other) not in used]


def imports_of(root: Path) -> dict[str, list[tuple[int, str]]]:
    """For each Python file below grading/ the (line, file) pairs of what it imports from there; names relative to `root`."""
    files = {path.relative_to(root).as_posix(): path for path in sorted((root / "grading").rglob("*.py"))}

    def file_of(module: str) -> str | None:
        stem = module.replace(".", "/")
        return next((name for name in (f"{stem}.py", f"{stem}/__init__.py") if name in files), None)

    found: dict[str, list[tuple[int, str]]] = {}
    for name, path in files.items():
        found[name] = []
        for node in ast.walk(ast.parse(path.read_text())):
            targets: list[str | None] = []
            if isinstance(node, ast.Import):
                targets = [file_of(alias.name) for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:  # a name may be a module or something in one
                targets = [file_of(f"{node.module}.{alias.name}") or file_of(node.module) for alias in node.names]
            found[name] += [(node.lineno, target) for target in targets if target]
    return found


def _package(path: str) -> str:
    """The package of a file; "" for those that stand in grading/ itself."""
    parts = path.split("/")
    return parts[1] if len(parts) > 2 else ""


def _read(root: Path) -> tuple[dict[str, list[str]], list[str]]:
    allowed: dict[str, list[str]] = {}
    problems = []
    for line in (root / LIST).read_text().splitlines():
        name, colon, rest = line.partition("#")[0].strip().partition(":")
        if not name:
            continue
        if not colon or name in allowed:
            problems.append(f"{LIST}: {name}: one line for each package, as `{name}: those above that it imports`")
        problems += [f"{LIST}: {name} names {other}, which has no line above; put it there" for other in rest.split() if other not in allowed]
        allowed[name] = rest.split()
    return allowed, problems


def _circles(graph: dict[str, list[str]]) -> list[str]:
    """A line for each module that imports itself through others."""
    return [f"{path[0]}: imports itself through {' -> '.join(path)}; move what both need into a third" for path in circles(graph)]
