// What a running bridge keeps of refused messages, read and asked back beside it.
import assert from 'node:assert/strict';
import { scenario, seconds, until } from './harness.mjs';

const now = () => Math.floor(Date.now() / 1000);

scenario('a refused message is listed, shown, and judged again', async (stage) => {
  const store = ['--store', stage.path('state/bridge.db')];
  const home = stage.household('HOME-1');
  const client = await stage.admit(home);
  const rows = () => JSON.parse(stage.ctl('quarantine', 'list', '--json', ...store));
  const send = async (sequence, t) => {
    const report = await home.report(stage, sequence, [{ t, import_wh: 100 * sequence }]);
    assert.equal(await client.publish(home.topic('reading'), report), 0);
    return report;
  };
  // Ahead of the bridge's tolerance (300 s) by a little, within the broker's (900 s).
  const soon = now() + 304;
  const early = await send(1, soon);
  const [row] = await until('the bridge to refuse it', () => rows().length === 1 && rows());
  assert.deepEqual([row.cause, row.meter, row.sequence], ['future', home.meter, 1]);
  assert.match(stage.ctl('quarantine', 'list', '--cause', 'future', ...store), /HOME-1\/reading/);
  assert.deepEqual(JSON.parse(stage.ctl('quarantine', 'list', '--cause', 'stale', '--json', ...store)), []);

  const shown = JSON.parse(stage.ctl('quarantine', 'show', row.id, '--json', ...store));
  const bytes = Buffer.from(shown.bytes.slice(2), 'hex').toString();
  assert.deepEqual(JSON.parse(bytes), early);
  assert.match(stage.ctl('quarantine', 'show', row.id, ...store), /refused +future: /);

  const far = stage.amrctl('quarantine', 'release', row.id, '--wait-s', 10, ...store);
  if (far.code === 4) {
    const [, id] = far.stderr.match(/refused again \(amrctl quarantine show (\d+) tells why\)/);
    assert.deepEqual(rows().map((r) => r.id), [Number(id)]);
  } else assert.equal(far.code, 0);
  await seconds(Math.max(0, soon - 299 - now()));
  if (rows().length > 0) {
    const taken = stage.amrctl('quarantine', 'release', rows()[0].id, ...store);
    assert.equal(taken.code, 0, taken.stderr);
    assert.match(taken.stdout, /was taken/);
  }
  assert.deepEqual(rows(), []);
  await until('it to be sealed', async () => (await stage.sealedReadings()) === 1);

  const cases = [
    [['release', 4711], 1, /no message 4711 in quarantine/],
    [['show', 4711], 1, /no message 4711 in quarantine/],
    [['show'], 2, /which message\? give one id/],
    [['list', '--cause', 'bad'], 2, /no cause 'bad': malformed, oversize/],
  ];
  for (const [args, code, words] of cases) {
    const said = stage.amrctl('quarantine', ...args, ...store);
    assert.equal(said.code, code);
    assert.match(said.stderr, words);
  }
  const elsewhere = stage.amrctl('quarantine', 'list', '--store', stage.path('none.db'));
  assert.equal(elsewhere.code, 1);
  assert.match(elsewhere.stderr, /--store must name the store of a bridge on this machine/);

  await send(2, now() + 800);
  const [waiting] = await until('the bridge to refuse the next', () => rows().length === 1 && rows());
  await stage.bridge.stop();
  const asked = stage.amrctl('quarantine', 'release', waiting.id, '--wait-s', 1, ...store);
  assert.equal(asked.code, 5);
  assert.match(asked.stderr, /has not taken it in 1 s: is it running\? it will when it does/);
  await stage.restartBridge();
  const again = await until('it to be judged', () => rows().length === 1 && rows()[0].id !== waiting.id && rows());
  assert.equal(again[0].cause, 'future');
});
