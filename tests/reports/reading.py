"""Reads a report as a visitor does: its text, its tags, its tables."""

from html.parser import HTMLParser

from reports import render
from reports.results import read_all
from tests.reports import result_tree

VOID = {"meta", "img", "br", "link", "input", "hr"}
HOSTILE = ("<script>alert(1)</script>", "\"quoted' & $x^2$ </style> čáp 鳥", "ä" * 300)


class Page(HTMLParser):
    """Collects text and tags, and fails on a tag that is not closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"script", "style"} & set(self.open):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def region(html: str, name: str) -> str:
    """Return the first scrolling table whose label begins with `name`."""
    start = html.index(f'aria-label="{name}')
    return html[html.rindex("<div", 0, start) : html.index("</table>", start)] + "</table></div>"


def rendered(root, params) -> str:
    render.render(read_all(params, root, root / "reference"), root / "report")
    return (root / "report/index.html").read_text(encoding="utf-8")


def small(root, names=("surrogate", "grad_cam"), **options) -> tuple:
    explainers = {name: {} for name in names}
    params = result_tree.write_params(root, ["parts"], explainers=explainers)
    options = {"metrics": ("insertion", "telling_energy")} | options
    result_tree.write_results(root / "results/parts", explainers=explainers, **options)
    return root / "results/parts", params
