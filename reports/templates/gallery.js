// The gallery's controls: how strong maps are, which methods are shown, whether parts are.
function controlGallery(gallery) {
  const slider = gallery.querySelector(".opacity");
  const shown = gallery.querySelector("output");
  slider.addEventListener("input", () => {
    gallery.style.setProperty("--opacity", slider.value / 100);
    shown.value = `${slider.value} %`;
  });
  const parts = [...gallery.querySelectorAll(".parts-of-image, .parts-of-maps")];
  const boxes = [...gallery.querySelectorAll(".method")];
  const refresh = () => {
    for (const box of parts) gallery.classList.toggle(box.className, box.checked);
    const kept = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    for (const part of gallery.querySelectorAll("[data-method]")) {
      part.classList.toggle("away", !kept.has(part.dataset.method));
    }
  };
  for (const box of [...parts, ...boxes]) box.addEventListener("change", refresh);
  gallery.querySelector(".controls").addEventListener("reset", () => setTimeout(() => {
    slider.dispatchEvent(new Event("input"));
    refresh();
  }));
  gallery.querySelector(".controls").reset();
}
document.addEventListener("DOMContentLoaded", () => document.querySelectorAll(".gallery").forEach(controlGallery));
