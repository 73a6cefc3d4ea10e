"""Main effects as points with intervals."""

from matplotlib.ticker import FuncFormatter, MaxNLocator

from yolograft.analysis.comparison import Comparison
from yolograft.common.figures import QUIET, SERIES, Picture, new_figure, shortened
from yolograft.render.columns import effect_cells


def draw(comparison: Comparison) -> Picture | None:
    """Draw the main effects, group under group; None where nothing was estimated."""
    effects, metric = comparison.effects.main, comparison.metric
    if not effects:
        return None
    figure = new_figure(0.9 + 0.23 * (len(effects) + len({effect.groups for effect in effects})))
    axes = figure.add_subplot()
    tips, names, place = {}, [], 0
    for number, effect in enumerate(effects):
        if number == 0 or effect.groups != effects[number - 1].groups:
            names.append((place, effect.groups[0], True))
            place += 1
        known = effect.low is not None and effect.high is not None
        if effect.low is not None and effect.high is not None:
            axes.plot(
                [effect.low, effect.high], [place, place], color=SERIES[0], lw=1.6, solid_capstyle="butt", zorder=2
            )
        axes.plot(
            effect.value, place, marker="o", ms=6, color=SERIES[0], ls="", zorder=3,
            gid=f"effect{number}",
        )  # fmt: skip
        choice, value, interval, runs = effect_cells(effect)
        tips[f"effect{number}"] = f"{choice}: {value} {metric} {f'{interval}, ' if known else ''}{runs} runs"
        names.append((place, effect.levels[0] or "-", False))
        place += 1
    axes.axvline(0, color=QUIET, lw=1, zorder=1)
    axes.set_yticks([at for at, _, _ in names], [shortened(name) for _, name, _ in names])
    for label, (_, _, heading) in zip(axes.get_yticklabels(), names, strict=True):
        label.set_fontweight("bold" if heading else "normal")
    axes.set_ylim(place - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(7))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g}" if value else "0"))
    axes.margins(x=0.08)
    axes.set_xlabel(f"{metric} against the mean over the group's choices")
    text = "How far the metric with this choice lies from its mean over all choices of the group, all else equal."
    if any(effect.low is not None for effect in effects):
        text += " Lines: 95 % intervals; where one crosses 0, the effect is not significant."
    else:
        text += " Without intervals: with one run of each variant the scatter is unknown."
    return Picture("effects", "Main effects of the choices", text, figure, tips)
