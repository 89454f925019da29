/* Which codecs and conditions are shown: rows by a text, columns by check boxes; tables, heat maps and plots follow. */
(() => {
  const filter = document.getElementById("filter"), count = document.getElementById("count"), main = document.querySelector("main");
  if (!filter) return;

  const names = new Map(all(".legend .chip, button.who").map((button) => [button.dataset.look, button.querySelector("span")?.firstChild.textContent ?? button.textContent]));
  const rows = all("tr[data-look], .heat[data-look]"), legend = all(".legend .chip");
  const pressed = (button) => button.getAttribute("aria-pressed") === "true";

  const apply = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const kept = new Set([...names].filter(([, name]) => words.every((word) => name.toLowerCase().includes(word))).map(([look]) => look));
    rows.forEach((row) => { row.hidden = !kept.has(row.dataset.look); });
    legend.forEach((chip) => { chip.hidden = !kept.has(chip.dataset.look); });
    const off = [...names.keys()].filter((look) => !kept.has(look) || legend.some((chip) => chip.dataset.look === look && !pressed(chip))).join(" ");
    if (off !== (main.dataset.off ?? "")) main.dataset.off = off;
    count.textContent = words.length ? `${kept.size} of ${names.size} codecs` : `all ${names.size} codecs`;
  };
  filter.addEventListener("input", apply);
  filter.addEventListener("keydown", (event) => { if (event.key === "Escape") { filter.value = ""; apply(); } });
  legend.forEach((chip) => chip.addEventListener("click", () => {
    chip.setAttribute("aria-pressed", String(!pressed(chip)));
    apply();
  }));
  apply();

  const boxes = all("input[name=column]"), hiding = document.getElementById("hiding");
  let columns; // found when they are first asked for, as there may be thousands of cells
  const found = () => all("th[data-column]").map((head) => ({ identity: head.dataset.column, cells: [head, ...all("tbody tr", head.closest("table")).map((row) => row.cells[head.cellIndex])] }));
  const show = () => {
    const shown = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    columns ??= found();
    columns.forEach(({ identity, cells }) => cells.forEach((cell) => { cell.hidden = !shown.has(identity); }));
    all("th[data-columns]").forEach((head) => {
      const under = head.dataset.columns.split(" ").filter((identity) => shown.has(identity)).length;
      head.hidden = !under;
      head.colSpan = Math.max(under, 1);
    });
    hiding.textContent = shown.size < boxes.length ? `: ${shown.size} of ${boxes.length}` : "";
  };
  const every = (checked) => () => { boxes.forEach((box) => { box.checked = checked; }); show(); };
  boxes.forEach((box) => box.addEventListener("change", show));
  document.getElementById("every")?.addEventListener("click", every(true));
  document.getElementById("none")?.addEventListener("click", every(false));
})();
