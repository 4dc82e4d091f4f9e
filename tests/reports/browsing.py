"""What the browser tests ask of a page."""

# WCAG's ratio of an element's colour to the first background behind it that is not transparent.
CONTRAST = """(element) => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  let behind = element;
  while (parts(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
  const light = (colour) => parts(colour).slice(0, 3).map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const both = [getComputedStyle(element).color, getComputedStyle(behind).backgroundColor].map(light);
  return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
}"""

# Texts of one figure that lie on each other, as "figure: text / text".
COLLISIONS = """() => [...document.querySelectorAll("figure svg[aria-label]")].flatMap((svg) => {
  const texts = [...svg.querySelectorAll("text")].map((text) => [text.textContent, text.getBoundingClientRect()]);
  const over = ([, a], [, b]) =>
    Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1.5 &&
    Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3;
  return texts.flatMap((one, i) => texts.slice(0, i).filter((other) => over(one, other))
    .map((other) => `${svg.getAttribute("aria-label")}: ${one[0]} / ${other[0]}`));
})"""

EXPAND = "for (const details of document.querySelectorAll('details')) details.open = true"


def shown_experiments(page) -> list[str]:
    """Return the keys of the experiments whose sections can be seen."""
    sections = page.locator("section.experiment").all()
    return [one.get_attribute("data-experiment") for one in sections if one.is_visible()]
