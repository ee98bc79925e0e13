// amrctl verify and readings against a ledger that viem wrote: what is good is found good, every
// kind of tampering is named, and what is missing is told apart from what is wrong.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { setSignEntropy } from 'viem/accounts';
import { decodeRecords } from '../verify/records.mjs';
import { Stage, until } from './harness.mjs';
import { LedgerWorld, archiveSum, meterKey, quarterHours } from './ledger_world.mjs';

const [GOOD, FAILED, USAGE, REFUSED, WRONG, INCOMPLETE] = [0, 1, 2, 3, 4, 6];
const START = Math.floor(Date.now() / 900_000) * 900 - 3 * 86_400;

/** A ledger with meters 1..3 of group 1 and four batches of a report of four readings each. */
async function makeWorld(stage, batches = 4) {
  const world = new LedgerWorld(stage);
  await world.register(1, 3);
  for (let i = 0; i < batches; i++) await sealNext(world, [65537, 65538, 65539], i);
  return world;
}

async function nextReport(world, meter, i, account) {
  return world.report(meter, i + 1, quarterHours(meter, START, 4 * i + 4).slice(4 * i), account);
}

async function sealNext(world, meters, i, options) {
  const reports = [];
  for (const meter of meters) reports.push(await nextReport(world, meter, i));
  return world.seal(reports, options);
}

function ledgerTest(name, body) {
  test(name, { timeout: 120_000 }, async () => {
    const stage = new Stage();
    let wrong = ['the test failed'];
    try {
      await stage.startChain();
      await stage.deploy();
      stage.verify = (...args) => {
        const made = stage.amrctl('verify', '--json', ...stage.onChain, '--cache', 'none', ...args);
        return { ...made, ...(made.stdout.startsWith('{') ? JSON.parse(made.stdout) : {}) };
      };
      await body(stage, await makeWorld(stage));
      wrong = [];
    } finally {
      wrong.push(...(await stage.end()));
      if (wrong.length === 0) rmSync(stage.dir, { recursive: true });
      else console.log(`kept ${stage.dir}`);
    }
    assert.deepEqual(wrong, []);
  });
}

const findings = (result) => [...result.of_ledger, ...result.of_archives, ...result.of_batches];
const kinds = (result) => [...new Set(findings(result).map((f) => f.kind))].sort();

ledgerTest('an honest ledger and its archives are all good, and all of it is counted', async (stage, world) => {
  const archive = world.archive(stage.path('a.archive'));
  const result = stage.verify(archive);
  assert.equal(result.code, GOOD, result.stderr);
  assert.equal(result.result, 'good');
  assert.deepEqual(
    [result.batches, result.whole, result.reports, result.readings, result.verified],
    [4, 4, 12, 48, 48],
  );
  assert.deepEqual(findings(result), []);

  // What it says of each meter is what viem reads out of the same events.
  const { events } = await stage.ledger();
  const sealed = events
    .filter((e) => e.name === 'BatchSubmitted')
    .flatMap((e) => decodeRecords(e.records, e.group));
  for (const meter of result.meters) {
    const own = sealed.filter((r) => r.meter === meter.meter);
    const [first, last] = [own[0], own.at(-1)];
    assert.deepEqual(
      [meter.readings, meter.first_t, meter.last_t, meter.import_wh],
      [own.length, first.t, last.t, last.importWh - first.importWh],
    );
  }
  const rows = JSON.parse(stage.ctl('readings', 'all', '--json', ...stage.onChain));
  assert.deepEqual(
    rows.map((r) => [r.meter, Date.parse(r.time) / 1000, r.import_wh, r.export_wh, r.quality]),
    sealed.map((r) => [r.meter, r.t, r.importWh, r.exportWh, r.quality]),
  );

  // The meters' own exports together are as good as the bridge's archive; copies may overlap.
  const own = [65537, 65538, 65539].map((meter) =>
    world.export(stage.path(`${meter}.jsonl`), world.batches, (r) => r.meter === meter),
  );
  assert.equal(stage.verify(...own).result, 'good');
  assert.equal(stage.verify(archive, ...own, archive).result, 'good');
  const text = stage.ctl('verify', ...stage.onChain, archive);
  assert.match(text, /48 {2}of them verified/);
  assert.match(text, /^all good$/m);
});

ledgerTest('what an archive lacks is told, and is not called wrong', async (stage, world) => {
  const some = world.export(stage.path('some.jsonl'), world.batches, (r) => r.meter !== 65538);
  const result = stage.verify(some);
  assert.deepEqual([result.code, result.result, result.wrong], [INCOMPLETE, 'incomplete', 0]);
  assert.deepEqual([result.whole, result.signed_only, result.lacking], [0, 32, 16]);
  assert.deepEqual(kinds(result), ['lacks']);
  assert.equal(result.of_batches[0].meter, 65538);
  assert.match(result.of_batches[0].text, /16 sealed readings/);

  const three = world.archive(stage.path('three.archive'), world.batches.slice(0, 3));
  assert.deepEqual([stage.verify(three).code, stage.verify(three).verified], [INCOMPLETE, 36]);
  assert.equal(stage.verify().code, INCOMPLETE);

  // A copy that was made while an entry was written is good up to there.
  const torn = world.archive(stage.path('torn.archive'));
  truncateSync(torn, readFileSync(torn).length - 100);
  const cut = stage.verify(torn);
  assert.deepEqual([cut.code, cut.verified, cut.wrong], [INCOMPLETE, 36, 0]);
  assert.ok(cut.torn_bytes > 0);
});

ledgerTest('whatever byte of an archive is changed, it is found', async (stage, world) => {
  const bytes = readFileSync(world.archive(stage.path('a.archive'), world.batches));
  const second = 8 + 4 + bytes.readUInt32BE(8) + 8; // entries begin here: 8, second, ...
  const path = stage.path('flipped.archive');
  const flip = (at) => {
    const copy = Buffer.from(bytes);
    copy[at] ^= 0x04;
    return copy;
  };
  for (let at = 0; at < second; at += 23) {
    writeFileSync(path, flip(at));
    const { code, stdout } = stage.verify(path);
    assert.notEqual(code, GOOD, `byte ${at}: ${stdout}`);
  }
  // And the same where the checksum was made to fit, as a forger would.
  for (let at = 12; at < second - 8; at += 11) {
    const copy = flip(at);
    archiveSum(copy.subarray(8, second - 8)).copy(copy, second - 8);
    writeFileSync(path, copy);
    const { code, stdout } = stage.verify(path);
    assert.equal(code, WRONG, `byte ${at}: ${stdout}`);
  }
});

ledgerTest('each kind of tampering has its name', async (stage, world) => {
  const lines = readFileSync(world.export(stage.path('all.jsonl')), 'utf8').trim().split('\n');
  const path = stage.path('changed.jsonl');
  const changed = (change) => {
    const objects = lines.map((line) => JSON.parse(line));
    const all = change(objects) ?? objects;
    writeFileSync(path, all.map((o) => (typeof o === 'string' ? o : JSON.stringify(o)) + '\n').join(''));
    const result = stage.verify(path);
    assert.equal(result.code, WRONG, result.stdout + result.stderr);
    return result;
  };
  const expect = (kind, change) => assert.deepEqual(kinds(changed(change)), kind);
  expect(['reading'], (o) => void o[0].report.readings[3].import_wh++);
  expect(['foreign', 'lacks'], (o) => void o[0].report.readings[3].t++);
  expect(['signature'], (o) => void (o[0].report.sequence = 7));
  expect(['claim'], (o) => void o[0].block++);
  expect(['damaged', 'lacks'], (o) => [...o.slice(1), '{"report":']);
  expect(['lacks', 'no-batch'], (o) => void (o[0].batch = `0x${'5'.repeat(64)}`));
  const stranger = await world.report(65537, 1, [{ t: START - 900, import_wh: 5 }], meterKey(9));
  expect(['foreign'], (o) => [...o, { ...o[0], report: stranger }]);
  // The meter's own signature, but not the one that was sealed: only the root tells.
  const { readings } = world.batches[0].reports[0];
  setSignEntropy(true); // from here on, nonces other than RFC 6979's
  const other = await world.report(65537, 1, readings);
  expect(['root'], (o) => void (o[0].report = other));
  // The readings and signatures are good, but another report hangs in the tree.
  const twice = await world.report(65537, 99, quarterHours(65537, START, 4));
  expect(['foreign'], (o) => [...o, { ...o[0], report: twice }]);
  const whole = changed((o) => [...o, { ...o[0], report: twice }]);
  assert.deepEqual([whole.whole, whole.verified], [4, 48]);
});

ledgerTest('what a server does against its meters is found', async (stage, world) => {
  const good = await nextReport(world, 65537, 4);
  const raised = structuredClone(good);
  raised.readings[3].import_wh += 1000;
  // The tree is over what the meter signed, the records say more.
  const tree = await world.seal([raised], { also: [] });
  tree.reports = [good];
  let result = stage.verify(world.archive(stage.path('a.archive')));
  assert.equal(result.code, WRONG);
  assert.deepEqual(kinds(result), ['reading']);

  // A report that a stranger signed, sealed whole.
  world.batches.pop();
  world.counts.set(1, 5);
  await world.seal([await nextReport(world, 65538, 5, meterKey(7))]);
  const forged = world.batches.at(-1);
  result = stage.verify(world.archive(stage.path('a.archive')));
  const finding = findings(result).find((f) => f.batch === forged.number && f.kind === 'signature');
  assert.match(finding.text, /^sealed signed by 0x/);
  // Number 5 of meter 65538 was left out on the way to 6.
  assert.equal(result.code, WRONG);
});

ledgerTest('rotated signers, closed meters and refused readings are judged by the ledger', async (stage, world) => {
  const newKey = meterKey(500);
  await world.asAdmin('rotateSigner', 65537, newKey.address);
  await sealNext(world, [65538, 65539], 4);
  const rotated = await nextReport(world, 65537, 4, newKey);
  await world.seal([rotated]);
  await world.asAdmin('closeMeter', 65539);
  // Refused by the contract, but in the tree: the closed meter's, and a reading that fell.
  const fallen = await world.report(65538, 6, [{ t: START + 20 * 900, import_wh: 1 }]);
  await world.seal([await nextReport(world, 65539, 5), fallen]);
  const archive = world.archive(stage.path('a.archive'));
  let result = stage.verify(archive);
  assert.deepEqual([result.code, findings(result)], [GOOD, []], result.stdout);
  assert.equal(result.meters.find((m) => m.meter === 65539).closed, true);
  assert.deepEqual(result.meters.map((m) => [m.signers, m.refused]), [[2, 0], [1, 1], [1, 4]]);

  // The old key signs nothing any more.
  const old = await world.report(65537, 6, quarterHours(65537, START, 28).slice(24));
  await world.seal([old]);
  result = stage.verify(world.archive(stage.path('a.archive')));
  assert.deepEqual([result.code, kinds(result)], [WRONG, ['signature']]);
});

ledgerTest('numbers that were never sealed are told as a gap', async (stage, world) => {
  await world.seal([await nextReport(world, 65537, 6)]);
  const result = stage.verify(world.archive(stage.path('a.archive')));
  assert.deepEqual([result.code, kinds(result)], [INCOMPLETE, ['gap']]);
  assert.match(result.of_batches[0].text, /numbers 5 to 6/);
});

ledgerTest('servers and groups are told apart', async (stage, world) => {
  const [second, other] = [meterKey(800).address, meterKey(801).address];
  await world.asAdmin('addServer', second, 1);
  await world.asAdmin('addServer', other, 2);
  await world.register(2, 2);
  await sealNext(world, [65537, 65538], 4, { server: second });
  await sealNext(world, [131073, 131074], 0, { server: other });
  await sealNext(world, [65537, 65539], 5);
  const archive = world.archive(stage.path('a.archive'));
  const all = stage.verify(archive);
  assert.equal(all.code, INCOMPLETE); // meter 65539 left number 5 out
  assert.deepEqual([all.batches, all.verified, kinds(all).join()], [7, 72, 'gap']);
  const group = stage.verify('--group', 2, archive);
  assert.deepEqual([group.code, group.batches, group.verified, group.meters.length], [GOOD, 1, 8, 2]);
  const meter = stage.verify('--meter', '1/2', archive);
  assert.deepEqual([meter.code, meter.batches, meter.verified], [GOOD, 5, 20]);
  writeFileSync(stage.path('serials.csv'), 'serial,meter\nHOME-7,65538\n');
  const named = stage.verify('--meter', 'HOME-7', '--serials', stage.path('serials.csv'), archive);
  assert.deepEqual([named.code, named.verified, named.meters[0].serial], [GOOD, 20, 'HOME-7']);
});

ledgerTest('a check goes on where an earlier one ended, and begins again where it must', async (stage, world) => {
  const state = ['--state', stage.path('state.json')];
  const archive = world.archive(stage.path('a.archive'));
  assert.equal(stage.verify(...state, archive).code, GOOD);
  await sealNext(world, [65537, 65538, 65539], 4);
  world.archive(stage.path('a.archive'));
  const second = stage.verify(...state, archive);
  assert.deepEqual([second.code, second.resumed, second.verified, second.reports], [GOOD, 4, 60, 15]);
  assert.deepEqual(second.meters.map((m) => [m.verified, m.sequence]), Array(3).fill([20, 5]));
  assert.equal(stage.verify(...state, archive).resumed, 5);

  // What was good yesterday and is not today is seen.
  const bytes = readFileSync(archive);
  bytes[60] ^= 1;
  writeFileSync(archive, bytes);
  const changed = stage.verify(...state, archive);
  assert.deepEqual([changed.code, changed.resumed], [WRONG, 0]);
  assert.match(changed.stderr, /checking from the beginning/);

  const other = stage.verify(...state, '--group', 1, archive);
  assert.equal(other.code, FAILED);
  assert.match(other.stderr, /state of another check/);
  writeFileSync(stage.path('state.json'), '{"format":"amr-verify-1"');
  assert.match(stage.verify(...state, archive).stderr, /state\.json/);
});

ledgerTest('meters must go on where the ledger before this one ended', async (stage, world) => {
  const old = stage.contract;
  const conf = stage.path('second.conf');
  const bytecode = ['--bytecode', stage.bytecode, '--output', conf];
  stage.ctl('deploy', '--rpc', stage.wsUrl, ...stage.admin.options, ...bytecode);
  stage.contract = readFileSync(conf, 'utf8').match(/contract = (0x\w+)/)[1];
  const next = new LedgerWorld(stage);
  await next.asAdmin('linkPredecessor', old);
  await next.asAdmin('addServer', stage.server.address, 1);
  await next.register(1, 2);
  const good = await next.report(65537, 1, quarterHours(65537, START, 20).slice(16));
  const low = await next.report(65538, 1, [{ t: START + 20 * 900, import_wh: 5 }]);
  await next.seal([good, low]);
  const archive = next.archive(stage.path('next.archive'));
  const options = ['verify', '--json', '--rpc', stage.wsUrl, '--config', conf, '--cache', 'none'];
  const made = stage.amrctl(...options, archive);
  const result = JSON.parse(made.stdout);
  assert.equal(made.code, WRONG);
  assert.equal(result.predecessor, old);
  assert.deepEqual([kinds(result), result.of_ledger[0].meter], [['before'], 65538]);
  assert.equal(stage.amrctl(...options, '--meter', '1/1', archive).code, GOOD);
  assert.equal(world.batches.length, 4);
});

ledgerTest('a check that is killed goes on where it was', async (stage) => {
  const world = new LedgerWorld(stage);
  await world.register(3, 60);
  await world.asAdmin('addServer', meterKey(900).address, 3);
  const meters = Array.from({ length: 60 }, (_, i) => 3 * 65536 + 1 + i);
  for (let i = 0; i < 40; i++) await sealNext(world, meters, i, { server: meterKey(900).address });
  const archive = world.archive(stage.path('a.archive'));
  const state = stage.path('state.json');
  const args = ['verify', '--json', '--cache', 'none', '--group', 3, '--threads', 1];
  args.push('--state', state, ...stage.onChain, archive);
  const child = Object.assign(stage.program('verify', stage.amrctlPath, args), { mayFail: true });
  child.start();
  // A slow machine: it is let run for a moment at a time, until it has saved what it did.
  await until('a state', () => {
    child.child.kill('SIGSTOP');
    if (existsSync(state)) return true;
    child.child.kill('SIGCONT');
    return child.ended;
  });
  await child.kill();
  const { next } = JSON.parse(readFileSync(state, 'utf8'));
  const made = stage.amrctl(...args);
  const result = JSON.parse(made.stdout);
  assert.deepEqual([made.code, result.resumed, result.verified], [GOOD, next, 60 * 160]);
  assert.deepEqual([...new Set(result.meters.map((m) => m.sequence))], [40]);
});

/** A node between us and the real one; `rule(method, params)` may answer in its place. */
async function between(stage, rule) {
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const piece of request) text += piece;
    const calls = [JSON.parse(text)].flat();
    const answer = await Promise.all(
      calls.map(async ({ id, method, params }) => {
        const own = await rule(method, params ?? []);
        if (own === 'cut') return undefined;
        if (own) return { jsonrpc: '2.0', id, error: { code: -32000, message: own } };
        const result = await stage.rpc.request({ method, params });
        return { jsonrpc: '2.0', id, result };
      }),
    );
    if (answer.includes(undefined)) return request.socket.destroy();
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(text.startsWith('[') ? answer : answer[0]));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, server };
}

ledgerTest('a node that allows little at once and goes away in between does for it', async (stage, world) => {
  await stage.rpc.request({ method: 'anvil_mine', params: ['0x80'] });
  await sealNext(world, [65537], 4);
  const archive = world.archive(stage.path('a.archive'));
  const asked = [];
  let away = Infinity;
  const node = await between(stage, (method, [query]) => {
    if (method !== 'eth_getLogs') return undefined;
    const range = Number(query.toBlock) - Number(query.fromBlock) + 1;
    if (range > 10) return 'query exceeds max block range 10';
    if (asked.length >= away) return 'cut';
    asked.push(Number(query.fromBlock));
    return undefined;
  });
  const program = (...args) =>
    stage.program('amrctl', stage.amrctlPath, ['verify', '--json', '--rpc', node.url, ...args]).start();
  const rest = ['--config', stage.ledgerConf, '--cache', stage.path('cache'), archive];
  try {
    away = 5;
    const cut = Object.assign(program(...rest), { mayFail: true });
    assert.equal((await cut.exit).code, FAILED);
    assert.match(cut.text(), /reading events of block/);
    away = Infinity;
    const from = asked.length;
    const whole = program(...rest);
    assert.deepEqual(await whole.exit, { code: GOOD, signal: null });
    assert.ok(asked[from] > asked[0], 'goes on where it was');
    asked.length = 0;
    assert.equal((await program(...rest).exit).code, GOOD);
    assert.ok(asked[0] > 60, 'final blocks are not asked for again');
  } finally {
    node.server.close();
    node.server.closeAllConnections();
  }
});

ledgerTest('another chain, another contract and no node are refused in words', async (stage, world) => {
  const archive = world.archive(stage.path('a.archive'));
  const chain = stage.verify('--chain-id', 1, archive);
  assert.equal(chain.code, REFUSED);
  assert.match(chain.stderr, /serves chain 31337, not chain-id 1/);
  const contract = stage.verify('--contract', stage.admin.address, archive);
  assert.equal(contract.code, REFUSED);
  const node = stage.amrctl('verify', '--rpc', 'http://127.0.0.1:9', '--config', stage.ledgerConf);
  assert.equal(node.code, FAILED);
  assert.match(node.stderr, /no node answers/);
  assert.equal(stage.verify(stage.path('none')).code, FAILED);
  assert.equal(stage.verify(stage.ledgerConf).code, FAILED);
  assert.equal(stage.verify('--meter', 'E-01', archive).code, USAGE);
});
