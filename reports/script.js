"use strict";
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

const showMetric = (name) => all("[data-metric]").forEach((part) => { part.hidden = part.dataset.metric !== name; });
all("input[name=metric]").forEach((radio) => {
  radio.addEventListener("change", () => showMetric(radio.value));
  if (radio.checked) showMetric(radio.value);
});

all(".choose input").forEach((radio) => {
  const show = () => all("[data-choice]", radio.closest("section")).forEach((part) => { part.hidden = part.dataset.choice !== radio.value; });
  radio.addEventListener("change", show);
  if (radio.checked) show();
});

document.documentElement.classList.remove("loading"); // until now, style.css kept back what would only be laid out to be hidden

const order = (row, column) => {
  const text = row.cells[column].dataset.order;
  return text === undefined || text.trim() === "" || isNaN(text) ? text : Number(text);
};
const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
all(".sort").forEach((button) => button.addEventListener("click", () => {
  const head = button.closest("th"), body = [...button.closest("table").tBodies].pop(), column = head.cellIndex;
  const up = head.getAttribute("aria-sort") === "descending" || (!head.hasAttribute("aria-sort") && column < 5);
  all("th", head.parentNode).forEach((other) => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const known = [...body.rows].filter((row) => order(row, column) !== undefined);
  const unknown = [...body.rows].filter((row) => order(row, column) === undefined);
  known.sort((a, b) => (up ? 1 : -1) * compare(order(a, column), order(b, column)));
  body.append(...known, ...unknown);
}));

const NUMBERED = 16;
all(".confusion").forEach((task) => {
  const counts = JSON.parse(task.dataset.counts), names = JSON.parse(task.dataset.names);
  all(".matrix", task).forEach((panel) => {
    const [codec, condition] = all("select", panel), rows = all("tbody tr", panel).map((row) => all("td", row));
    const draw = () => {
      const [asked, ...flat] = counts[`${codec.value} ${condition.value}`] ?? [0], totals = names.map(() => 0);
      let right = 0, there = 0;
      for (let i = 0; i < flat.length; i += 3) {
        totals[flat[i]] += flat[i + 2];
        there += flat[i + 2];
        right += flat[i] === flat[i + 1] ? flat[i + 2] : 0;
      }
      rows.flat().forEach((cell) => { cell.textContent = ""; cell.removeAttribute("title"); cell.style.removeProperty("--share"); });
      for (let i = 0; i < flat.length; i += 3) {
        const [truth, found, count] = flat.slice(i, i + 3), cell = rows[truth][found], share = count / totals[truth];
        cell.textContent = names.length <= NUMBERED ? Math.floor(100 * share + 0.5) : "";
        cell.title = `${names[truth]} → ${names[found]}: ${count} of ${totals[truth]}`;
        cell.style.setProperty("--share", share.toFixed(3));
      }
      const missing = asked > there ? `; ${asked - there} without an answer` : "", many = (n) => n.toLocaleString("en");
      panel.querySelector(".said").textContent = there ? `${(Math.floor(1000 * right / there + 0.5) / 10).toFixed(1)} % right, ${many(right)} of ${many(there)}${missing}` : "nothing was answered here";
    };
    [codec, condition].forEach((select) => select.addEventListener("change", draw));
  });
});

all("audio[data-same]").forEach((audio) => { audio.src = document.getElementById(audio.dataset.same).src; });
all("audio").forEach((audio) => {
  const head = audio.parentNode.querySelector(".head");
  audio.addEventListener("play", () => all("audio").forEach((other) => { if (other !== audio) other.pause(); }));
  audio.addEventListener("timeupdate", () => {
    head.hidden = false;
    head.style.left = 100 * audio.currentTime / audio.duration + "%";
  });
});
