"""The report's page: what every experiment shows, laid out for the templates."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bench.statistics import Contrast, CriticalDifference, SeedSpread
from reports import (
    cards,
    comparisons,
    coverage,
    distributions,
    drawings,
    exhibits,
    glossary,
    ledger,
    measures,
    protocols,
    provenance,
    ranks,
    seeds,
    suite,
    tables,
)
from reports.drawings import Drawings
from reports.elsewhere import Elsewhere, elsewhere
from reports.results import Results
from reports.side_by_side import side_by_side
from reports.speeds import Speed, throughput

GALLERY_BYTES = 6_000_000
ACROSS_METRICS = ("insertion", "deletion", "part_pointing")


@dataclass(frozen=True)
class Section:
    """One experiment, ready to be laid out; see the modules that make each member."""

    anchor: str
    results: Results
    rows: pd.DataFrame
    means: dict[str, dict[str, float]]
    comparable: dict[str, dict[str, float]]
    cells: dict[tuple[str, str], dict[str, Any]]
    control_wins: list[tables.ControlWin]
    speeds: list[Speed]
    peers: list[suite.PeerSpeed]
    growth: dict[str, dict[str, suite.Growth]]
    scoring: suite.ScoringCost | None
    elsewhere: list[Elsewhere]
    fidelity: list[dict[str, Any]]
    differences: dict[str, dict[str, Contrast]]
    ranks: CriticalDifference | None
    seeds: dict[str, int]
    networks: dict[str, int]
    spread: dict[tuple[str, str], SeedSpread]
    protocol_ids: dict[str, str]
    protocol_shared: dict[str, str]
    protocol_differing: list[protocols.Differing]
    drawings: Drawings
    boxless: list[str]
    settings: str
    provenance: dict[str, str]
    gallery: exhibits.Gallery = field(default_factory=exhibits.Gallery)

    @property
    def descriptions(self) -> list[str]:
        """The metrics that describe maps and never rank them."""
        return [name for name in self.results.measures if name not in self.results.ranking]

    @property
    def undefined(self) -> list[str]:
        """The metrics that were scored but apply to none of the images."""
        most = self.rows.groupby("metric")["n"].max()
        return [name for name in self.results.measures if most.get(name) == 0]

    @property
    def fewer(self) -> list[str]:
        """Who was scored on fewer images than others."""
        return coverage.fewer(self.results, self.rows, self.evaluated)

    @property
    def evaluated(self) -> int:
        """How many images were explained and scored."""
        predictions = self.results.predictions
        return 0 if predictions is None else len(predictions)


def section(number: int, results: Results, gallery_bytes: int) -> Section:
    """Compute everything the page shows of one experiment."""
    rows, minus = side_by_side([partial(tables.accuracy, results), partial(comparisons.surrogate_minus, results)])
    cells, control_wins = side_by_side([partial(_cells, results, rows), partial(tables.control_wins, results)])
    speeds, comparable = throughput(results), tables.comparable(results)
    ranked = ranks.average_ranks([(results, comparable)])
    return Section(
        anchor=f"experiment-{number}",
        results=results,
        rows=rows,
        means=tables.means(rows),
        comparable=comparable,
        cells=cells,
        control_wins=control_wins,
        speeds=speeds,
        peers=suite.peers(results),
        growth=suite.grown(results),
        scoring=suite.scoring(results),
        elsewhere=elsewhere(results),
        fidelity=tables.fidelity(results),
        differences=minus,
        ranks=ranked,
        seeds=seeds.several(results),
        networks=seeds.networks(results),
        spread=seeds.spread(results),
        protocol_ids={metric: protocols.identity(one) for metric, one in results.protocols.items()},
        protocol_shared=protocols.shared(results),
        protocol_differing=protocols.differing(results),
        drawings=drawings.draw(results, rows, speeds, ranked, minus),
        boxless=distributions.left_out(results),
        provenance=provenance.provenance(results),
        settings=yaml.safe_dump(results.settings, sort_keys=False, allow_unicode=True),
        gallery=exhibits.read(results, gallery_bytes),
    )


def templates() -> Environment:
    """Return the templates of all pages, which escape every value, and the words they share."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    words = ("title", "kind", "number", "significant", "quantity", "p_value")
    environment.globals |= {name: getattr(glossary, name) for name in words} | {"axes_of": suite.axes_of}
    environment.globals |= {"hardware": provenance.hardware, "also": provenance.also}
    return environment


def html(sections: list[Section]) -> str:
    """Return the whole page."""
    template = templates().get_template("page.html")
    return template.render(
        sections=sections,
        ledger=ledger.entries([s.results for s in sections]),
        badges=ledger.BADGES,
        tallies=[ledger.tally(s.results) for s in sections],
        across=_across(sections),
        glossary=measures.in_words({name: m for s in sections for name, m in s.results.measures.items()}),
        cards=cards.cards([s.results for s in sections]),
        revision=provenance.page_revision(),
        paper_fps=glossary.PAPER_FPS,
    )


def _cells(results: Results, rows: pd.DataFrame) -> dict[tuple[str, str], dict[str, Any]]:
    """Return what each cell of the accuracy table says."""
    marks = tables.best(results)
    return {
        (row["explainer"], row["metric"]): {**row, "mark": marks.get((row["explainer"], row["metric"]), "")}
        for row in rows.to_dict("records")
    }


def _across(sections: list[Section]) -> dict[str, Any]:
    """Return the comparison over experiments: a row per explainer, some metrics and the speed per experiment.

    Average ranks are taken over experiments only if there are two different ones.
    """
    names = glossary.display_order(list(dict.fromkeys(name for s in sections for name in s.results.explainers)))
    groups = [(s, [m for m in ACROSS_METRICS if m in s.results.ranking and m not in s.undefined]) for s in sections]
    fps = {(s.anchor, speed.explainer): speed.fps for s in sections for speed in s.speeds}
    different = [one for one in ranks.distinct([(s.results, s.comparable) for s in sections]) if one[1]]
    ranked = ranks.average_ranks(different) if len(different) > 1 else None
    return {
        "names": names,
        "groups": groups,
        "fps": fps,
        "ranks": ranked,
        "rank_figure": ranks.diagram(ranked, "all experiments") if ranked else None,
        "ranked_experiments": [results.title for results, _ in different],
    }
