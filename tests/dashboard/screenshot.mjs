// screenshot: makes docs/dashboard.png, the picture in README.md, of a real system at work.
//
//   AMR_PRESET=release tests/tools/node20 tests/dashboard/screenshot.mjs [FILE]
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { reads } from './browser.mjs';
import { seconds, until } from '../e2e/processes.mjs';
import { World } from './world.mjs';

const METERS = 8;
const BATCHES = 12;
const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const file = process.argv[2] ?? join(ROOT, 'docs/dashboard.png');

const world = await World.make({ bridge: ['--batch-age-ms', 3000] });
try {
  const { stage } = world;
  const meters = Array.from({ length: METERS }, (_, i) =>
    stage.addMeter(`SIM-000${i + 1}`, 'sim', ['--seed', i + 1, '--pv-wp', i % 3 ? 0 : 4000]),
  );
  stage.household('SIM-0009');
  await stage.startMeters(...meters);
  const page = await world.at('overview', 'olga', { timezoneId: 'Europe/Amsterdam' });
  await until('batches', async () => (await stage.sealedReadings()) > METERS * BATCHES, 120_000);
  await seconds(3);
  await reads(page.locator('.link-state'), /^Live/);
  mkdirSync(dirname(file), { recursive: true });
  await page.screenshot({ path: file });
  console.log(file);
} finally {
  await world.end();
}
