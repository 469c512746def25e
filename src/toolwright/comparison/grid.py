"""The grid of cells: each method with each seed in a worker process, one result line a cell.

Finished cells are never run again; an interrupted one goes on from its checkpoint; a failed one is a row of its own, is tried again by the next run, and does
not stop the others. A cell is finished only for the same model, data and budget: anything else is another comparison and wants another folder.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import ValidationError

from toolwright.comparison.cell import Cell, write_cell
from toolwright.comparison.methods import METHODS, ROWS
from toolwright.comparison.paired import write_comparisons
from toolwright.types import InputError, Result, explain, write_text

REPRODUCIBLE = {"MKL_CBWR": "AUTO", "MKL_DYNAMIC": "FALSE", "OMP_DYNAMIC": "FALSE"}  # the same order of additions in every run

Progress = Callable[[str, str, int, int, str], None]  # cell, stage, done, total, how it goes in words


@dataclass(frozen=True, slots=True)
class Grid:
    """All cells of a comparison, and the folder they live in."""

    output: Path
    cells: tuple[Cell, ...]

    def folder(self, cell: Cell) -> Path:
        return self.output / "cells" / cell.name


def check_methods(methods: Sequence[str], table: Collection[str] = METHODS) -> None:
    """Raise `InputError` for a method that is not in the table, or stands twice."""
    for method in methods:
        if method not in table:
            raise InputError(f"--method: got {method!r}; allowed: {', '.join(table)}")
        if methods.count(method) > 1:
            raise InputError(f"--method: got {method!r} twice; expected each once")


def prepare(grid: Grid) -> list[Cell]:
    """Lay out the folders; returns the cells still to run. Raises `InputError` where a folder holds a cell of another comparison."""
    todo = []
    for cell in grid.cells:
        folder = grid.folder(cell)
        folder.mkdir(parents=True, exist_ok=True)
        description = folder / "cell.json"
        if description.is_file() and Cell.load(description) != cell:
            raise InputError(f"{folder}: holds this cell with another model, data or budget; choose another --output or remove the folder")
        write_cell(cell, folder)
        result = _result(folder)
        if result is not None and result.status == "failed":
            (folder / "result.json").unlink()
        if result is None or result.status == "failed":
            todo.append(cell)
    return todo


def run_grid(grid: Grid, progress: Progress = lambda cell, stage, done, total, word: None, workers: int = 1) -> list[Result]:
    """Run what is not finished, `workers` cells at a time with equal shares of the cores, and write `results.jsonl` after each."""
    todo = prepare(grid)
    write_results(grid)
    threads = max(1, int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1) // workers)
    with ThreadPoolExecutor(workers) as pool:
        for ended in as_completed([pool.submit(_run, cell, grid.folder(cell), progress, threads) for cell in todo]):
            ended.result()
            write_results(grid)
    refuse_twins(grid)
    results = write_results(grid)
    write_comparisons(grid.output, results)
    return results


def refuse_twins(grid: Grid) -> None:
    """Make a failed row of a cell that came to the very weights of another method's: it cannot have been trained as its method says."""
    first: dict[tuple[int, str], Cell] = {}
    for cell in grid.cells:
        result = _result(grid.folder(cell))
        if cell.definition is None or result is None or result.status == "failed":
            continue
        other = first.setdefault((cell.seed, result.adapter_sha256), cell)
        if other.definition is not None and replace(other.definition, title=cell.definition.title) != cell.definition:
            error = f"trained to the very weights of {other.method}: it was not fed its own data, or not its own adapter"
            failed = Result(method=cell.method, seed=cell.seed, model=cell.model, status="failed", error=error, **cell.data_identity)
            write_text(grid.folder(cell) / "result.json", failed.model_dump_json())


def write_results(grid: Grid) -> list[Result]:
    """`results.jsonl` from all cells of the folder that have ended, of earlier runs too, in the order of the table."""
    order = [*ROWS, *METHODS]
    found = [result for folder in (grid.output / "cells").iterdir() if (result := _result(folder)) is not None]
    results = sorted(found, key=lambda result: (order.index(result.method) if result.method in order else len(order), result.method, result.seed))
    write_text(grid.output / "results.jsonl", "".join(result.model_dump_json() + "\n" for result in results))
    return results


def _run(cell: Cell, folder: Path, progress: Progress, threads: int) -> None:
    """Run one cell in a process of its own; one that dies without a result leaves a failed row."""
    environment = {**REPRODUCIBLE, **os.environ, "OMP_NUM_THREADS": str(threads)}
    with (folder / "stderr.log").open("wb") as errors:
        command = [sys.executable, "-m", "toolwright.comparison.cell", str(folder)]
        worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
        assert worker.stdout is not None
        for line in worker.stdout:
            if line.startswith('{"stage"'):
                told = json.loads(line)
                progress(cell.name, told["stage"], told["done"], told["total"], told["word"])
        code = worker.wait()
    if _result(folder) is None:
        tail = (folder / "stderr.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:] or [""]
        error = f"the worker ended with code {code} before it had a result; {tail[0][:300]}"
        failed = Result(method=cell.method, seed=cell.seed, model=cell.model, status="failed", error=error, **cell.data_identity)
        write_text(folder / "result.json", failed.model_dump_json())


def _result(folder: Path) -> Result | None:
    path = folder / "result.json"
    if not path.is_file():
        return None
    try:
        return Result.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise InputError(f"{path}: {explain(error, Result)}; choose another --output or remove the folder") from error


def rows_and_methods(methods: Sequence[str]) -> list[str]:
    """The rows beside the methods first, so that a report has something to compare with as soon as a method ends."""
    return [*ROWS, *methods]
