// The bridge as a service: its configuration read again while it runs, and one process per account.
import assert from 'node:assert/strict';
import { copyFileSync, writeFileSync } from 'node:fs';
import { scenario, until } from './harness.mjs';

/** The bridge started anew with what its command line said of these options in a file instead. */
async function useFile(stage, lines) {
  const file = stage.path('state', 'bridge.conf');
  const ledger = `chain-id = 31337\ncontract = ${stage.contract}\n`;
  const write = (more) => writeFileSync(file, ledger + more.join('\n') + '\n');
  write(lines);
  await stage.bridge.stop();
  const args = [...stage.bridge.args];
  args[args.indexOf('--config') + 1] = file;
  for (const name of ['--batch-age-ms', '--poll-ms']) args.splice(args.indexOf(name), 2);
  stage.bridge.args = args;
  await stage.restartBridge();
  return write;
}

scenario('SIGHUP takes over what can change, and names what cannot', async (stage) => {
  const write = await useFile(stage, ['batch-age-ms = 3600000', 'workers = 2']);
  const meter = stage.addMeter('M-01');
  await stage.startMeters(meter);
  await until('reports to wait', () =>
    stage.exportOf(meter).some((report) => report.state === 'stored'),
  );
  assert.equal(await stage.sealedReadings(), 0);
  const reload = async (lines, ...patterns) => {
    const from = stage.bridge.here();
    write(lines);
    stage.bridge.child.kill('SIGHUP');
    for (const pattern of patterns) await stage.bridge.says(pattern, { from });
  };
  await reload(['batch-age-ms = nonsense'], /reload: the old configuration stays: .*bridge.conf:3/);
  assert.equal(await stage.sealedReadings(), 0);
  await reload(
    ['batch-age-ms = 100', 'workers = 4'],
    /reload: batch-age-ms is "100", was "3600000"/,
    /reload: workers stays "2" until a restart makes it "4"/,
  );
  await until('a batch', async () => (await stage.sealedReadings()) > 0);
});

scenario('a second bridge with the same account does not start', async (stage) => {
  const twin = stage.secondBridge('twin', stage.server.options);
  twin.mayFail = true;
  twin.start();
  await twin.says(/does not start: another amr-bridge uses account 0x/);
  assert.equal((await twin.exit).code, 3);
  // and neither with a copy of its keystore
  const copy = stage.path('keys', 'copy.json');
  copyFileSync(stage.server.options[1], copy);
  twin.args[twin.args.indexOf(stage.server.options[1])] = copy;
  twin.start();
  await twin.says(/does not start: another amr-bridge uses account 0x/);
  await stage.bridge.kill();
  await stage.restartBridge(); // the lock ended with its process
});
