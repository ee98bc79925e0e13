// A proof that amrctl wrote is accepted by amrctl and by the public program, which shares no code
// with it; one changed digit anywhere, and both refuse.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Stage } from './harness.mjs';
import { LedgerWorld, quarterHours } from './ledger_world.mjs';

const PROGRAM = join(
  fileURLToPath(new URL('.', import.meta.url)),
  '../../contracts/tools/check-proof.mjs'
);
const START = Math.floor(Date.now() / 900_000) * 900 - 86_400;

/** A program's exit status and words. */
function ended(command, ...args) {
  return new Promise((resolve) => {
    const child = spawn(command, args);
    let text = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (text += data));
    child.on('close', (code) => resolve({ code, text }));
  });
}

const publicly = (...args) => ended(process.execPath, PROGRAM, ...args);

/** Every number and text of a JSON value with one digit made another: [what, value]. */
function* mutations(value, path = []) {
  if (typeof value === 'object') {
    for (const key of Object.keys(value))
      for (const [what, inner] of mutations(value[key], [...path, key])) {
        const copy = structuredClone(value);
        copy[key] = inner;
        yield [what, copy];
      }
    return;
  }
  const text = String(value);
  const at = text.search(/\d(?=\D*$)/);
  const changed = text.slice(0, at) + ((Number(text[at]) + 1) % 10) + text.slice(at + 1);
  yield [path.join('.'), typeof value === 'number' ? Number(changed) : changed];
}

test('both checkers accept a proof, and refuse it with any digit changed', { timeout: 240_000 }, async () => {
  const stage = new Stage();
  const wrong = [];
  try {
    await stage.startChain();
    await stage.deploy();
    const world = new LedgerWorld(stage);
    await world.register(1, 5);
    const reports = [];
    for (let m = 65537; m <= 65541; m++)
      reports.push(await world.report(m, 1, quarterHours(m, START, 2)));
    await world.seal(reports);
    // The contract refuses what is not later; it hangs in the tree all the same.
    const stale = await world.report(65538, 2, [{ t: START + 900, import_wh: 999_999_999 }]);
    const late = await world.report(65537, 2, quarterHours(65537, START, 3).slice(2));
    await world.seal([late, stale]);

    const archive = world.archive(stage.path('a.archive'));
    const path = stage.path('proof.json');
    const time = new Date((START + 1000) * 1000).toISOString().slice(0, 19);
    const made = stage.amrctl('proof', '1/3', time, archive, '--output', path, ...stage.onChain);
    assert.equal(made.code, 0, made.stderr);
    const check = (file, ...rest) => stage.amrctl('check-proof', file, ...rest);
    const asked = ['--rpc', stage.wsUrl];

    // Mathematics alone, and with the chain; each says which.
    let said = check(path);
    assert.deepEqual([said.code, /NOT ASKED/.test(said.stdout)], [0, true]);
    said = check(path, ...asked);
    assert.equal(said.code, 0, said.stderr);
    assert.match(said.stdout, /chain {8}good: ledger 0x/);
    const json = JSON.parse(check(path, ...asked, '--json').stdout);
    assert.deepEqual([json.mathematics, json.chain, json.t], [true, true, START + 900]);
    assert.equal(JSON.parse(check(path, '--json').stdout).chain, null);
    let own = await publicly(path);
    assert.deepEqual([own.code, /NOT ASKED/.test(own.text)], [0, true], own.text);
    own = await publicly(path, stage.rpcUrl);
    assert.deepEqual([own.code, /chain good/.test(own.text)], [0, true], own.text);

    const proof = JSON.parse(readFileSync(path, 'utf8'));
    const all = [...mutations(proof)];
    assert.ok(all.length >= 22, `${all.length} fields`);
    const refuse = async ([what, changed], i) => {
      const bad = stage.path(`bad-${i}.json`);
      writeFileSync(bad, JSON.stringify(changed));
      const again = /readings\.1|proof\.[^0]/.test(what); // the same once more: ours alone
      const [first, second] = await Promise.all([
        ended(stage.amrctlPath, 'check-proof', bad, ...asked),
        again ? { code: 4 } : publicly(bad, stage.rpcUrl),
      ]);
      if (![3, 4].includes(first.code)) wrong.push(`amrctl accepts ${what}: ${first.text}`);
      if (second.code !== 4) wrong.push(`check-proof.mjs accepts ${what}: ${second.text}`);
      if (!['batch', 'tx', 'block'].includes(what) && check(bad).code !== 4)
        wrong.push(`amrctl accepts ${what} without a node`);
    };
    for (let i = 0; i < all.length; i += 4)
      await Promise.all(all.slice(i, i + 4).map((mutation, j) => refuse(mutation, i + j)));

    // A reading that the contract refused proves nothing, though its report is under the root.
    const refused = { ...proof, ...{ t: START + 900, report: stale, batch: 2 } };
    const { root, tx, block, tree } = world.batches[1];
    const { address } = (await import('./ledger_world.mjs')).meterKey(65538);
    Object.assign(refused, { root, tx, block, signer: address, proof: tree.getProof(world.leaf(stale)) });
    writeFileSync(stage.path('refused.json'), JSON.stringify(refused));
    said = check(stage.path('refused.json'), ...asked);
    assert.deepEqual([said.code, /refused this reading/.test(said.stderr)], [4, true], said.stderr);
    own = await publicly(stage.path('refused.json'), stage.rpcUrl);
    assert.deepEqual([own.code, /refused the reading/.test(own.text)], [4, true], own.text);

    // Without the other reports of the batch there is no way to its root.
    const alone = world.export(stage.path('m.jsonl'), world.batches, (r) => r.meter === 65539);
    said = stage.amrctl('proof', '1/3', time, alone, ...stage.onChain);
    assert.equal(said.code, 6, said.stderr);
    assert.match(said.stderr, /do not lead to the batch's root/);
    assert.equal(stage.amrctl('proof', '1/3', '2020-01-01', archive, ...stage.onChain).code, 4);
    assert.equal(check(path, '--rpc', 'http://127.0.0.1:9').code, 1);
    assert.equal((await publicly(path, 'http://127.0.0.1:9')).code, 1);
    assert.equal(check(archive).code, 4);
  } finally {
    wrong.push(...(await stage.end()));
    if (wrong.length === 0) rmSync(stage.dir, { recursive: true });
  }
  assert.deepEqual(wrong, []);
});
