// count DIR STATUS: how many tests passed and failed in one step of tests/run, from what its
// runners left in DIR: *.junit.xml (ctest), *.tap (node --test), else the closing line in the log,
// else the step itself. A step that exited non-zero has at least one failure, whatever was counted.
// count DIR --failures: what the failed programs of ctest printed.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const sum = (numbers) => [...numbers].reduce((a, b) => a + b, 0);
const all = (text, pattern) => [...text.matchAll(pattern)].map((m) => Number(m[1]));

/** ctest knows programs; a cmocka program prints how many of its tests passed and failed. */
export function countJunit(xml) {
  let passed = 0,
    failed = 0;
  for (const [, attributes, body] of xml.matchAll(
    /<testcase ([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g,
  )) {
    const good = sum(all(body ?? '', /\[  PASSED  \] (\d+) test/g));
    const bad = sum(all(body ?? '', /\[  FAILED  \] (\d+) test/g));
    const broke = /status="fail"/.test(attributes);
    passed += good || (broke ? 0 : 1);
    failed += bad || (broke ? 1 : 0);
  }
  return [passed, failed];
}

export function countTap(tap) {
  return [sum(all(tap, /^# pass (\d+)/gm)), sum(all(tap, /^# (?:fail|cancelled) (\d+)/gm))];
}

/** The closing line of a script that counts by itself. */
export function countClosing(log) {
  const last = [...log.matchAll(/^(\d+) passed, (\d+) failed$/gm)].at(-1);
  return last && [Number(last[1]), Number(last[2])];
}

export function count(directory, status) {
  const files = readdirSync(directory);
  const read = (name) => readFileSync(join(directory, name), 'utf8');
  const counts = [
    ...files.filter((f) => f.endsWith('.junit.xml')).map((f) => countJunit(read(f))),
    ...files.filter((f) => f.endsWith('.tap')).map((f) => countTap(read(f))),
  ];
  if (!counts.length)
    counts.push(countClosing(read('log').replace(/\x1b\[[0-9;]*m/g, '')) ?? [status ? 0 : 1, 0]);
  const passed = sum(counts.map((c) => c[0])),
    failed = sum(counts.map((c) => c[1]));
  return [passed, status && !failed ? 1 : failed];
}

const ENTITIES = { lt: '<', gt: '>', quot: '"', apos: "'", amp: '&' };

/** What the failed programs of a ctest run printed, the end of each. */
export function failures(xml, lines = 60) {
  const decode = (text) =>
    text.replace(/&(lt|gt|quot|apos|amp);/g, (_, name) => ENTITIES[name]).replace(/&#\d+;/g, ' ');
  return [
    ...xml.matchAll(/<testcase name="([^"]*)"[^>]*status="fail"[^>]*>([\s\S]*?)<\/testcase>/g),
  ].map(([, name, body]) => {
    const output = decode(body.match(/<system-out>([\s\S]*?)<\/system-out>/)?.[1] ?? '');
    return `${name} failed:\n${output.trimEnd().split('\n').slice(-lines).join('\n')}`;
  });
}

function main([directory, status]) {
  if (status !== '--failures') {
    console.log(count(directory, Number(status)).join(' '));
    return;
  }
  for (const name of readdirSync(directory).filter((f) => f.endsWith('.junit.xml')))
    for (const text of failures(readFileSync(join(directory, name), 'utf8'))) console.log(text);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(process.argv.slice(2));
