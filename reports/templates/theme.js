"use strict";
document.documentElement.classList.add("js");
const THEME = "theme";
function stored() {
  try { return localStorage.getItem(THEME) || "auto"; } catch { return "auto"; } // a page may be denied storage
}
function useTheme(name) {
  if (name === "light" || name === "dark") document.documentElement.dataset.theme = name;
  else delete document.documentElement.dataset.theme;
}
useTheme(stored());
document.addEventListener("DOMContentLoaded", () => {
  for (const radio of document.querySelectorAll('input[name="theme"]')) {
    radio.checked = radio.value === (document.documentElement.dataset.theme || "auto");
    radio.addEventListener("change", () => {
      useTheme(radio.value);
      try { localStorage.setItem(THEME, radio.value); } catch { /* it holds for this visit */ }
    });
  }
});
