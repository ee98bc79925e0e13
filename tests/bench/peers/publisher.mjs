// Meters for the comparison of losses: each publishes its reports in order, one in flight, again
// until it has what its bridge's protocol calls an acknowledgement: a PUBACK, or a `stored` receipt.
// A receipt that does not come within 2 s makes the meter send again, as amr-meter does.
import { until } from '../../e2e/processes.mjs';

const PACE_MS = 150;
const AGAIN_MS = 2_000;
const DEADLINE_MS = 120_000;

export class Publisher {
  static async start(stage, meters, each, { receipts }) {
    const t = Math.floor(Date.now() / 1000) - 86_400;
    const self = new Publisher();
    Object.assign(self, { receipts, each, finished: 0, total: meters.length * each });
    self.meters = await Promise.all(
      meters.map(async (meter) => {
        const client = await stage.admit(meter);
        const state = { meter, client, stored: 0, sent: 0 };
        if (receipts) await client.subscribe(meter.topic('receipt'));
        client.mqtt.on('message', (topic, payload) => {
          const receipt = JSON.parse(payload);
          if (receipt.status !== 'missing') state.stored = Math.max(state.stored, receipt.last);
        });
        state.reports = [];
        for (let i = 1; i <= each; i++)
          state.reports.push(await meter.report(stage, i, [{ t: t + i, import_wh: i }]));
        return state;
      }),
    );
    return self;
  }

  go() {
    this.running = this.meters.map((state) => this.#publishAll(state));
  }

  async #publishAll(state) {
    for (let i = 1; i <= this.each; i++) {
      const due = performance.now() + PACE_MS;
      await this.#publish(state, i);
      this.finished++;
      await until('the next', () => performance.now() >= due);
    }
  }

  async #publish(state, i) {
    const topic = state.meter.topic('reading');
    const end = performance.now() + DEADLINE_MS;
    while (performance.now() < end) {
      await state.client.publish(topic, state.reports[i - 1]);
      if (!this.receipts) return;
      const again = performance.now() + AGAIN_MS;
      await until('a receipt', () => state.stored >= i || performance.now() > again);
      if (state.stored >= i) return;
    }
    throw new Error(`no receipt for report ${i} of ${state.meter.serial}`);
  }

  half() {
    return until('half to be published', () => this.finished >= this.total / 2, DEADLINE_MS);
  }

  done() {
    return Promise.all(this.running);
  }

  async end() {
    for (const { client } of this.meters) await client.end();
  }
}
