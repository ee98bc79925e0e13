// Enrolment: many meters at once, each proving its keys; what is stale, foreign or interrupted.
import assert from 'node:assert/strict';
import { createHash, X509Certificate } from 'node:crypto';
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { getAddress, parseAbi, recoverMessageAddress } from 'viem';
import { until } from './harness.mjs';
import { background, onChain } from './onchain.mjs';
import { run } from './processes.mjs';

const BIN = join(process.cwd(), 'build', process.env.AMR_PRESET ?? 'dev', 'bin');
const ABI = parseAbi([
  'function meterSigner(uint32) view returns (address)',
  'function meterStatus(uint32) view returns (uint8)',
]);
const view = (stage, functionName, meter) =>
  stage.rpc.readContract({ address: stage.contract, abi: ABI, functionName, args: [meter] });

function init(stage, ...serials) {
  for (const serial of serials) {
    const made = run(join(BIN, 'amr-meter'), ['init', '--dir', stage.path('meters'), '--serial', serial]);
    assert.equal(made.code, 0, made.stderr);
  }
}

const options = (stage) => [
  ...['--group', 1, '--pki', stage.path('pki'), ...stage.onChain, ...stage.admin.options],
  ...['--servers', 'ssl://broker.example:8883'],
];
const enrol = (stage, ...args) => stage.amrctl('enrol', ...options(stage), ...args);

/** Rows of a successful enrolment. */
function enrolled(stage, ...args) {
  const made = enrol(stage, '--json', ...args);
  assert.equal(made.code, 0, made.stderr);
  return JSON.parse(made.stdout);
}

const file = (stage, name) => readFileSync(stage.path('meters', name), 'utf8');

onChain('a folder of requests becomes registered meters with certificates', async (stage) => {
  stage.ctl('pki', 'init', '--dir', stage.path('pki'));
  const serials = Array.from({ length: 25 }, (_, i) => `M-${i + 1}`);
  init(stage, ...serials);
  const rows = enrolled(stage, '--per-transaction', 10, stage.path('meters'));
  assert.deepEqual(rows.map((row) => row.serial), serials);
  assert.deepEqual(rows.map((row) => row.meter), serials.map((_, i) => 65537 + i));
  for (const { serial, meter, signer, state, certificate } of rows) {
    assert.deepEqual([state, certificate], ['new', 'new']);
    assert.equal(await view(stage, 'meterSigner', meter), signer);
    assert.equal(await view(stage, 'meterStatus', meter), 1);
    const made = new X509Certificate(file(stage, `${serial}.crt`));
    assert.equal(made.subjectAltName, `URI:did:ethr:${signer}`);
    assert.ok(made.verify(new X509Certificate(readFileSync(stage.path('pki/ca.crt'))).publicKey));
    assert.match(file(stage, `${serial}.conf`), new RegExp(`^meter = ${meter}$`, 'm'));
  }
  const again = enrolled(stage, stage.path('meters'));
  assert.deepEqual(again, rows.map((row) => ({ ...row, state: 'known', certificate: 'kept' })));
  const listed = JSON.parse(stage.ctl('meters', '--json', ...stage.onChain));
  assert.deepEqual(listed.map((row) => [row.meter, row.signer]), rows.map((row) => [row.meter, row.signer]));
});

onChain('a request proves the signing key to anybody, and a borrowed one is refused', async (stage) => {
  stage.ctl('pki', 'init', '--dir', stage.path('pki'));
  init(stage, 'M-1');
  const csr = stage.path('meters/M-1.csr');
  const text = run('openssl', ['req', '-in', csr, '-noout', '-text']).stdout;
  const pem = run('openssl', ['req', '-in', csr, '-noout', '-pubkey']).stdout;
  const der = Buffer.from(pem.replace(/-----.*-----|\n/g, ''), 'base64');
  const message = `AMR Ledger: meter M-1 has TLS key 0x${createHash('sha256').update(der).digest('hex')}`;
  const [, signature] = text.match(/unstructuredName\s*:(0x\w+)/);
  const [, signer] = text.match(/did:ethr:(0x\w+)/);
  assert.equal(await recoverMessageAddress({ message, signature }), getAddress(signer));

  // Somebody who has seen M-1's address asks for a certificate with it.
  const thief = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-utf8'];
  const ask = (name, config) => {
    writeFileSync(stage.path('thief.cnf'), config);
    const made = run('openssl', [
      ...['req', '-new', ...thief, '-config', stage.path('thief.cnf')],
      ...['-keyout', stage.path('thief.key'), '-out', stage.path(name)],
    ]);
    assert.equal(made.code, 0, made.stderr);
    return stage.path(name);
  };
  const head = '[req]\nprompt=no\ndistinguished_name=dn\nreq_extensions=ext\n';
  const rest = `[dn]\nOU=meter\nCN=M-9\n[ext]\nsubjectAltName=URI:did:ethr:${signer}\n`;
  let said = enrol(stage, ask('bare.csr', head + rest));
  assert.equal(said.code, 2);
  assert.match(said.stderr, /does not prove that the meter holds its signing key/);
  said = enrol(stage, '--unproven', ask('lie.csr', `${head}attributes=att\n${rest}[att]\nunstructuredName=${signature}\n`));
  assert.equal(said.code, 2);
  assert.match(said.stderr, /the proof of the signing key is not made by the did:ethr address/);
  assert.equal(await view(stage, 'meterStatus', 65537), 0);
});

onChain('new keys under an old serial are a rotation, and the certificate follows', async (stage) => {
  stage.ctl('pki', 'init', '--dir', stage.path('pki'));
  init(stage, 'M-1');
  const [first] = enrolled(stage, stage.path('meters'));
  const before = file(stage, 'M-1.crt');
  for (const ending of ['key', 'csr', 'signing-key'])
    renameSync(stage.path('meters', `M-1.${ending}`), stage.path('meters', `M-1.${ending}.old`));
  init(stage, 'M-1');
  const said = enrol(stage, stage.path('meters/M-1.csr'));
  assert.equal(said.code, 1);
  const [, meter, signer] = said.stderr.match(/first 'amrctl rotate (\d+) --signer (0x\w+)', then enrol again/);
  assert.equal(Number(meter), first.meter);
  stage.ctl('rotate', meter, '--signer', signer, ...stage.onChain, ...stage.admin.options);
  assert.equal(await view(stage, 'meterSigner', first.meter), signer);
  const [row] = enrolled(stage, stage.path('meters/M-1.csr'));
  assert.deepEqual(row, { ...first, signer, state: 'known', certificate: 'renewed' });
  const after = new X509Certificate(file(stage, 'M-1.crt'));
  assert.notEqual(file(stage, 'M-1.crt'), before);
  assert.equal(after.subjectAltName, `URI:did:ethr:${signer}`);

  stage.ctl('revoke', first.meter, ...stage.onChain, ...stage.admin.options);
  assert.equal(await view(stage, 'meterStatus', first.meter), 2);
  assert.match(enrol(stage, stage.path('meters/M-1.csr')).stderr, /closed meter 65537 \(amrctl reopen/);
  stage.ctl('reopen', '1/1', ...stage.onChain, ...stage.admin.options);
  assert.equal(await view(stage, 'meterStatus', first.meter), 1);
});

onChain('an interrupted enrolment is taken up where it was', async (stage) => {
  stage.ctl('pki', 'init', '--dir', stage.path('pki'));
  init(stage, 'M-1', 'M-2', 'M-3');
  await stage.rpc.request({ method: 'evm_setAutomine', params: [false] });
  const verb = background(stage, 'enrol', 'enrol', '--group', 1, '--pki', stage.path('pki'), stage.path('meters'));
  await until('the registration to wait', async () => {
    const pool = await stage.rpc.request({ method: 'txpool_status' });
    return Number(pool.pending) === 1;
  });
  await verb.stop('SIGKILL');
  assert.ok(!readdirSync(stage.path('meters')).some((name) => name.endsWith('.crt')));
  await stage.rpc.request({ method: 'evm_mine' });
  await stage.rpc.request({ method: 'evm_setAutomine', params: [true] });
  rmSync(stage.path('meters/ca.crt'), { force: true });
  const rows = enrolled(stage, stage.path('meters'));
  assert.deepEqual(rows.map((row) => [row.meter, row.state, row.certificate]), [
    [65537, 'known', 'new'],
    [65538, 'known', 'new'],
    [65539, 'known', 'new'],
  ]);
  mkdirSync(stage.path('empty'));
  assert.match(enrol(stage, stage.path('empty')).stderr, /no \*\.csr in folder/);
});
