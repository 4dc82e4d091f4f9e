// One experiment at a time: #experiment=<key>, and &at=<id> once a link within the page was followed.
const EVERY = "*";
function decoded(hash) {
  try { return decodeURIComponent(hash); } catch { return ""; } // a page may be called with anything
}
function chooseExperiments() {
  const radios = [...document.querySelectorAll('input[name="experiment"]')];
  if (!radios.length) return;
  const chosen = () => radios.find((radio) => radio.checked) || radios[0];
  const remember = (at) => {
    const hash = `#experiment=${encodeURIComponent(chosen().value)}${at ? `&at=${encodeURIComponent(at)}` : ""}`;
    history.replaceState(null, "", hash);
  };
  const show = (key) => {
    (radios.find((radio) => radio.value === key) || chosen()).checked = true;
    const every = chosen().value === EVERY;
    document.documentElement.classList.toggle("every", every);
    for (const part of document.querySelectorAll("[data-experiment]")) {
      const own = part.dataset.experiment === chosen().value;
      part.classList.toggle("away", !every && !own);
      part.classList.toggle("chosen", !every && own);
    }
  };
  const follow = () => {
    const words = new URLSearchParams(location.hash.slice(1));
    const known = words.has("experiment");
    const at = known ? words.get("at") : decoded(location.hash.slice(1));
    const target = at ? document.getElementById(at) : null;
    const section = target && target.closest("section[data-experiment]");
    show(section && chosen().value !== EVERY ? section.dataset.experiment : words.get("experiment"));
    if (!target) return;
    for (const verdict of target.querySelectorAll(".verdict")) {
      if ([EVERY, verdict.dataset.of].includes(chosen().value)) verdict.querySelector("details").open = true;
    }
    remember(at);
    target.scrollIntoView();
  };
  for (const radio of radios) radio.addEventListener("change", () => { show(radio.value); remember(); });
  window.addEventListener("hashchange", follow);
  follow();
}
document.addEventListener("DOMContentLoaded", chooseExperiments);
