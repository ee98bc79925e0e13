// kill -9 of the bridge at every named step of persistence (chain-bridge/fault.h), one after the
// other, with meters reporting all the while: in the end each report is on the chain exactly once.
import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { scenario } from '../e2e/harness.mjs';
import { within } from '../e2e/processes.mjs';
import { endAndCompare, startLoad } from './load.mjs';

const POINTS = [
  ...['store-commit', 'stored', 'claim-commit', 'claimed', 'sent', 'seal-commit', 'sealed'],
  'archive-written',
];
const REGISTRY_POINTS = ['registry-commit', 'registry-written'];

/** Whole at once: the bridge must not see half of a name. */
function arm(stage, point) {
  writeFileSync(stage.path('fault.new'), point);
  renameSync(stage.path('fault.new'), stage.path('fault'));
}

async function dieAt(stage, point, provoke = () => {}) {
  arm(stage, point);
  await provoke();
  const ended = await within(`the bridge to die at '${point}'`, stage.bridge.exit);
  assert.equal(ended.signal, 'SIGKILL', point);
  await stage.restartBridge();
}

async function killEverywhere(stage) {
  await stage.bridge.stop();
  stage.bridge.env.AMR_FAULT_FILE = stage.path('fault');
  await stage.restartBridge();
  const meters = await startLoad(stage, 3);
  for (const point of [...POINTS, ...POINTS.toReversed()]) await dieAt(stage, point);
  for (const point of REGISTRY_POINTS)
    await dieAt(stage, point, () => stage.household(`H-${point}`));
  await endAndCompare(stage, meters);
}

scenario('a bridge killed at each step of persistence seals each report once', killEverywhere);

scenario('and where blocks take their time', { chain: { blockTime: 1 } }, killEverywhere);
