// Bridge, broker, node and meters killed, the chain stopped, its pool emptied, at random moments
// under load: in the end each report that a meter wrote down is on the chain exactly once.
//
//   AMR_FAULT_MOMENTS   how many moments (200)
//   AMR_FAULT_SEED      repeats the choice of moments that a run printed
import { existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { scenario, seconds } from '../e2e/harness.mjs';
import { endAndCompare, startLoad } from './load.mjs';

const MOMENTS = Number(process.env.AMR_FAULT_MOMENTS ?? 200);
const SEED = Number(process.env.AMR_FAULT_SEED ?? Date.now() % 2 ** 31);

/** Numbers in [0, 1) that a seed repeats (mulberry32). */
function numbers(seed) {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * Whether accounts and blocks are of the same moment: anvil may write the accounts after a block that
 * is not among the blocks yet, which no real node would come back with.
 */
function isWhole({ accounts, transactions }) {
  const next = new Map();
  for (const { info } of transactions)
    next.set(info.from.toLowerCase(), Math.max(next.get(info.from.toLowerCase()) ?? 0, info.nonce + 1));
  return Object.entries(accounts).every(
    ([address, { nonce }]) => !next.has(address.toLowerCase()) || next.get(address.toLowerCase()) === nonce,
  );
}

/** The node writes its state once a second; a kill may hit it writing, so the last whole one counts. */
class StateKeeper {
  constructor(stage) {
    Object.assign(this, { file: stage.chainState, kept: `${stage.chainState}.kept`, seen: 0 });
    this.timer = setInterval(() => this.keep(), 500);
  }

  keep() {
    if (!existsSync(this.file) || statSync(this.file).mtimeMs === this.seen) return;
    const { mtimeMs } = statSync(this.file);
    const text = readFileSync(this.file, 'utf8');
    try {
      if (!isWhole(JSON.parse(text))) return;
    } catch {
      return; // being written
    }
    this.seen = mtimeMs;
    writeFileSync(`${this.kept}.new`, text);
    renameSync(`${this.kept}.new`, this.kept);
  }

  restore() {
    renameSync(this.kept, this.file);
    this.seen = 0;
    this.keep();
  }

  stop() {
    clearInterval(this.timer);
  }
}

const FAULTS = {
  async bridge({ stage }) {
    await stage.bridge.kill();
    await stage.restartBridge();
  },
  async broker({ stage }) {
    await stage.broker.kill();
    await stage.restartBroker();
  },
  /** The last blocks are lost with it: what was in them comes again. */
  async node({ stage, keeper }) {
    await stage.chain.kill();
    keeper.restore();
    await stage.chain.start().says(/Listening on/);
  },
  async meter({ stage, meters, random }) {
    const meter = meters[Math.floor(random() * meters.length)];
    await meter.kill();
    await stage.startMeters(meter);
  },
  async pause({ stage, random }) {
    stage.chain.child.kill('SIGSTOP');
    await seconds(random());
    stage.chain.child.kill('SIGCONT');
  },
  async pool({ stage }) {
    await stage.rpc.request({ method: 'anvil_dropAllTransactions', params: [] });
  },
};
const SHARES = { bridge: 0.5, broker: 0.12, node: 0.12, meter: 0.1, pause: 0.08, pool: 0.08 };

function pick(random) {
  let dice = random();
  for (const [name, share] of Object.entries(SHARES)) if ((dice -= share) < 0) return name;
  return 'bridge';
}

async function disturb(stage, random) {
  const keeper = new StateKeeper(stage);
  try {
    const meters = await startLoad(stage, 4);
    const counts = {};
    for (let i = 0; i < MOMENTS; i++) {
      await seconds(random() * 1.5);
      const name = pick(random);
      counts[name] = (counts[name] ?? 0) + 1;
      await FAULTS[name]({ stage, meters, random, keeper });
    }
    console.log(`faults: ${JSON.stringify(counts)}`);
    await endAndCompare(stage, meters);
  } finally {
    keeper.stop();
  }
}

console.log(`AMR_FAULT_SEED=${SEED} AMR_FAULT_MOMENTS=${MOMENTS}`);
scenario(
  `${MOMENTS} random faults under load lose and double nothing, seed ${SEED}`,
  {
    chain: { blockTime: 1, keepsState: true },
    bridge: ['--rebroadcast-ms', 1000, '--finality', 8],
    timeoutMs: 60_000 + MOMENTS * 8_000,
  },
  (stage) => disturb(stage, numbers(SEED)),
);
