"""Circles in a graph of files that include or import each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def circles(graph: Mapping[str, Iterable[str]]) -> list[list[str]]:
    """One path `[a, …, a]` for each way back that a walk over the graph meets; [] if there is none."""
    found: list[list[str]] = []
    done: set[str] = set()

    def visit(node: str, trail: list[str]) -> None:
        if node in trail:
            found.append([*trail[trail.index(node):], node])
        elif node not in done:
            for target in graph[node]:
                visit(target, [*trail, node])
            done.add(node)

    for node in graph:
        visit(node, [])
    return found
