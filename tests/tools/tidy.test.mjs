// Each rule of tidy.mjs shown red on a small bad tree, and green on the good one.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { inspect } from './tidy.mjs';

const STORY = '/*\n * x.h: a module that exists only to be looked at by this test.\n */\n';
const GOOD = {
  'common/CMakeLists.txt': 'amr_library(common MODULES x)\n',
  'common/x.h': `${STORY}#ifndef X_H\n#define X_H\nint x_get(int number);\n#endif\n`,
  'common/x.c':
    '#include "common/x.h"\n\nstatic const char *const NAMES[] = {"one", "strcpy("};\n\n' +
    'int x_get(int number)\n{\n    return NAMES[number][0]; /* not sprintf() */\n}\n',
};
const lines = (count, text) => Array(count).fill(text).join('\n');

function rulesBroken(changes) {
  const root = mkdtempSync(join(tmpdir(), 'tidy-test-'));
  try {
    for (const [path, text] of Object.entries({ ...GOOD, ...changes })) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return [...new Set(inspect(root).findings.map((f) => f.rule))];
  } finally {
    rmSync(root, { recursive: true });
  }
}

test('a good tree breaks no rule', () => {
  assert.deepEqual(rulesBroken({}), []);
});

const prototypes = 'int y(void);\n';
const BAD = {
  'function-length': {
    'common/x.c': `int x_get(int n)\n{\n${lines(70, '    n++;')}\n    return n;\n}\n`,
  },
  'file-length': { 'common/x.c': GOOD['common/x.c'] + lines(800, '/* filler */') + '\n' },
  'header-story': { 'common/x.h': GOOD['common/x.h'].slice(STORY.length) },
  'mutable-data': { 'common/x.c': `static int count;\n${GOOD['common/x.c']}` },
  'banned-call': {
    'common/x.c': GOOD['common/x.c'].replace('return', 'strcpy(0, 0);\n    return'),
  },
  'time-source': { 'common/x.c': GOOD['common/x.c'].replace('return', 'time(0);\n    return') },
  fence: { 'common/x.c': `#include <sqlite3.h>\n${GOOD['common/x.c']}` },
  'module-pair': { 'common/y.h': `${STORY.replace('x.h', 'y.h')}${prototypes}` },
  'dead-file': { 'common/y.c': 'int main(void)\n{\n    return 0;\n}\n' },
  leftover: { 'README.md': `to do: TO${'DO'} write this\n` },
  whitespace: { 'common/x.c': GOOD['common/x.c'].replace('{\n', '{ \n') },
  place: { 'README.md': `see /wo${'rk/'}main\n` },
  'blind-wait': { 'tests/e2e/x.test.mjs': 'setTimeout(() => {}, 10)\n' },
};

for (const [rule, changes] of Object.entries(BAD)) {
  test(`${rule} is seen`, () => assert.deepEqual(rulesBroken(changes), [rule]));
}

const DATA = {
  'a mutable array of constant strings': 'static const char *names[] = {"a"};',
  'a mutable static in a function':
    'int f(void);\nint f(void)\n{\n    static int calls;\n    return ++calls;\n}',
  'extern data': 'extern int shared;',
  'a mutable structure with an initialiser': 'static struct pair { int a; } pair = {1};',
};
for (const [name, code] of Object.entries(DATA)) {
  test(`${name} is mutable data`, () => {
    assert.deepEqual(rulesBroken({ 'common/x.c': `${code}\n${GOOD['common/x.c']}` }), [
      'mutable-data',
    ]);
  });
}

const FINE = {
  'a table of functions': 'static int (*const CALLS[])(int) = {x_get};',
  'a struct definition': 'struct pair {\n    int a;\n    char *b;\n};',
  'a prototype over two lines': 'int f(int a,\n      const char *b) AMR_NODISCARD;',
  'a macro over two lines': '#define ROW(a) \\\n    {a, 0},\nstatic const int ROWS[] = {1};',
  'a static function': 'static void f(char *text)\n{\n    (void)text;\n}',
};
for (const [name, code] of Object.entries(FINE)) {
  test(`${name} is no mutable data`, () => {
    assert.deepEqual(rulesBroken({ 'common/x.c': `${code}\n${GOOD['common/x.c']}` }), []);
  });
}
