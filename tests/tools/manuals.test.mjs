// What the programs print for man(1) and the shell: manual pages without a warning of groff, and a
// completion that bash can use. AMR_BIN names the folder of the programs.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { join } from 'node:path';

const bin = process.env.AMR_BIN ?? 'build/dev/bin';
const out = (program, ...args) => execFileSync(join(bin, program), args, { encoding: 'utf8' });

/** Text as a terminal would show it. */
function rendered(page) {
  const made = spawnSync('man', ['--warnings', '-E', 'ascii', '-l', '-'], {
    input: page,
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C', MANWIDTH: '78', MANPAGER: 'cat', MAN_KEEP_FORMATTING: '' },
  });
  assert.equal(made.status, 0, made.stderr);
  assert.equal(made.stderr, '');
  return made.stdout.replace(/.\x08/g, '').replace(/\x1b\[[0-9;]*m/g, '');
}

/** Names in the option list of a program's --help. */
function options(program, ...verb) {
  return [...out(program, ...verb, '--help').matchAll(/^ {2}--([a-z0-9-]+)/gm)].map((m) => m[1]);
}

for (const program of ['amr-bridge', 'amr-meter'])
  test(`the manual page of ${program} is clean and tells every option`, () => {
    const text = rendered(out(program, '--man'));
    for (const heading of ['NAME', 'SYNOPSIS', 'DESCRIPTION', 'OPTIONS', 'EXIT STATUS'])
      assert.match(text, new RegExp(`^${heading}$`, 'm'));
    for (const name of options(program)) assert.ok(text.includes(`--${name}`), `--${name}`);
  });

const verbs = [...out('amrctl', 'help').matchAll(/^ {2}([a-z-]+(?: [a-z-]+)?) {2,}\S/gm)].map(
  (m) => m[1],
);

test('the manual page of amrctl is clean and tells every verb and option', () => {
  assert.ok(verbs.length > 15, `${verbs}`);
  const text = rendered(out('amrctl', 'man'));
  for (const verb of verbs) {
    assert.match(text, new RegExp(`^ +${verb.replace(' ', ' +')}( |$)`, 'm'));
    for (const name of options('amrctl', ...verb.split(' ')))
      assert.ok(text.includes(`--${name}`), `${verb} --${name}`);
  }
  for (const code of [0, 1, 2, 3, 4, 5]) assert.match(text, new RegExp(`^ +${code} `, 'm'));
});

/** What bash offers after these words, the last of which is being typed. */
function completed(...words) {
  const script = `source /dev/stdin <<'END'\n${out('amrctl', 'completion', 'bash')}END
    COMP_WORDS=(amrctl "$@"); COMP_CWORD=$#; _amrctl; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const made = spawnSync('bash', ['-c', script, 'bash', ...words], { encoding: 'utf8' });
  assert.equal(made.stderr, '');
  return made.stdout.split('\n').filter(Boolean);
}

test('bash completes verbs, their second words and their options', () => {
  const first = [...new Set(verbs.map((verb) => verb.split(' ')[0]))];
  assert.deepEqual(completed('').sort(), [...first, '--help', '--version', 'help'].sort());
  assert.deepEqual(completed('sta').sort(), ['staff', 'status']);
  const keys = verbs.filter((verb) => verb.startsWith('key ')).map((verb) => verb.slice(4));
  assert.deepEqual(completed('key', '').sort(), keys.sort());
  assert.deepEqual(completed('completion', ''), ['bash']);
  for (const verb of verbs) {
    const offered = completed(...verb.split(' '), '--');
    for (const name of options('amrctl', ...verb.split(' ')))
      if (name !== 'man' && name !== 'version')
        assert.ok(offered.includes(`--${name}`), `${verb} --${name}: ${offered}`);
  }
  assert.deepEqual(completed('readings', '65537', 'x'), [], 'files are left to bash');
});

test('a verb that is none is answered with what was probably meant', () => {
  const said = (...args) => {
    const made = spawnSync(join(bin, 'amrctl'), args, { encoding: 'utf8' });
    assert.equal(made.status, 2);
    return made.stderr;
  };
  assert.match(said('stauts'), /did you mean 'status'\?/);
  assert.match(said('kye', 'new'), /did you mean 'key new'\?/);
  assert.match(said('key', 'make'), /'key' goes on with new \| import \| show/);
  assert.match(said('frobnicate'), /amrctl help lists them/);
  assert.match(said('status', '--gruop', '3'), /did you mean 'group'\?/);
});
