"""A replay as a picture: error, bias and coverage day by day, with what the loop did."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from matplotlib import dates, rc_context
from matplotlib.figure import Figure

from noriba.timestamps import begin_day

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from noriba.records.replays import ReplayEvent, ReplayReport

_INCHES = (11.0, 8.0)
_SVG: Any = {"svg.hashsalt": "replay", "svg.fonttype": "none"}
"""The same report gives the same bytes, and words are words."""
_LOOP, _FROZEN, _CLAIM = "#0550ae", "#8c959f", "#57606a"
_MARKS = {
    "alarm_fired": ("alarm", "#cf222e", ":"),
    "decision": ("retraining", "#bf8700", "--"),
    "rollout_ended": ("in production", "#1a7f37", "-"),
}
_WORLD = "-world-changed"
"""How the name of `noriba.records.names.name_world_alarm` ends."""
_TURNED_DOWN = ("rolled back", "#8250df", "-.")


def draw_replay(report: ReplayReport, paths: Sequence[Path]) -> None:
    """Draw a report that has a day or more, into files whose endings say what they are: `.png`, `.svg`."""
    figure = Figure(figsize=_INCHES, layout="constrained")
    errors, bias, coverage = figure.subplots(3, 1, sharex=True, height_ratios=(2, 1, 1))
    # In the middle of their day.
    days = [begin_day(day.date) + timedelta(hours=12) for day in report.days]
    style = {"marker": ".", "linewidth": 1.5}
    _plot(errors, days, [day.mae_s for day in report.days], label="the loop", color=_LOOP, **style)
    label = f"version {report.frozen_version}, frozen"
    _plot(errors, days, [day.frozen_mae_s for day in report.days], label=label, color=_FROZEN, **style)
    _plot(bias, days, [day.bias_s for day in report.days], color=_LOOP, **style)
    _plot(bias, days, [day.frozen_bias_s for day in report.days], color=_FROZEN, **style)
    bias.axhline(0.0, color=_CLAIM, linewidth=0.8)
    _plot(coverage, days, [day.coverage for day in report.days], color=_LOOP, **style)
    if report.claimed_coverage is not None:
        coverage.axhline(report.claimed_coverage, color=_CLAIM, linewidth=0.8, linestyle="--")
        coverage.annotate("claimed", (0.005, report.claimed_coverage), xycoords=("axes fraction", "data"), fontsize=8)
    for axes, name in ((errors, "mean absolute error"), (bias, "bias")):
        axes.set_ylabel(f"{name}, {report.unit}")
    coverage.set_ylabel("coverage")
    errors.set_ylim(0.0, 1.1 * errors.get_ylim()[1])
    for event in report.events:
        _mark((errors, bias, coverage), event)
    _explain(errors)
    settings = report.settings
    asked = sum(day.n for day in report.days)
    errors.set_title(f"{settings.use_case}, {settings.first_day} to {settings.last_day}: {asked:,} rides", loc="left")
    coverage.xaxis.set_major_formatter(dates.ConciseDateFormatter(coverage.xaxis.get_major_locator()))  # type: ignore[no-untyped-call]  # matplotlib's own
    with rc_context(_SVG):
        for path in paths:
            figure.savefig(path, dpi=120, metadata={"Date": None} if path.suffix == ".svg" else None)


def _plot(axes: Axes, days: Sequence[Any], values: Sequence[float | None], **style: Any) -> None:
    axes.plot(days, [float("nan") if value is None else value for value in values], **style)
    axes.grid(visible=True, alpha=0.25)


def _mark(panels: Sequence[Axes], event: ReplayEvent) -> None:
    if event.kind not in _MARKS or not _is_marked(event):
        return
    label, color, line = _MARKS[event.kind]
    if event.kind == "rollout_ended" and not event.text.startswith("succeeded"):
        label, color, line = _TURNED_DOWN
    for axes in panels:
        axes.axvline(event.at, color=color, linestyle=line, linewidth=1.0, alpha=0.8, label=label)  # type: ignore[arg-type]  # dates are understood
    if event.kind == "rollout_ended":
        text = f" v{event.version}"
        panels[0].annotate(text, (event.at, 0.02), xycoords=("data", "axes fraction"), fontsize=8, color=color)


def _is_marked(event: ReplayEvent) -> bool:
    """Of alarms the one that a new model may quieten, of decisions those to train: others would hide the lines."""
    if event.kind == "alarm_fired":
        return event.about.endswith(_WORLD)
    return event.kind != "decision" or bool(event.trained)


def _explain(axes: Axes) -> None:
    """A legend that names each kind of line once."""
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    style: Any = {"loc": "lower right", "bbox_to_anchor": (1, 1), "fontsize": 8, "ncols": 6, "frameon": False}
    axes.legend(once.values(), once.keys(), **style)
