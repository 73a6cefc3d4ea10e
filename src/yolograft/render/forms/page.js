"use strict";
const table = document.getElementById("variants");
if (table) {
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const count = document.getElementById("count");
  const words = document.getElementById("words");
  const choices = [...document.querySelectorAll("select[data-group]")];

  const sort = (heading) => {
    const headings = [...table.tHead.rows[0].cells];
    const column = headings.indexOf(heading);
    const opposite = { ascending: "descending", descending: "ascending" };
    const order = opposite[heading.getAttribute("aria-sort")] ?? heading.dataset.first;
    for (const other of headings) if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", order);
    const numeric = heading.dataset.number === "1";
    const value = (row) => row.cells[column].dataset.value;
    const compare = (a, b) => (numeric ? a - b : a.localeCompare(b, undefined, { numeric: true }));
    const sign = order === "ascending" ? 1 : -1;
    rows.sort((a, b) => {
      const [x, y] = [value(a), value(b)];
      if (x === "" || y === "") return (x === "") - (y === ""); // the unknown last, either way
      return sign * compare(x, y);
    });
    body.append(...rows);
  };

  const filter = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      const kept =
        wanted.every((word) => text.includes(word)) &&
        choices.every((choice) => choice.selectedIndex === 0 || row.dataset[choice.dataset.group] === choice.value);
      row.hidden = !kept;
      shown += kept;
    }
    count.textContent = `${shown} of ${rows.length} variants`;
  };

  table.tHead.addEventListener("click", (event) => {
    const heading = event.target.closest("th[aria-sort]");
    if (heading) sort(heading);
  });
  words.addEventListener("input", filter);
  for (const choice of choices) choice.addEventListener("input", filter);
  document.getElementById("all").addEventListener("click", () => {
    words.value = "";
    for (const choice of choices) choice.selectedIndex = 0;
    filter();
  });
  filter(); // a browser that comes back to the page fills in what was chosen before
}

// What a part of a picture says, at once and for fingers too; the browser's own hint comes late.
const tip = document.getElementById("tip");
for (const title of document.querySelectorAll(".tip > title")) {
  title.parentNode.dataset.tip = title.textContent;
  title.remove();
}
document.addEventListener("pointerover", (event) => {
  const part = event.target.closest?.("[data-tip]");
  tip.hidden = !part;
  if (!part) return;
  tip.textContent = part.dataset.tip;
  const box = part.getBoundingClientRect();
  const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
  const below = box.top < tip.offsetHeight + 12;
  const near = box.height < 40 && box.width < 80; // a curve is long: there, where the pointer is
  const x = near ? box.left + box.width / 2 : event.clientX;
  const y = near ? (below ? box.bottom : box.top) : event.clientY;
  tip.style.left = `${Math.max(8, Math.min(x - tip.offsetWidth / 2, room))}px`;
  tip.style.top = `${below ? y + 8 : y - tip.offsetHeight - 8}px`;
});
document.addEventListener("scroll", () => { tip.hidden = true; }, { passive: true, capture: true });

// A link into something folded opens it.
const unfold = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const folded = target?.closest("details");
  if (folded) folded.open = true;
  target?.scrollIntoView();
};
addEventListener("hashchange", unfold);
if (location.hash) unfold();
addEventListener("beforeprint", () => { for (const row of document.querySelectorAll("details.failure")) row.open = true; });
