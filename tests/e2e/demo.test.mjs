// deploy/demo itself: its check agrees, and it leaves nothing behind, however it ends.
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Program, leftRunning, until } from './processes.mjs';

const DEMO = fileURLToPath(new URL('../../deploy/demo', import.meta.url));
const FIRST_BUILD_MS = 600_000;

/** Runs body with the demo in a temporary folder of its own, which must be empty at the end. */
async function withDemo(options, body) {
  const home = mkdtempSync(join(tmpdir(), 'amr-demo-test-'));
  chmodSync(home, 0o711); // the broker runs as another user
  const logs = mkdtempSync(join(tmpdir(), 'amr-demo-logs-'));
  const demo = new Program('demo', logs, DEMO, options, { TMPDIR: home, NO_COLOR: '1' }).start();
  try {
    await body(demo);
    await until('the demo to leave nothing', () => readdirSync(home).length === 0);
    assert.deepEqual(leftRunning(home), []);
    rmSync(logs, { recursive: true });
  } finally {
    await demo.kill();
    await until('the demo to be gone', () => leftRunning(home).length === 0);
    rmSync(home, { recursive: true });
  }
}

test('the demo seals readings that its independent check confirms', async () => {
  await withDemo(['--check', '--meters', 4, '--readings', 12, '--interval-s', 1], async (demo) => {
    await until('the demo to end', () => demo.ended, FIRST_BUILD_MS);
    const said = readFileSync(demo.log, 'utf8');
    assert.deepEqual(demo.ended, { code: 0, signal: null }, said);
    assert.match(said, /^all agree$/m);
    assert.match(said, /first reading sealed after [\d.]+ s: install/);
  });
});

for (const signal of ['SIGTERM', 'SIGKILL']) {
  test(`a demo ended by ${signal} leaves nothing`, async () => {
    await withDemo(['--check', '--meters', 2, '--readings', 100000], async (demo) => {
      await demo.says(/ first +first reading sealed/, { deadlineMs: FIRST_BUILD_MS });
      assert.ok(leftRunning(demo.env.TMPDIR).length >= 5, 'chain, broker, bridge, 2 meters');
      await demo.stop(signal);
    });
  });
}
