// Floods at the broker's port, a node's and the dashboard's, while meters publish: what the
// legitimate traffic notices, and whether anything is lost.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { ROOT, percentile, until } from '../bench_lib.mjs';

const FLOOD = join(ROOT, 'tests/bench/paper/flood.mjs');
const METERS = 5;
const PACE_MS = 50;
const LATE_MS = 1000;
const DEADLINE_MS = 120_000;

/** Meters that publish one after the other at a pace, and note when their receipts come. */
export class Traffic {
  static async start(stage) {
    const self = new Traffic();
    self.stage = stage;
    self.sequence = 0;
    self.t = Math.floor(Date.now() / 1000) - 80_000;
    const households = Array.from({ length: METERS }, (_, i) => stage.household(`F-${i + 1}`));
    self.meters = [];
    for (const meter of households) {
      const client = await stage.admit(meter);
      await client.subscribe(meter.topic('receipt'));
      const state = { meter, client, sent: [], stored: [], sealed: [] };
      client.mqtt.on('message', (_, payload) => self.#note(state, JSON.parse(payload)));
      self.meters.push(state);
    }
    return self;
  }

  #note(state, { status, first, last }) {
    const into = state[status];
    for (let i = first; into && i <= last; i++) into[i] ??= performance.now() - state.sent[i];
  }

  async #publish(state, report) {
    state.sent[report.sequence] = performance.now();
    const options = { qos: 1 };
    state.client.mqtt.publish(state.meter.topic('reading'), JSON.stringify(report), options);
  }

  /** Publishes for a while; what became of it. */
  async run(seconds) {
    const rounds = Math.floor((seconds * 1000) / PACE_MS / METERS);
    const begin = this.sequence + 1;
    const reports = [];
    for (let round = 0; round < rounds; round++) {
      this.sequence++;
      const reading = { t: this.t + this.sequence, import_wh: this.sequence };
      for (const state of this.meters)
        reports.push([state, await state.meter.report(this.stage, this.sequence, [reading])]);
    }
    let due = performance.now();
    for (const [state, report] of reports) {
      await until('the next', () => performance.now() >= due);
      due += PACE_MS;
      await this.#publish(state, report);
    }
    const all = () => this.meters.every((state) => state.sealed[this.sequence] !== undefined);
    await until('all to be sealed', all, DEADLINE_MS).catch(() => {});
    return this.#sum(begin, reports.length);
  }

  #sum(begin, total) {
    const of = (key) => this.meters.flatMap((state) => Object.values(state[key].slice(begin)));
    const [stored, sealed] = [of('stored'), of('sealed')];
    return {
      published: total,
      lost: total - sealed.length,
      delayed: stored.filter((ms) => ms > LATE_MS).length / total,
      stored_p50: percentile(stored, 0.5),
      stored_p99: percentile(stored, 0.99),
      sealed_p50: percentile(sealed, 0.5),
      sealed_p99: percentile(sealed, 0.99),
    };
  }
}

/** Traffic under a flood of one kind at a port, or under none. */
export async function underFlood(traffic, kind, port, seconds) {
  if (!kind) return { sent: 0, ...(await traffic.run(seconds)) };
  const child = spawn(process.execPath, [FLOOD, kind, port, seconds + 2].map(String), {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (data) => (text += data));
  const result = await traffic.run(seconds);
  if (child.exitCode === null) await once(child, 'exit');
  return { ...JSON.parse(text), ...result };
}
