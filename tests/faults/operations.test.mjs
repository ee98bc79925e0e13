// The longer procedures of docs/operations.md; the others are in tests/e2e/operations.test.mjs.
import { copyFileSync, cpSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { admin, moreSealed, rebuild } from '../e2e/operating.mjs';
import { scenario } from '../e2e/harness.mjs';
import assert from 'node:assert/strict';
import { endAndCompare, startLoad } from './load.mjs';

scenario('an old copy of the store put back by mistake seals nothing twice', async (stage) => {
  const meters = await startLoad(stage, 2);
  await stage.bridge.stop();
  cpSync(stage.path('state'), stage.path('old-state'), { recursive: true });
  await stage.restartBridge();
  await moreSealed(stage, meters, 4);
  await stage.bridge.stop();
  copyFileSync(stage.path('state/bridge.db.archive'), stage.path('kept.archive'));
  rmSync(stage.path('state'), { recursive: true });
  cpSync(stage.path('old-state'), stage.path('state'), { recursive: true });
  await stage.bridge.start().says(/cause=(nonce-foreign|chain-reset)|nonce-foreign/);
  await stage.bridge.stop();
  for (const name of readdirSync(stage.path('state'))) rmSync(stage.path('state', name));
  const { code, stderr } = rebuild(stage, stage.path('kept.archive'));
  assert.equal(code, 0, stderr);
  await stage.restartBridge();
  await endAndCompare(stage, meters);
});

scenario("the server's Ethereum key is changed", async (stage) => {
  const meters = await startLoad(stage, 2);
  const fresh = await stage.account('server-2');
  stage.ctl('server', 'add', fresh.address, '--group', 1, ...admin(stage));
  await stage.bridge.stop();
  renameSync(stage.path('state/bridge.db.archive'), stage.path('before.archive'));
  for (const name of readdirSync(stage.path('state'))) rmSync(stage.path('state', name));
  stage.bridge.args = stage.bridge.args.map((arg) => fresh.options[stage.server.options.indexOf(arg)] ?? arg);
  const { code, stderr } = rebuild(stage, stage.path('before.archive'));
  assert.equal(code, 0, stderr);
  await stage.restartBridge();
  await stage.bridge.says(new RegExp(`account=${fresh.address}`, 'i'));
  stage.ctl('server', 'remove', stage.server.address, ...admin(stage));
  await moreSealed(stage, meters);
  await endAndCompare(stage, meters);
});

scenario('the authority is replaced without an hour in which meters are shut out', async (stage) => {
  const [meter] = await startLoad(stage, 1);
  const pki = (name) => stage.path('pki', name);
  const file = (name) => stage.path('meters', `${meter.serial}.${name}`);
  stage.ctl('pki', 'init', '--dir', stage.path('new-pki'));
  stage.ctl('pki', 'issue', '--dir', stage.path('new-pki'), '--role', 'bridge', '--name', 'bridge');
  // first everybody trusts both
  const both = readFileSync(pki('ca.crt'), 'utf8') + readFileSync(stage.path('new-pki/ca.crt'), 'utf8');
  for (const place of ['broker/ca.crt', 'both.crt']) writeFileSync(stage.path(place), both);
  stage.bridge.args = stage.bridge.args.map((arg) => (arg === pki('ca.crt') ? stage.path('both.crt') : arg));
  meter.args = [...meter.args, '--ca', stage.path('both.crt')];
  await stage.broker.stop();
  await stage.restartBroker();
  await stage.bridge.stop();
  await stage.restartBridge();
  await meter.stop();
  await stage.startMeters(meter);
  await moreSealed(stage, [meter]);
  // then new certificates, in any order
  renameSync(stage.path('pki'), stage.path('old-pki'));
  renameSync(stage.path('new-pki'), stage.path('pki'));
  for (const kind of ['crt', 'key']) writeFileSync(stage.path('broker', `server.${kind}`), readFileSync(pki(`server.${kind}`)));
  await stage.broker.stop();
  await stage.restartBroker();
  await stage.bridge.stop();
  await stage.restartBridge();
  rmSync(file('crt'));
  stage.enrol(file('csr'));
  await meter.stop();
  await stage.startMeters(meter);
  await moreSealed(stage, [meter]);
  // and the old one goes
  writeFileSync(stage.path('broker/ca.crt'), readFileSync(pki('ca.crt')));
  await stage.broker.stop();
  await stage.restartBroker();
  await moreSealed(stage, [meter]);
  await endAndCompare(stage, [meter]);
});
