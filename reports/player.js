// The players of the section "Listen": one per utterance, for the reference and all that codecs made of it.
const SEEK = 1, FINE = 0.1; // seconds that an arrow key moves; with Shift

const deck = (talk) => {
  const panel = talk.querySelector(".deck"), find = (name) => panel.querySelector(name);
  const buttons = all(".source", panel), pairs = all(".pair", talk), slider = find(".seek");
  const players = buttons.map((button) => document.getElementById(button.dataset.clip));
  const holder = (audio) => audio.dataset.same ? document.getElementById(audio.dataset.same) : audio;
  const sounds = players.map((audio) => ({
    gain: Number(audio.dataset.gain),
    data: () => holder(audio).getAttribute("src").split(",", 2)[1],
  }));
  const figures = players.map((audio) => audio.closest("figure"));
  const lengths = figures.map((figure) => Number(figure.dataset.seconds));
  slider.max = Math.max(...lengths);

  const place = () => {
    const now = playback.position;
    slider.value = now;
    slider.setAttribute("aria-valuetext", `${clock(now)} of ${clock(lengths[playback.active])} seconds`);
    find(".time").textContent = `${clock(now)} / ${clock(lengths[playback.active])} s`;
    figures.forEach((figure, index) => {
      const head = figure.querySelector(".head");
      if (!head) return;
      head.hidden = false;
      head.style.left = `${100 * Math.min(now / lengths[index], 1)}%`;
    });
  };
  const frame = () => { place(); if (playback.playing) requestAnimationFrame(frame); };
  const told = () => {
    const { active, playing, matched } = playback, chosen = buttons[active];
    find(".play").textContent = playing ? "Pause" : "Play";
    buttons.forEach((button, index) => button.setAttribute("aria-pressed", String(index === active)));
    figures.forEach((figure, index) => figure.classList.toggle("on", index === active));
    pairs.forEach((pair, index) => { pair.hidden = index !== Number(chosen.dataset.example); });
    find(".loop").setAttribute("aria-pressed", String(playback.loop));
    find(".matched").setAttribute("aria-pressed", String(matched));
    const said = `${chosen.dataset.name}, ${matched ? `loudness matched by ${signed(sounds[active].gain)}` : "loudness as decoded"}`;
    const status = find(".status"); // a reader hears what changed, not every change of state
    if (status.textContent !== said) status.textContent = said;
    frame();
  };
  const playback = new Playback(sounds, told);
  const failed = () => {
    talk.classList.remove("decked");
    panel.hidden = true; // the browser's own players remain
  };
  const toggle = () => Promise.resolve(playback.toggle()).catch(failed);
  const differ = () => find(".differing").setAttribute("aria-pressed", String(talk.classList.toggle("differs")));
  const turn = () => { playback.loop = !playback.loop; told(); };
  const step = (by) => playback.choose((playback.active + by + buttons.length) % buttons.length);
  const keys = {
    arrowup: () => step(-1), arrowdown: () => step(1),
    k: toggle, l: turn, d: differ, m: () => playback.match(!playback.matched), b: () => playback.back(), home: () => playback.seek(0),
    arrowleft: (event) => playback.seek(playback.position - (event.shiftKey ? FINE : SEEK)),
    arrowright: (event) => playback.seek(Math.min(playback.position + (event.shiftKey ? FINE : SEEK), lengths[playback.active])),
  };
  panel.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const key = event.key.toLowerCase(), digit = Number(key);
    const act = key === " " && event.target.tagName !== "BUTTON" ? toggle
      : digit >= 1 && digit <= buttons.length ? () => playback.choose(digit - 1) : keys[key];
    if (!act) return;
    event.preventDefault();
    act(event);
  });
  buttons.forEach((button, index) => button.addEventListener("click", (event) => {
    playback.choose(index);
    if (event.detail) panel.focus(); // after a click of the mouse the space bar plays; on a focused button it presses that
  }));
  find(".play").addEventListener("click", toggle);
  find(".loop").addEventListener("click", turn);
  find(".matched").addEventListener("click", keys.m);
  find(".differing").addEventListener("click", differ);
  slider.addEventListener("input", () => playback.seek(Number(slider.value)));
  figures.forEach((figure, index) => figure.querySelector(".sound")?.addEventListener("click", (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    playback.choose(index);
    playback.seek(lengths[index] * (event.clientX - box.left) / box.width);
    panel.focus();
  }));
  talk.classList.add("decked");
  panel.hidden = false;
  told();
};
if (window.AudioContext) all(".talk:has(.deck)").forEach(deck);
