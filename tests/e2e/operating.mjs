// What the tests of docs/operations.md share.
import { sealedBy } from '../faults/load.mjs';
import { run, until } from './harness.mjs';

/** Options of what the administrator sends. */
export const admin = (stage) => [...stage.onChain, ...stage.admin.options];

/** Each meter has some more reports sealed than now. */
export const moreSealed = (stage, meters, count = 2) => {
  const had = meters.map((meter) => sealedBy(stage, meter));
  return until('more to be sealed', () => meters.every((meter, i) => sealedBy(stage, meter) >= had[i] + count), 60_000);
};

/** amr-bridge --rebuild, from these files: {code, stdout, stderr}. */
export const rebuild = (stage, ...files) =>
  run(stage.bridge.command, [...stage.bridge.args, '--rebuild', '--rebuild-from', files.join(',')], {
    env: stage.bridge.env,
    timeoutMs: 120_000,
  });
