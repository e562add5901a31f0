"""Mutation test of the pure core, the outbox, the journal, safety and reports.

``python -m tests.bench.mutation [COUNT] [--seed N]`` changes one operator (comparison, and/or, not, + or −) at each
of COUNT random places and runs the module's own tests, in a copy of the repository. A mutant on which no test fails
survives: a promise without a test, or an equivalent program. Prints the survivors and the share that was killed;
exits with 1 if that is below 90 %. A mutant takes 5–20 s, so this belongs to the nightly run.
"""

from __future__ import annotations

import argparse
import ast
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).parents[2]
GOAL = 0.9
TIMEOUT_S = 90.0
"""A mutant whose tests take longer counts as killed: it loops."""

TESTS = {
    "incident/advice.py": "unit/test_advice.py unit/test_investigation.py pilot/test_next_step.py",
    "incident/alerts.py": "unit/test_commands.py unit/test_room.py",
    "incident/commands.py": "unit/test_commands.py unit/test_incident.py unit/test_room.py",
    "incident/corrections.py": "unit/test_commands.py unit/test_incident.py unit/test_room.py",
    "incident/incident.py": (
        "unit/test_incident.py unit/test_investigation.py unit/test_reports.py unit/test_commands.py"
    ),
    "incident/investigation.py": "unit/test_investigation.py",
    "incident/quick_note.py": "unit/test_investigation.py",
    "incident/roles.py": "unit/test_commands.py unit/test_incident.py unit/test_room.py",
    "incident/timing.py": "unit/test_timing.py unit/test_reports.py unit/test_commands.py",
    "journal/codec.py": "contract/test_journal.py",
    "journal/outbox_policy.py": "contract/test_journal.py unit/test_outbox.py",
    "journal/sqlite.py": "contract/test_journal.py unit/test_room.py",
    "reports/brief.py": "unit/test_investigation.py",
    "reports/drill_score.py": "unit/test_drill.py",
    "reports/messages.py": "unit/test_reports.py unit/test_room.py",
    "reports/metrics.py": "unit/test_reports.py",
    "reports/postmortem.py": "unit/test_reports.py",
    "reports/warnings.py": "unit/test_reports.py",
    "room/chat_delivery.py": "unit/test_outbox.py unit/test_room.py",
    "room/outbox.py": "unit/test_outbox.py unit/test_room.py",
    "safety/named_values.py": "unit/test_redaction.py",
    "safety/redaction.py": "unit/test_redaction.py unit/test_log_view.py",
    "safety/sanitize.py": "unit/test_redaction.py",
}
"""The modules that are mutated, in ``warroom``, and the tests that are to notice, in ``tests``."""

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
}


@dataclass(frozen=True)
class Mutant:
    """A module with the operator at one place changed."""

    module: str
    line: int
    change: str
    source: str


def mutants(module: str) -> Iterator[Mutant]:
    """Every mutant of a module, in the order of its source."""
    text = (ROOT / "warroom" / module).read_text(encoding="utf-8")
    for index in range(len(list(_places(ast.parse(text))))):
        tree = ast.parse(text)
        node, field, place = list(_places(tree))[index]
        if isinstance(node, ast.UnaryOp):
            change, line = "not removed", node.lineno
            tree = _without_not(tree, node)
        else:
            old = getattr(node, field) if place is None else getattr(node, field)[place]
            new = SWAPS[type(old)]()
            if place is None:
                setattr(node, field, new)
            else:
                getattr(node, field)[place] = new
            change, line = f"{type(old).__name__} → {type(new).__name__}", getattr(node, "lineno", 0)
        yield Mutant(module, line, change, ast.unparse(tree))


def _places(tree: ast.AST) -> Iterator[tuple[ast.AST, str, int | None]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            yield from ((node, "ops", n) for n, op in enumerate(node.ops) if type(op) in SWAPS)
            continue
        op = getattr(node, "op", None)
        if type(op) in SWAPS or isinstance(op, ast.Not):
            yield node, "op", None


def _without_not(tree: ast.Module, negation: ast.UnaryOp) -> ast.Module:
    class Remove(ast.NodeTransformer):
        def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
            self.generic_visit(node)
            if node is not negation:
                return node
            return ast.Call(ast.Name("bool", ast.Load()), [node.operand], [])

    return ast.fix_missing_locations(Remove().visit(tree))


def survives(mutant: Mutant, folder: Path) -> bool:
    """Whether the module's tests pass in the copy ``folder`` with the mutant in place."""
    file = folder / "warroom" / mutant.module
    original = file.read_text(encoding="utf-8")
    file.write_text(mutant.source, encoding="utf-8")
    tests = [str(folder / "tests" / test) for test in TESTS[mutant.module].split()]
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-n0",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        *tests,
    ]
    environ = {**os.environ, "PYTHONPATH": str(folder), "HYPOTHESIS_MAX_EXAMPLES": "50"}
    try:
        done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, timeout=TIMEOUT_S, check=False)
        return done.returncode == 0
    except subprocess.TimeoutExpired:
        return False
    finally:
        file.write_text(original, encoding="utf-8")


def main() -> int:
    """Run the mutants and report; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", nargs="?", type=int, default=64)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--only", default="", help="only modules whose path contains this")
    chosen = parser.parse_args()
    every = [mutant for module in TESTS if chosen.only in module for mutant in mutants(module)]
    sample = random.Random(chosen.seed).sample(every, min(chosen.count, len(every)))
    print(f"{len(sample)} of {len(every)} mutants, --seed {chosen.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="mutation-") as base:
        folders: SimpleQueue[Path] = SimpleQueue()
        workers = os.cpu_count() or 1
        for n in range(workers):
            ignore = shutil.ignore_patterns(".git", ".venv", ".cache", "__pycache__")
            folders.put(Path(shutil.copytree(ROOT, Path(base) / str(n), ignore=ignore)))

        def run(mutant: Mutant) -> bool:
            folder = folders.get()
            try:
                return survives(mutant, folder)
            finally:
                folders.put(folder)

        killed = 0
        with ThreadPoolExecutor(workers) as pool:
            for mutant, survived in zip(sample, pool.map(run, sample), strict=True):
                killed += not survived
                if survived:
                    print(f"survived: warroom/{mutant.module}:{mutant.line} {mutant.change}", flush=True)
    print(f"killed {killed} of {len(sample)} ({killed / max(1, len(sample)):.0%})")
    return 0 if killed >= GOAL * len(sample) else 1


if __name__ == "__main__":
    sys.exit(main())
