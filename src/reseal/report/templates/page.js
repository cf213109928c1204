"use strict";
const search = document.getElementById("search");
const shown = document.getElementById("shown");
const groups = [...document.querySelectorAll("#changes details")];

// Search: groups without a match vanish, those with one open.
function filter() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let count = 0;
  for (const group of groups) {
    const name = group.dataset.name.toLowerCase();
    let matches = 0;
    for (const row of group.querySelectorAll("tbody tr")) {
      const text = name + " " + row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      matches += row.hidden ? 0 : 1;
    }
    group.hidden = matches === 0;
    if (words.length) group.open = matches > 0;
    count += matches;
  }
  shown.textContent = words.length ? count + " found" : "";
}
if (search) search.addEventListener("input", filter);

// Sort: a click on a heading sorts its table, another click turns it round.
const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
for (const heading of document.querySelectorAll("th")) {
  const button = heading.querySelector("button");
  if (!button) continue;
  button.addEventListener("click", () => {
    const up = heading.getAttribute("aria-sort") !== "ascending";
    for (const other of heading.parentNode.children) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", up ? "ascending" : "descending");
    const body = heading.closest("table").tBodies[0];
    const index = heading.cellIndex;
    const rows = [...body.rows];
    rows.sort((a, b) =>
      collator.compare(a.cells[index].textContent.trim(), b.cells[index].textContent.trim()));
    if (!up) rows.reverse();
    body.append(...rows);
  });
}

// Paper shows everything.
let closed = [];
addEventListener("beforeprint", () => {
  closed = [...document.querySelectorAll("details")].filter((group) => !group.open);
  for (const group of closed) group.open = true;
});
addEventListener("afterprint", () => { for (const group of closed) group.open = false; });
