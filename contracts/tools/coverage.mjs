// Sums up an lcov file of forge coverage for src/: prints a line a file, fails below 100 %.
import { readFileSync } from 'node:fs';

const files = {};
let file;
for (const line of readFileSync(process.argv[2], 'utf8').split('\n')) {
  const [key, value] = line.split(':');
  if (key === 'SF') file = value.startsWith('src/') ? (files[value] ??= {}) : {};
  else if (/^(LF|LH|BRF|BRH)$/.test(key)) file[key] = Number(value);
  else if (/^DA:\d+,0$/.test(line) || /^BRDA:.*,(0|-)$/.test(line)) (file.missed ??= []).push(line);
}

const percent = (hit, found) => (found === 0 ? 100 : (100 * hit) / found).toFixed(2);
const total = { LF: 0, LH: 0, BRF: 0, BRH: 0 };
for (const [name, counts] of Object.entries(files)) {
  for (const key in total) total[key] += counts[key];
  console.log(`${name}: ${counts.LH} of ${counts.LF} lines, ${counts.BRH} of ${counts.BRF} branches`);
  for (const line of counts.missed ?? []) console.log(`    ${line}`);
}
console.log(`= ${percent(total.LH, total.LF)} % of ${total.LF} lines, ` +
  `${percent(total.BRH, total.BRF)} % of ${total.BRF} branches`);
process.exit(total.LF > 0 && total.LH === total.LF && total.BRH === total.BRF ? 0 : 1);
