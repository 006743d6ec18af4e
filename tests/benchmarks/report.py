"""The table of README.md from the results: `python report.py RESULTS.json README.md`."""

from __future__ import annotations

import json
import operator
import sys
from pathlib import Path
from typing import Any

KEEPS = {"<=": operator.le, ">=": operator.ge}
MARK = "<!-- results -->"


def machine(results: dict[str, Any]) -> str:
    """Name the machine as far as it can be bought."""
    info = results["machine_info"]
    cpu = info.get("cpu", {})
    return (
        f"{results['datetime'][:10]}, {cpu.get('brand_raw', info['machine'])}, "
        f"{cpu.get('count', '?')} processors, {info['system']} {info['release'].split('-')[0]}; "
        f"run by Python {info['python_version']}."
    )


def amount(value: float) -> str:
    """Return seconds, bytes or rounds a second, short."""
    if value < 1:
        return f"{value * 1000:.2f} ms"
    return f"{value:,.2f} s" if value < 1000 else f"{value:,.0f}"


def row(result: dict[str, Any]) -> str:
    """Return one line of the table."""
    info = result["extra_info"]
    sign, bound = info["promise"].split()
    kept = KEEPS[sign](info["ratio"], float(bound))
    first, third = info["quartiles"]
    name = result["name"].removeprefix("test_").replace("_", " ").replace("[", " [")
    return (
        f"| {name} | {amount(info['ours'])} | {amount(info['theirs'])} | {info['ratio']:.3f} "
        f"({first:.3f} to {third:.3f}) | {info['promise']} | {'yes' if kept else '**no**'} |"
    )


def main() -> None:
    """Put the table behind the mark of the file."""
    results = json.loads(Path(sys.argv[1]).read_text())
    readme = Path(sys.argv[2])
    head = readme.read_text().partition(MARK)[0]
    lines = [
        machine(results),
        "",
        "| what | ours | beside it | ratio (quartiles) | promised | kept |",
        "|---|---|---|---|---|---|",
        *map(row, results["benchmarks"]),
    ]
    readme.write_text(f"{head}{MARK}\n\n" + "\n".join(lines) + "\n")


main()
