// For tests of amrctl that need a chain and a contract, but neither broker nor bridge.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Stage } from './harness.mjs';

/** A stage with a chain and a contract, nothing else. */
export function onChain(name, body) {
  test(name, { timeout: 120_000 }, async () => {
    const stage = new Stage();
    let good = false;
    try {
      await stage.startChain();
      await stage.deploy();
      await body(stage);
      good = true;
    } finally {
      const wrong = await stage.end();
      if (good && wrong.length === 0) rmSync(stage.dir, { recursive: true });
      else console.log(`kept ${stage.dir}\n${wrong.join('\n')}`);
      if (good) assert.deepEqual(wrong, []);
    }
  });
}

/** The verb in the background, its words in a log. */
export function background(stage, name, ...args) {
  const program = stage.program(
    name,
    join(process.cwd(), 'build', process.env.AMR_PRESET ?? 'dev', 'bin/amrctl'),
    [...args, ...(stage.through ?? stage.onChain), ...(stage.as ?? stage.admin).options],
  );
  program.mayFail = true;
  return program.start();
}
