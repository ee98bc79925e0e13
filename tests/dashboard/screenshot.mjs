// screenshot: makes docs/dashboard.png, the picture in README.md: a real system whose eight meters
// send the last day's readings.
//
//   AMR_PRESET=release tests/tools/node20 tests/dashboard/screenshot.mjs [FILE]
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loaded, reads } from './browser.mjs';
import { until } from '../e2e/processes.mjs';
import { World } from './world.mjs';

const METERS = 8;
const STEP = 900;
const A_DAY = 96;
const A_REPORT = 8;
const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const file = process.argv[2] ?? join(ROOT, 'docs/dashboard.png');

const bump = (hour, at, width) => Math.exp(-(((hour - at) / width) ** 2));

/** What household n takes and feeds in at a time of day, in watts. */
function watts(n, t) {
  const hour = (t % 86_400) / 3600;
  const wobble = 1 + 0.25 * Math.sin(n * 7 + t / 1700);
  const taken = (180 + 700 * bump(hour, 7.5, 1.4) + 1300 * bump(hour, 19, 2.4)) * wobble;
  const sun = n % 3 === 0 ? 3200 * bump(hour, 12.3, 2.6) : 0;
  return [Math.max(40, taken - sun), Math.max(0, sun - taken)];
}

/** A day of quarter hours that ends with the last full one. */
function dayOf(n) {
  const end = Math.floor(Date.now() / 1000 / STEP) * STEP;
  let [taken, fed] = [4_000_000 + n * 731_000, n % 3 === 0 ? 900_000 : 0];
  return Array.from({ length: A_DAY }, (_, i) => {
    const t = end - (A_DAY - 1 - i) * STEP;
    const [w, back] = watts(n, t);
    taken += (w * STEP) / 3600;
    fed += (back * STEP) / 3600;
    return { t, import_wh: Math.round(taken), export_wh: Math.round(fed) };
  });
}

async function sendDay(stage, n) {
  const meter = stage.household(`E000${n + 1}`);
  const client = await stage.admit(meter);
  const readings = dayOf(n).slice(0, n === 5 ? A_DAY - 2 * A_REPORT : A_DAY);
  for (let i = 0; i < readings.length; i += A_REPORT) {
    const report = await meter.report(stage, i / A_REPORT + 1, readings.slice(i, i + A_REPORT));
    await client.publish(meter.topic('reading'), report);
  }
  return readings.length;
}

const world = await World.make({ bridge: ['--web-interval-s', STEP] });
try {
  const { stage } = world;
  let total = 0;
  for (let n = 0; n < METERS; n++) total += await sendDay(stage, n);
  stage.household('E0009');
  await until('all to be sealed', async () => (await stage.sealedReadings()) === total);
  const page = await world.at('overview', 'olga', { timezoneId: 'Europe/Amsterdam' });
  await loaded(page);
  await page.locator('.chart canvas').waitFor();
  await reads(page.locator('.link-state'), /^Live/);
  await reads(page.locator('.tile', { hasText: 'Backlog' }), /0 reports/);
  mkdirSync(dirname(file), { recursive: true });
  await page.screenshot({ path: file, fullPage: true });
  console.log(file);
} finally {
  await world.end();
}
