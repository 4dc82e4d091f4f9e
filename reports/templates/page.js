function makeSortable(table) {
  const heads = [...table.tHead.rows];
  const columns = heads.length > 1 ? [heads[0].cells[0], ...heads[1].cells] : [...heads[0].cells];
  columns.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(table, columns, column));
  });
}
function sort(table, columns, column) {
  const head = columns[column];
  const falling = head.getAttribute("aria-sort") !== "descending";
  columns.forEach((other) => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", falling ? "descending" : "ascending");
  const value = (row) => {
    const cell = row.cells[column];
    if (!cell || cell.dataset.sort === undefined) return cell ? cell.textContent.trim().toLowerCase() : "";
    return cell.dataset.sort === "" ? null : Number(cell.dataset.sort);
  };
  const compare = (a, b) => {
    const [x, y] = [value(a), value(b)];
    if (x === null || y === null) return (x === null) - (y === null);
    return (x < y ? -1 : x > y ? 1 : 0) * (falling ? -1 : 1);
  };
  table.tBodies[0].append(...[...table.tBodies[0].rows].sort(compare));
}
document.addEventListener("DOMContentLoaded", () => document.querySelectorAll("table.sortable").forEach(makeSortable));
window.addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("details")) details.open = true;
});
