// Sorting of tables, within each of their parts.
for (const table of document.querySelectorAll("table.sortable")) {
  const headings = [...table.tHead.rows[0].cells];
  if (![...table.tBodies].some((body) => body.querySelectorAll("tr:not(.part)").length > 1)) continue;
  headings.forEach((heading, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    button.title = "sort";
    heading.replaceChildren(button);
    button.addEventListener("click", () => {
      const descending = heading.getAttribute("aria-sort") === "ascending";
      headings.forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
      for (const body of table.tBodies) {
        const lines = [...body.querySelectorAll("tr:not(.part)")];
        lines.sort((a, b) => compare(a.cells[column], b.cells[column], descending));
        body.append(...lines);
      }
    });
  });
}

// Numbers before words; what is missing stands last in either order.
function compare(a, b, descending) {
  const [x, y] = [a, b].map((cell) => cell.dataset.value ?? cell.textContent.replace(/[,\s]/g, (c) => (c === "," ? "" : " ")).trim());
  const missing = [x, y].map((text) => text === "" || text === "–");
  if (missing[0] || missing[1]) return missing[0] - missing[1];
  const [m, n] = [x, y].map(Number.parseFloat);
  const order = Number.isNaN(m) || Number.isNaN(n) ? x.localeCompare(y) : m - n;
  return descending ? -order : order;
}

// Which of several pictures is shown.
for (const select of document.querySelectorAll("select.chooser")) {
  const parts = [...select.closest(".chosen").querySelectorAll(":scope > div")];
  const show = () => parts.forEach((part, k) => (part.hidden = k !== select.selectedIndex));
  select.addEventListener("change", show);
  show();
}

// The contents show where the reader is.
const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    for (const link of links.values()) link.removeAttribute("aria-current");
    links.get(entry.target.id)?.setAttribute("aria-current", "true");
  }
}, { rootMargin: "0px 0px -75% 0px" });
for (const id of links.keys()) {
  const target = document.getElementById(id);
  if (target) seen.observe(target);
}
