// options.mjs: the option tables of INTERFACES.md, made from what the programs say of themselves.
//
//   node tests/tools/options.mjs BIN-DIR           rewrites the tables
//   node tests/tools/options.mjs BIN-DIR --check   fails where a table is not what --help says
//
// A table stands between <!-- options: PROGRAM [VERB...] --> and <!-- end -->.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const page = fileURLToPath(new URL('../../INTERFACES.md', import.meta.url));
const [bin, mode] = process.argv.slice(2);
if (!bin || (mode && mode !== '--check')) {
  console.error('usage: options.mjs BIN-DIR [--check]');
  process.exit(2);
}

const common = new Set(['config', 'dump-config', 'help', 'version']);

/** Rows {name, kind, help, fallback} of a program's --help. */
function rowsOf(program, verbs) {
  const help = execFileSync(join(bin, program), [...verbs, '--help'], { encoding: 'utf8' });
  const rows = [];
  for (const [, name, kind, text] of help.matchAll(/^ {2}--([a-z0-9-]+) ?([A-Z]*)\n {6}(.*)$/gm)) {
    if (common.has(name)) continue;
    const [, words, fallback] = text.match(/^(.*?)(?: \(default ([^)]*)\))?$/);
    rows.push({ name, kind, words, fallback: fallback ?? '' });
  }
  if (!rows.length) throw new Error(`${program} ${verbs.join(' ')} --help shows no options`);
  return rows;
}

const cell = (text) => text.replaceAll('|', '\\|');

function tableOf(program, verbs) {
  const lines = ['| option | default | meaning |', '|---|---|---|'];
  for (const row of rowsOf(program, verbs)) {
    const fallback = row.fallback ? `\`${row.fallback}\`` : '';
    lines.push(`| \`${row.name}${row.kind ? ' ' + row.kind : ''}\` | ${fallback} | ${cell(row.words)} |`);
  }
  return lines.join('\n');
}

const before = readFileSync(page, 'utf8');
let tables = 0;
const after = before.replace(
  /(<!-- options: ([^>]*?) -->\n)[^]*?(<!-- end -->)/g,
  (_, head, words, end) => {
    const [program, ...verbs] = words.split(' ');
    tables++;
    return `${head}${tableOf(program, verbs)}\n${end}`;
  },
);
if (mode === '--check' && after !== before) {
  console.error('INTERFACES.md: an option table is not what --help says; run tests/tools/options.mjs BIN-DIR');
  process.exit(1);
}
if (!mode) writeFileSync(page, after);
console.log(`${tables} option tables ${mode ? 'are right' : 'written'}`);
