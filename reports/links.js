/* One codec in all plots and tables: lit while a pointer or the focus is on its name or mark, and kept by a press. */
(() => {
  const main = document.querySelector("main"), buttons = all("button.who");
  let kept = "";
  const light = (look) => {
    if (look === (main.dataset.lit ?? "")) return;
    if (look) main.dataset.lit = look;
    else delete main.dataset.lit;
    all("tr[data-look]").forEach((row) => row.classList.toggle("lit", row.dataset.look === look));
  };
  const look = (target) => {
    const named = target.closest?.("[data-look]");
    if (named) return named.dataset.look;
    const drawn = target.closest?.(".plots svg [class]");
    return drawn ? drawn.getAttribute("class") : "";
  };
  ["pointerover", "focusin"].forEach((kind) => main.addEventListener(kind, (event) => light(look(event.target) || kept)));
  ["pointerleave", "focusout"].forEach((kind) => main.addEventListener(kind, () => light(kept)));
  buttons.forEach((button) => button.addEventListener("click", () => {
    kept = kept === button.dataset.look ? "" : button.dataset.look;
    buttons.forEach((other) => other.setAttribute("aria-pressed", String(other.dataset.look === kept)));
    light(kept);
  }));
  main.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !kept) return;
    kept = "";
    buttons.forEach((other) => other.setAttribute("aria-pressed", "false"));
    light("");
  });
})();
