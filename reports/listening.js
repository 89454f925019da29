// The listening test: who, a trial for practice, the trials in an order of their own for each listener, a file at the end.
const WORDS = ["Bad", "Poor", "Fair", "Good", "Excellent"];
const test = JSON.parse(document.getElementById("test").textContent), rates = test.kind === "mushra";
const shelf = `focalbench-listening-${test.page}`;
const step = (name) => document.getElementById(name);
const make = (tag, properties = {}, ...children) => {
  const { data = {}, aria = {}, ...plain } = properties, made = Object.assign(document.createElement(tag), plain);
  Object.assign(made.dataset, data);
  Object.entries(aria).forEach(([name, value]) => made.setAttribute(`aria-${name}`, value));
  made.append(...children);
  return made;
};

// state: { listener, order: [trial numbers], at: -1 for practice, answers: { trial: [[item, rating, time]] }, toss: { trial: ... } }
let state = null;
const kept = () => { try { return JSON.parse(localStorage.getItem(shelf)) ?? {}; } catch { return {}; } }; // by listener
const keep = () => { try { localStorage.setItem(shelf, JSON.stringify({ ...kept(), [state.listener]: state })); } catch { step("trial").querySelector(".volatile").hidden = false; } };

// The same listener gets the same order again; nobody gets that of the file.
const random = (text) => {
  let hash = [...text].reduce((sum, letter) => Math.imul(sum ^ letter.codePointAt(0), 16777619), 2166136261);
  return () => { // mulberry32 by Tommy Ettinger, public domain
    hash = (hash + 0x6d2b79f5) | 0;
    let mixed = Math.imul(hash ^ (hash >>> 15), 1 | hash);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
};
const shuffled = (list, draw) => {
  const mixed = [...list];
  for (let last = mixed.length - 1; last > 0; last -= 1) {
    const other = Math.floor(draw() * (last + 1));
    [mixed[last], mixed[other]] = [mixed[other], mixed[last]];
  }
  return mixed;
};
const coin = () => crypto.getRandomValues(new Uint8Array(1))[0] & 1; // X can be foretold by nobody

const show = (name) => {
  all(".step").forEach((part) => { part.hidden = part.id !== name; });
  step(name).querySelector("h1").focus();
  window.scrollTo(0, 0);
};

// --- A trial ---

let playback = null, checks = () => [];

// What is to be heard: label, key and sound.
const offered = (trial) => {
  if (rates) {
    const items = shuffled(trial.items, random(`${state.listener} ${trial.id} ${state.at < 0}`));
    return [{ label: "Reference", key: "r", sound: trial.open },
      ...items.map((item, index) => ({ label: String.fromCharCode(65 + index), key: String(index + 1), sound: item, item }))];
  }
  const toss = state.toss[`${state.at < 0 ? "practice" : trial.id}`] ??= { swap: coin(), x: coin() };
  const pair = Object.keys(trial.sounds).sort();
  if (toss.swap) pair.reverse();
  return [["A", pair[0]], ["B", pair[1]], ["X", pair[toss.x]]].map(([label, sound]) => ({ label, key: label.toLowerCase(), sound }));
};

const listen = (trial, sounds, buttons) => {
  const heard = new Set(), panel = step("trial").querySelector(".deck"), find = (name) => panel.querySelector(name);
  const frame = () => {
    const now = playback.position % trial.seconds;
    find(".seek").value = now;
    find(".seek").setAttribute("aria-valuetext", `${clock(now)} of ${clock(trial.seconds)} seconds`);
    find(".time").textContent = `${clock(now)} / ${clock(trial.seconds)} s`;
    if (playback.playing) requestAnimationFrame(frame);
  };
  const told = () => {
    if (playback.playing) heard.add(playback.active);
    find(".play").textContent = playback.playing ? "Pause" : "Play";
    find(".loop").setAttribute("aria-pressed", String(playback.loop));
    buttons.forEach((button, index) => {
      button.setAttribute("aria-pressed", String(index === playback.active && playback.playing));
      button.classList.toggle("heard", heard.has(index));
    });
    frame();
  };
  playback?.leave();
  playback = new Playback(sounds.map(({ sound }) => ({ gain: 0, data: () => trial.sounds[sound] })), told);
  playback.loop = true;
  find(".seek").max = trial.seconds;
  told();
  return () => sounds.filter((_, index) => !heard.has(index)).map(({ label }) => label);
};

const start = (index) => {
  playback.choose(index);
  if (!playback.playing) playback.play();
};

const rows = (sounds, buttons) => {
  const scale = make("div", { className: "words", aria: { hidden: "true" } }, make("div", {}, ...WORDS.map((word) => make("span", { textContent: word }))));
  const sliders = sounds.slice(1).map(({ label, item }, index) => {
    const value = make("output", { textContent: "not rated yet" });
    const slider = make("input", { type: "range", min: 0, max: 100, step: 1, value: 0, data: { item }, aria: { label: `Rating of ${label}`, valuetext: "not rated yet" } });
    const rated = () => {
      slider.dataset.rated = new Date().toISOString();
      const word = WORDS[Math.min(4, Math.floor(slider.value / 20))];
      value.textContent = `${slider.value} ${word}`;
      slider.setAttribute("aria-valuetext", `${slider.value}, ${word}`);
    };
    ["input", "click"].forEach((what) => slider.addEventListener(what, rated)); // a click on 0 rates it 0
    return make("div", { className: "sound-row" }, buttons[index + 1], slider, value);
  });
  step("sounds").replaceChildren(make("div", { className: "reference-row" }, buttons[0]), scale, ...sliders);
  const left = () => all("input", step("sounds")).flatMap((slider, index) => slider.dataset.rated ? [] : [sounds[index + 1].label]);
  const answers = () => all("input", step("sounds")).map((slider) => [slider.dataset.item, Number(slider.value), slider.dataset.rated]);
  return { left, answers };
};

const choice = (trial, sounds, buttons) => {
  const options = ["A", "B"].map((label) => make("label", {}, make("input", { type: "radio", name: "x", value: label }), `X is ${label}`));
  const field = make("fieldset", { className: "answers" }, make("legend", { textContent: "Which one is X?" }), ...options);
  step("sounds").replaceChildren(make("div", { className: "offered reference-row" }, ...buttons), field);
  const given = () => step("sounds").querySelector("input:checked");
  const truth = sounds[2].sound === sounds[0].sound ? "A" : "B";
  return {
    left: () => given() ? [] : ["X"],
    answers: () => [[trial.items[0], Number(given().value === truth), new Date().toISOString()]],
  };
};

const enter = () => {
  keep();
  if (state.at >= state.order.length) return finish();
  const practice = state.at < 0, trial = test.trials[practice ? 0 : state.order[state.at]], sounds = offered(trial);
  step("title").textContent = practice ? "Practice: this does not count" : `Trial ${state.at + 1} of ${state.order.length}`;
  const buttons = sounds.map(({ label, key }, index) => {
    const button = make("button", { type: "button", className: "chip", aria: { pressed: "false", label: label.length > 1 ? label : `Sound ${label}` } }, label);
    if (key.length === 1) button.setAttribute("aria-keyshortcuts", key.toUpperCase());
    button.addEventListener("click", () => start(index));
    return button;
  });
  const form = rates ? rows(sounds, buttons) : choice(trial, sounds, buttons), unheard = listen(trial, sounds, buttons);
  const keys = Object.fromEntries(sounds.map(({ key }, index) => [key, () => start(index)]));
  step("trial").onkeydown = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const key = event.key.toLowerCase(), rating = event.target.matches("#sounds input");
    const act = key === " " ? (event.target.matches("button, [type=radio]") ? null : () => playback.toggle())
      : { k: () => playback.toggle(), l: loop, home: rating ? null : () => playback.seek(0), ...keys }[key];
    if (!act) return;
    event.preventDefault();
    act();
  };
  checks = () => [["play", unheard()], [rates ? "rate" : "answer", form.left()]].filter(([, labels]) => labels.length);
  step("next").onclick = () => {
    const missing = checks();
    step("trial").querySelector(".status").textContent = missing.length ? `Still to ${missing.map(([what, labels]) => `${what}: ${labels.join(", ")}`).join("; to ")}.` : "";
    if (missing.length) return;
    if (!practice) state.answers[trial.id] = form.answers();
    state.at += 1;
    enter();
  };
  step("trial").querySelector(".status").textContent = "";
  show("trial");
};
const loop = () => { playback.loop = !playback.loop; playback.changed(); };

// --- Before and after ---

const quoted = (value) => `"${String(value).replaceAll('"', '""')}"`;
const finish = () => {
  playback?.leave();
  const given = Object.entries(state.answers).flatMap(([trial, lines]) => lines.map(([item, rating, time]) => [state.listener, test.page, trial, item, rating, time]));
  const lines = [["listener", "page", "trial", "item", "rating", "time"].join(","), ...given.map((line) => line.map(quoted).join(","))];
  const right = given.filter((line) => line[4] === 1).length;
  step("score").textContent = rates ? "" : `You were right in ${right} of ${given.length} trials.`;
  step("save").href = `data:text/csv;charset=utf-8,${encodeURIComponent(`${lines.join("\r\n")}\r\n`)}`;
  step("save").download = `listening-${test.page}-${state.listener.replace(/[^\p{L}\p{N}]+/gu, "_")}.csv`;
  show("end");
};

const before = Object.keys(kept());
if (before.length) {
  step("before").hidden = false;
  step("before").querySelector("b").textContent = before.join(", ");
  step("listener").value = before.at(-1);
}
step("who").addEventListener("submit", (event) => {
  event.preventDefault();
  const listener = step("listener").value.trim().replace(/^[=+@-]+/, ""); // spreadsheets take what begins so for a formula
  if (!listener) return;
  const order = shuffled(test.trials.keys(), random(`${listener} ${test.page}`));
  state = Object.hasOwn(kept(), listener) ? kept()[listener] : { listener, order, at: -1, answers: {}, toss: {} };
  enter();
});
step("trial").querySelector(".play").addEventListener("click", () => playback.toggle());
step("trial").querySelector(".loop").addEventListener("click", loop);
step("trial").querySelector(".seek").addEventListener("input", (event) => playback.seek(Number(event.target.value)));
show("intro");
