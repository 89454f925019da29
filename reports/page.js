"use strict";
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

const showMetric = (name) => all("[data-metric]").forEach((part) => { part.hidden = part.dataset.metric !== name; });
all("input[name=metric]").forEach((radio) => {
  radio.addEventListener("change", () => showMetric(radio.value));
  if (radio.checked) showMetric(radio.value);
});

const legend = all(".legend .chip");
legend.forEach((chip) => chip.addEventListener("click", () => {
  chip.setAttribute("aria-pressed", String(chip.getAttribute("aria-pressed") !== "true"));
  document.querySelector("main").dataset.off = legend.filter((c) => c.getAttribute("aria-pressed") === "false").map((c) => c.value).join(" ");
}));

all(".filters").forEach((form) => {
  const rows = all("tbody tr", form.parentNode), [changed] = all("[name=changed]", form), [text] = all("[name=text]", form), [count] = all("output", form);
  const filter = () => {
    const wanted = text.value.trim().toLowerCase();
    rows.forEach((row) => { row.hidden = (changed.checked && !row.hasAttribute("data-changed")) || !row.textContent.toLowerCase().includes(wanted); });
    count.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows`;
  };
  [changed, text].forEach((input) => input.addEventListener("input", filter));
  filter();
});
