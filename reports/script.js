"use strict";
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

const showMetric = (name) => all("[data-metric]").forEach((part) => { part.hidden = part.dataset.metric !== name; });
all("input[name=metric]").forEach((radio) => {
  radio.addEventListener("change", () => showMetric(radio.value));
  if (radio.checked) showMetric(radio.value);
});

const order = (row, column) => {
  const text = row.cells[column].dataset.order;
  return text === undefined || text.trim() === "" || isNaN(text) ? text : Number(text);
};
const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
all(".sort").forEach((button) => button.addEventListener("click", () => {
  const head = button.closest("th"), body = button.closest("table").tBodies[0], column = head.cellIndex;
  const up = head.getAttribute("aria-sort") === "descending" || (!head.hasAttribute("aria-sort") && column < 5);
  all("th", head.parentNode).forEach((other) => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const known = [...body.rows].filter((row) => order(row, column) !== undefined);
  const unknown = [...body.rows].filter((row) => order(row, column) === undefined);
  known.sort((a, b) => (up ? 1 : -1) * compare(order(a, column), order(b, column)));
  body.append(...known, ...unknown);
}));

const legend = all(".legend .chip");
legend.forEach((chip) => chip.addEventListener("click", () => {
  chip.setAttribute("aria-pressed", chip.getAttribute("aria-pressed") === "true" ? "false" : "true");
  document.querySelector("main").dataset.off = legend.filter((c) => c.getAttribute("aria-pressed") === "false").map((c) => c.value).join(" ");
}));

all(".picks").forEach((picks) => {
  const buttons = all("button", picks), pairs = all(".pair", picks.parentNode);
  const pick = (index) => buttons.forEach((button, at) => {
    button.setAttribute("aria-pressed", String(at === index));
    pairs[at].hidden = at !== index;
    if (at !== index) all("audio", pairs[at]).forEach((audio) => audio.pause());
  });
  buttons.forEach((button, index) => button.addEventListener("click", () => pick(index)));
  pick(0);
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
