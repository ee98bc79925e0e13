// Bridge and broker killed, the chain stopped, its pool emptied, at random moments under load: in
// the end each report is on the chain exactly once.
// AMR_FAULT_RUNS says how many runs of 40 moments each (1), AMR_FAULT_SEED repeats a run.
import { scenario, seconds } from '../e2e/harness.mjs';
import { endAndCompare, startLoad } from './load.mjs';

const ROUNDS = 40;
const RUNS = Number(process.env.AMR_FAULT_RUNS ?? 1);
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

const FAULTS = {
  async bridge(stage) {
    await stage.bridge.kill();
    await stage.restartBridge();
  },
  async broker(stage) {
    await stage.broker.kill();
    await stage.restartBroker();
  },
  async chain(stage, random) {
    stage.chain.child.kill('SIGSTOP');
    await seconds(random());
    stage.chain.child.kill('SIGCONT');
  },
  async pool(stage) {
    await stage.rpc.request({ method: 'anvil_dropAllTransactions', params: [] });
  },
};

/** Mostly the bridge. */
function pick(random) {
  const dice = random();
  if (dice < 0.6) return 'bridge';
  if (dice < 0.75) return 'broker';
  return dice < 0.9 ? 'chain' : 'pool';
}

async function disturb(stage, random) {
  const meters = await startLoad(stage, 4);
  for (let i = 0; i < ROUNDS; i++) {
    await seconds(random() * 1.5);
    await FAULTS[pick(random)](stage, random);
  }
  await endAndCompare(stage, meters);
}

for (let seed = SEED; seed < SEED + RUNS; seed++)
  scenario(
    `${ROUNDS} random faults under load lose and double nothing, seed ${seed}`,
    { chain: { blockTime: 1 }, bridge: ['--rebroadcast-ms', 1000] },
    (stage) => disturb(stage, numbers(seed)),
  );
