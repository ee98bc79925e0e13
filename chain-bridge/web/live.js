// live: the data as it changes, over one WebSocket that mends itself.
//
// Events, with what came in `detail`: `overview` (the members that changed), `meters`, `alarms`,
// `batches` (rows that changed), `meter` ({row, readings, events}), `link` (the state of the
// connection). After a break the server is asked for what changed since; where it cannot tell it
// sends everything anew, and `snapshot` says so before the rest.
import { access, get } from './api.js';

const PAUSE_MS = [500, 1000, 2000, 4000, 8000, 15_000];
const SILENCE_MS = 15_000; // the server sends something every 5 s
const ENDED = 4401;

export class Live extends EventTarget {
  #socket = null;
  #wanted = { subscribe: ['overview'] };
  #since = null;
  #failures = 0;
  #timer = 0;
  #watch = 0;
  #begun = 0;
  #frame = null; // {t, dataT, at}: server's times, and ours when they came

  /** 'connecting', 'live', 'waiting' (retryAt says until when) or 'off' */
  state = 'off';
  retryAt = 0;

  start() {
    this.state = 'connecting';
    this.#connect();
    this.#watch = setInterval(() => this.#checkSilence(), 1000);
    const again = () => document.visibilityState === 'visible' && this.retryNow();
    window.addEventListener('online', again);
    document.addEventListener('visibilitychange', again);
  }

  stop() {
    clearInterval(this.#watch);
    clearTimeout(this.#timer);
    this.#setState('off');
    this.#socket?.close();
    this.#socket = null;
    this.#since = null;
    this.#frame = null;
  }

  /** What the page shows: {subscribe: [...], meters: [...], meter}; replaces what was wanted. */
  want(wanted) {
    const text = JSON.stringify(wanted);
    if (text === JSON.stringify(this.#wanted)) return;
    this.#wanted = wanted;
    this.#since = null;
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(text);
  }

  retryNow() {
    if (this.state !== 'waiting') return;
    clearTimeout(this.#timer);
    this.#connect();
  }

  /** The server's clock, in Unix seconds. */
  now() {
    const frame = this.#frame;
    return frame ? (frame.t + performance.now() - frame.at) / 1000 : Date.now() / 1000;
  }

  /** How old what is shown is, in seconds; null before the first frame. */
  age() {
    const frame = this.#frame;
    if (!frame) return null;
    const before = frame.dataT ? Math.max(0, frame.t - frame.dataT) : 0;
    return (before + performance.now() - frame.at) / 1000;
  }

  /** When the last frame came, in Unix seconds; null before the first. */
  heardAt() {
    return this.#frame ? this.#frame.t / 1000 : null;
  }

  #setState(state) {
    if (this.state === state) return;
    this.state = state;
    this.dispatchEvent(new CustomEvent('link', { detail: state }));
  }

  /** After a failure a plain request first: it can tell an ended session from a dead server. */
  async #connect() {
    this.#setState('connecting');
    const begun = (this.#begun = performance.now());
    if (this.#failures > 0) {
      const answered = await get('session').then(
        () => true,
        (failure) => failure.status === 401,
      );
      if (this.state !== 'connecting' || this.#begun !== begun) return;
      if (!answered) return this.#lost(0);
    }
    this.#open();
  }

  #open() {
    const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const socket = new WebSocket(`${scheme}//${location.host}/api/v1/live`);
    this.#socket = socket;
    socket.onopen = () => socket.send(JSON.stringify({ ...this.#wanted, ...this.#since }));
    socket.onmessage = (message) => {
      if (socket === this.#socket) this.#take(JSON.parse(message.data));
    };
    socket.onclose = (event) => {
      if (socket === this.#socket) this.#lost(event.code);
    };
  }

  #take(frame) {
    this.#failures = 0;
    this.#frame = { t: frame.t, dataT: frame.data_t, at: performance.now() };
    this.#since = { since: frame.sequence, boot: frame.boot };
    this.#setState('live');
    if (frame.type === 'snapshot') this.dispatchEvent(new CustomEvent('snapshot'));
    for (const channel of ['overview', 'meters', 'alarms', 'batches', 'meter'])
      if (frame[channel] !== undefined)
        this.dispatchEvent(new CustomEvent(channel, { detail: frame[channel] }));
  }

  /** A connection that died without a word, as they do behind routers and lids. */
  #checkSilence() {
    const since = { live: this.#frame?.at, connecting: this.#begun }[this.state];
    if (since === undefined || performance.now() - since < SILENCE_MS) return;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#lost(0);
  }

  #lost(code) {
    this.#socket = null;
    if (this.state === 'off') return;
    if (code === ENDED) {
      access.dispatchEvent(new Event('logged-out'));
      return;
    }
    const base = PAUSE_MS[Math.min(this.#failures++, PAUSE_MS.length - 1)];
    const pause = base * (0.75 + Math.random() / 2);
    this.retryAt = Date.now() + pause;
    this.#setState('waiting');
    this.#timer = setTimeout(() => this.#connect(), pause);
  }
}
