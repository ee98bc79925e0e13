// Key files: what amrctl makes, other tools open, and a changed passphrase is the only one left.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { arch, tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { run } from './processes.mjs';

const BIN = join(process.cwd(), 'build', process.env.AMR_PRESET ?? 'dev', 'bin');
const PLATFORM = arch() === 'arm64' ? 'arm64' : 'amd64';
const CAST = join(process.cwd(), `contracts/node_modules/@foundry-rs/cast-linux-${PLATFORM}/bin/cast`);

test('a passphrase is changed, and a change that was interrupted is told', () => {
  const dir = mkdtempSync(join(tmpdir(), 'amr-key-'));
  const at = (name) => join(dir, name);
  const key = (...args) => run(join(BIN, 'amrctl'), ['key', ...args, '--keystore', at('a.json')]);
  const opens = (name) =>
    run(CAST, ['wallet', 'address', '--keystore', at('a.json'), '--password-file', at(name)]);
  writeFileSync(at('old'), 'old words\n', { mode: 0o600 });
  writeFileSync(at('new'), 'new words\n', { mode: 0o600 });
  const change = ['--scrypt-log-n', 12, '--new-passphrase-file', at('new')];
  const made = key('new', '--scrypt-log-n', 12, '--passphrase-file', at('old'));
  assert.equal(made.code, 0, made.stderr);
  const address = made.stdout.trim();
  assert.equal(opens('old').stdout.trim(), address);

  writeFileSync(at('a.json.new'), 'half');
  let said = key('passphrase', '--passphrase-file', at('old'), ...change);
  assert.equal(said.code, 1);
  assert.match(said.stderr, /left from a change that was interrupted; the old passphrase is still/);
  rmSync(at('a.json.new'));

  said = key('passphrase', '--passphrase-file', at('new'), ...change);
  assert.match(said.stderr, /wrong passphrase/);
  assert.equal(key('passphrase', '--passphrase-file', at('old')).code, 2);
  said = key('passphrase', '--passphrase-file', at('old'), ...change);
  assert.equal(said.code, 0, said.stderr);
  assert.equal(said.stdout.trim(), address);
  assert.equal(opens('new').stdout.trim(), address);
  assert.notEqual(opens('old').code, 0);
  assert.equal(statSync(at('a.json')).mode & 0o777, 0o600);
  assert.ok(!existsSync(at('a.json.new')));
  rmSync(dir, { recursive: true });
});
