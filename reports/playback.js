// One of several sounds of the same speech, switched at the same moment: Web Audio, one crossfade, one clock.
const CROSSFADE = 0.01, AHEAD = 0.03; // seconds; what is asked now is heard AHEAD later, when a busy machine has it ready

class Playback {
  static context = null;
  static current = null;

  // sounds: [{ data() -> base64 of a file, gain in dB }]; changed() is called after every change but that of the position.
  constructor(sounds, changed) {
    Object.assign(this, { sounds, changed, active: 0, previous: 0, playing: false, loop: false, matched: true });
    Object.assign(this, { buffers: new Map(), held: 0, origin: 0, voice: null, turn: 0 });
  }

  get position() {
    return this.playing ? Math.max(0, Playback.context.currentTime - this.origin) : this.held;
  }

  async play() {
    Playback.context ??= new AudioContext();
    if (Playback.current !== this) Playback.current?.leave();
    Playback.current = this;
    const turn = ++this.turn, buffer = await this.buffer(this.active);
    await Playback.context.resume();
    if (turn !== this.turn) return;
    if (this.held >= buffer.duration) this.held = 0;
    this.start(buffer, this.held);
    this.playing = true;
    this.changed();
    for (let other = 0; other < this.sounds.length; other += 1) if (Playback.current === this) await this.buffer(other);
  }

  pause() {
    this.turn += 1;
    this.held = this.position;
    this.playing = false;
    if (this.voice) this.fade(Playback.context.currentTime + AHEAD);
    this.changed();
  }

  toggle() {
    return this.playing ? this.pause() : this.play();
  }

  // The position stays: what was heard until now goes on until the other sound is there.
  async choose(index) {
    if (index === this.active || !this.sounds[index]) return;
    [this.previous, this.active] = [this.active, index];
    await this.swap();
  }

  back() {
    return this.choose(this.previous);
  }

  async swap() {
    this.changed();
    if (!this.playing) return;
    const turn = ++this.turn, buffer = await this.buffer(this.active);
    if (turn === this.turn) this.start(buffer);
  }

  async seek(seconds) {
    this.held = Math.max(0, seconds);
    if (this.playing) {
      const turn = ++this.turn, buffer = await this.buffer(this.active);
      if (turn === this.turn) this.start(buffer, Math.min(this.held, buffer.duration));
    }
    this.changed();
  }

  match(matched) {
    this.matched = matched;
    return this.swap();
  }

  leave() {
    if (this.playing) this.pause();
    this.buffers.clear(); // decoded sound takes ten times the room of what is in the page
  }

  factor() {
    return this.matched ? 10 ** (this.sounds[this.active].gain / 20) : 1;
  }

  buffer(index) {
    if (!this.buffers.has(index)) {
      const bytes = Uint8Array.from(atob(this.sounds[index].data()), (letter) => letter.charCodeAt(0));
      this.buffers.set(index, Playback.context.decodeAudioData(bytes.buffer));
    }
    return this.buffers.get(index);
  }

  start(buffer, from = null) {
    const context = Playback.context, at = context.currentTime + AHEAD, factor = this.factor();
    const node = new AudioBufferSourceNode(context, { buffer }), level = new GainNode(context, { gain: 0 });
    if (from !== null) this.origin = at - from;
    level.gain.setValueAtTime(0, at).linearRampToValueAtTime(factor, at + CROSSFADE);
    node.connect(level).connect(context.destination);
    node.start(at, at - this.origin);
    this.fade(at);
    this.voice = { node, level, at, factor };
    node.onended = () => { if (this.voice?.node === node) this.finish(); };
  }

  fade(at) {
    if (!this.voice) return;
    const { node, level, at: began, factor } = this.voice, reached = Math.min(Math.max((at - began) / CROSSFADE, 0), 1);
    this.voice = null; // it may be on its way to `factor` still, or not yet there at all
    level.gain.cancelScheduledValues(at).linearRampToValueAtTime(reached * factor, at).linearRampToValueAtTime(0, at + CROSSFADE);
    node.stop(at + CROSSFADE);
  }

  async finish() {
    this.voice = null;
    if (this.loop) {
      const turn = ++this.turn, buffer = await this.buffer(this.active);
      if (turn === this.turn) this.start(buffer, 0);
    } else {
      Object.assign(this, { playing: false, held: 0 });
    }
    this.changed();
  }
}

const clock = (seconds) => seconds.toFixed(1);
const signed = (gain) => `${gain < 0 ? "−" : "+"}${Math.abs(gain).toFixed(1)} dB`;
