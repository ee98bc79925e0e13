// From nothing to a commanded meter by what amrctl init prints, line by line; then everything that
// amrctl tells and does while the system runs.
import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Stage, brokerEnvironment, until } from './harness.mjs';
import { freePort, run } from './processes.mjs';

const BIN = join(process.cwd(), 'build', process.env.AMR_PRESET ?? 'dev', 'bin');
const CODE = join(process.cwd(), 'contracts/out/MeterLedger.bin');

/** What NEXT says, without comments, as lists of words. */
const lines = (next) =>
  next
    .split('\n')
    .filter((line) => /^(amrctl|amr-|mosquitto)/.test(line))
    .map((line) => line.split(' '));

/** Runs the system as NEXT tells; a server in the background each. */
async function follow(stage, dir) {
  const next = readFileSync(join(dir, 'NEXT'), 'utf8');
  const env = { AMRCTL_CONFIG: join(dir, 'amrctl.conf') };
  const servers = { mosquitto: / running/, 'amr-bridge': / ready /, 'amr-meter': / info meter: started / };
  const outputs = [];
  for (const [program, ...args] of lines(next)) {
    if (servers[program] && args[0] !== 'init') {
      const path = program === 'mosquitto' ? '/usr/sbin/mosquitto' : join(BIN, program);
      // Readings on the hour only: what is read here is read by command.
      if (program === 'amr-meter') args.push('--interval-s', '3600');
      const started = stage.program(program, path, args, program === 'mosquitto' ? brokerEnvironment() : {});
      await started.start().says(servers[program]);
      continue;
    }
    const extra = args[0] === 'watch' ? ['--seconds', '2'] : args[0] === 'command' ? ['--yes'] : [];
    const made = run(join(BIN, program), [...args, ...extra], { env, timeoutMs: 60_000 });
    assert.equal(made.code, 0, `${program} ${args.join(' ')}: ${made.stdout}${made.stderr}`);
    outputs.push([args.join(' '), made.stdout]);
  }
  return outputs;
}

test('what init prints leads to a running system and a commanded meter', { timeout: 200_000 }, async () => {
  const stage = new Stage();
  let good = false;
  try {
    await stage.startChain({ blockTime: 1 });
    const dir = stage.path('amr');
    const ask = ['init', dir, '--rpc', stage.wsUrl, '--port', await freePort(), '--scrypt-log-n', 12];
    const made = JSON.parse(stage.ctl(...ask, '--bytecode', CODE, '--json'));
    for (const account of [made.admin, made.server, made.operator])
      await stage.rpc.request({ method: 'anvil_setBalance', params: [account, '0x56bc75e2d63100000'] });
    const again = stage.amrctl(...ask);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /exists and is not empty: nothing of it was touched/);

    const outputs = await follow(stage, dir);
    const said = (begin) => outputs.find(([words]) => words.startsWith(begin))[1];
    assert.match(said('status'), /^server +0x\w+ +group 1/m);
    assert.match(said('command read'), /issued +command 1 to meter 65537 \(E0001\) in block \d+/);
    assert.match(said('command read'), /sent +to the meter by its bridge/);
    assert.match(said('command read'), /answered +confirmed at \S+, signed by the meter/);
    assert.match(said('command read'), /recorded +confirmed at \S+, on the chain/);

    await operate(stage, dir);
    good = true;
  } finally {
    const wrong = await stage.end();
    if (good && wrong.length === 0) rmSync(stage.dir, { recursive: true });
    else console.log(`kept ${stage.dir}\n${wrong.join('\n')}`);
    if (good) assert.deepEqual(wrong, []);
  }
});

/** Status, alarms and quarantine of the running system. */
async function operate(stage, dir) {
  const config = ['--config', join(dir, 'amrctl.conf')];
  const ctl = (...args) => stage.amrctl(...args, ...config);
  const done = (...args) => {
    const made = ctl(...args);
    assert.equal(made.code, 0, made.stderr);
    return made.stdout;
  };
  const status = await until('the broker to tell of the meter', () => {
    const said = JSON.parse(done('status', '--json'));
    return said.broker?.meters_connected === 1 && said;
  });
  assert.equal(status.meters_active, 1);
  assert.equal(status.servers.length, 1);
  assert.ok(status.servers[0].days_left === null || status.servers[0].days_left > 0);
  assert.equal(status.bridge.state, 'online');
  assert.equal(status.quarantined, 0);
  const heard = done('watch', '--json', '--seconds', 2).trim().split('\n').map((line) => JSON.parse(line));
  assert.ok(heard.some(({ topic, payload }) => topic === 'amr/v1/1/E0001/birth' && payload.meter === 65537));
  assert.match(done('status'), /^bridge +online: \d+ reports stored, \d+ sealed, \d+ in backlog/m);

  run('mosquitto_pub', [
    ...['-h', 'localhost', '-p', port(dir), '--cafile', join(dir, 'pki/ca.crt')],
    ...['--cert', join(dir, 'meters/E0001.crt'), '--key', join(dir, 'meters/E0001.key')],
    ...['-i', 'E0001', '-V', '5', '-q', '1', '-t', 'amr/v1/1/E0001/reading', '-m', 'nonsense'],
  ]);
  const open = await until('the alarm to be kept', () => {
    const rows = JSON.parse(done('alarms', '--json'));
    return rows.length > 0 && rows;
  });
  const alarm = open.find((row) => row.cause === 'malformed') ?? open[0];
  assert.equal(alarm.state, 'open');
  assert.match(done('acknowledge', alarm.id, '--by', 'alice', '--note', 'a test'), /acknowledged/);
  const left = JSON.parse(done('alarms', '--json'));
  assert.ok(!left.some((row) => row.id === alarm.id));
  const all = JSON.parse(done('alarms', '--all', '--json'));
  assert.equal(all.find((row) => row.id === alarm.id).state, 'alice');
}

const port = (dir) => readFileSync(join(dir, 'broker/mosquitto.conf'), 'utf8').match(/^listener (\d+)/m)[1];
