// kill -9 of the bridge at every named step of persistence (chain-bridge/fault.h), one after the
// other, with meters reporting all the while: in the end each report is on the chain exactly once,
// and each command has its result.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { scenario, until } from '../e2e/harness.mjs';
import { KIND, OUTCOME, Operator } from '../e2e/operator.mjs';
import { within } from '../e2e/processes.mjs';
import { endAndCompare, startLoad } from './load.mjs';

const POINTS = [
  ...['store-commit', 'stored', 'claim-commit', 'claimed', 'sent', 'seal-commit', 'sealed'],
  'archive-written',
];
const REGISTRY_POINTS = ['registry-commit', 'registry-written'];
const COMMAND_POINTS = [
  ...['commands-commit', 'commands-stored', 'command-claim-commit', 'command-claimed'],
  'command-ended',
];

const rpc = (stage, method, ...params) => stage.rpc.request({ method, params });

/** Whole at once: the bridge must not see half of a name. */
function arm(stage, point) {
  writeFileSync(stage.path('fault.new'), point);
  renameSync(stage.path('fault.new'), stage.path('fault'));
}

async function dieAt(stage, point, provoke = () => {}) {
  arm(stage, point);
  await provoke();
  const ended = await within(`the bridge to die at '${point}'`, stage.bridge.exit, 60_000);
  assert.equal(ended.signal, 'SIGKILL', point);
  await stage.restartBridge();
}

/** For one block the contract refuses everything, and does not say why. */
async function dieHalting(stage) {
  const code = await rpc(stage, 'eth_getCode', stage.contract, 'latest');
  await rpc(stage, 'evm_setAutomine', false);
  const pending = async () => Number((await rpc(stage, 'txpool_status')).pending) >= 1;
  await until('a batch to be in the pool', pending);
  await dieAt(stage, 'halted', async () => {
    await rpc(stage, 'anvil_setCode', stage.contract, '0x5f5ffd');
    await rpc(stage, 'evm_mine');
    await rpc(stage, 'anvil_setCode', stage.contract, code);
    await rpc(stage, 'evm_setAutomine', true);
  });
}

/** A meter that obeys, and an operator whose commands it gets while the bridge dies of each. */
async function obey(stage) {
  const operator = await Operator.make(stage);
  const meter = stage.addMeter('C-01', 'sim', ['--operators', operator.address]);
  const conf = readFileSync(stage.path('meters/C-01.conf'), 'utf8');
  await stage.startMeters(meter);
  await meter.says(/ connected /);
  const id = Number(conf.match(/^meter = (\d+)$/m)[1]);
  for (const point of COMMAND_POINTS) {
    let command;
    await dieAt(stage, point, async () => {
      command = await operator.issue(id, KIND.interval, { argument: 1 });
    });
    const outcome = await operator.outcome(id, command.id, 60_000);
    assert.equal(outcome, OUTCOME.confirmed, point);
  }
  return meter;
}

const raiseBaseFee = (stage) =>
  rpc(stage, 'anvil_setNextBlockBaseFeePerGas', `0x${(4_000_000_000).toString(16)}`);

async function killEverywhere(stage, { interval = false } = {}) {
  await stage.bridge.stop();
  stage.bridge.env.AMR_FAULT_FILE = stage.path('fault');
  stage.bridge.args.push('--raise-ms', '1000');
  await stage.restartBridge();
  const meters = await startLoad(stage, 3);
  for (const point of [...POINTS, ...POINTS.toReversed()]) await dieAt(stage, point);
  for (const point of REGISTRY_POINTS)
    await dieAt(stage, point, () => stage.household(`H-${point}`));
  await dieAt(stage, 'raised', () => raiseBaseFee(stage));
  if (!interval) await dieHalting(stage);
  meters.push(await obey(stage));
  await endAndCompare(stage, meters);
}

test('no step of persistence is left out', () => {
  const folder = new URL('../../chain-bridge/', import.meta.url);
  const sources = readdirSync(folder).filter((name) => /^(?!.*_test\.c$|fault\.c$).*\.c$/.test(name));
  const named = sources.flatMap((name) =>
    [...readFileSync(new URL(name, folder), 'utf8').matchAll(/fault_point\("([^"]+)"\)/g)].map(
      ([, point]) => point,
    ),
  );
  const known = [...POINTS, ...REGISTRY_POINTS, ...COMMAND_POINTS, 'raised', 'halted'];
  assert.deepEqual(named.sort(), known.sort());
});

scenario('a bridge killed at each step of persistence seals each report once', (stage) =>
  killEverywhere(stage),
);

scenario('and where blocks take their time', { chain: { blockTime: 1 } }, (stage) =>
  killEverywhere(stage, { interval: true }),
);
