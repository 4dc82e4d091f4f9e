"""How results are shown: tables, figures, the gallery and the page."""
