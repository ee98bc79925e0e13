// Ten thousand meters: the pages stay as light as with ten.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { encodeFunctionData, parseAbi } from 'viem';
import { until } from '../e2e/processes.mjs';
import { loaded, picture, reads } from './browser.mjs';

// Without sanitizers, which make ten thousand of anything slow.
process.env.AMR_PRESET = 'dev';
const { World } = await import('./world.mjs');

const COUNT = 10_000;
const A_TRANSACTION = 250;
const FIRST = 0x10001;
const ABI = parseAbi(['function registerMeters(uint32 firstMeter, address[] signers)']);

let world;

/** Any addresses will do: these meters never say a word. */
const signer = (i) => `0x${(0x1000000 + i).toString(16).padStart(40, '0')}`;

async function register({ stage }, count) {
  const from = stage.admin.address;
  await stage.rpc.request({ method: 'anvil_impersonateAccount', params: [from] });
  for (let first = 0; first < count; first += A_TRANSACTION) {
    const signers = Array.from({ length: A_TRANSACTION }, (_, i) => signer(first + i));
    const data = encodeFunctionData({
      abi: ABI,
      functionName: 'registerMeters',
      args: [FIRST + first, signers],
    });
    await stage.rpc.request({
      method: 'eth_sendTransaction',
      params: [{ from, to: stage.contract, data }],
    });
  }
  await stage.bridge.says(new RegExp(`registry changed .* active=${count}$`, 'm'));
}

/** Until the pages' own view of the registry has them, too. */
async function shown({ url }, count) {
  const metrics = async () => (await fetch(`${url}/metrics`)).text();
  await until('the pages to know all meters', async () =>
    (await metrics()).includes(`amr_meters{state="never"} ${count}\n`),
  );
}

before(async () => {
  world = await World.make({ bridge: ['--web-interval-s', 900] });
  await register(world, COUNT);
  await shown(world, COUNT);
});

after(async () => {
  assert.deepEqual(await world.end(), []);
});

test('ten thousand meters are a table of a few dozen rows that reaches its end', async () => {
  const page = await world.at('meters');
  await reads(page.locator('.heading-right'), /^10.000 meters$/);
  const rows = page.locator('.rows tbody tr:not(.spacer)');
  assert.ok((await rows.count()) < 60);
  await page.getByRole('button', { name: 'Meter', exact: true }).click();
  await page.getByRole('region', { name: 'Meters' }).focus();
  await page.keyboard.press('End');
  await reads(rows.last(), new RegExp(`id ${FIRST + COUNT - 1}`));
  assert.equal(await rows.last().getAttribute('aria-rowindex'), String(COUNT + 1));
  assert.ok((await rows.count()) < 60);
  await picture(page, 'meters-10000');
  await page.getByLabel('Search by serial or meter id').fill(String(FIRST + 1234));
  await reads(page.locator('.heading-right'), /^1 meter$/);
  await page.getByRole('button', { name: /^Reporting/ }).click();
  await reads(page.locator('#view'), /No such meter/);
  assert.deepEqual(page.problems, []);
});

test('ten thousand meters are one heat map', async () => {
  const page = await world.at('heatmap');
  await loaded(page);
  await reads(page.locator('.heading-right'), /^10.000 meters/);
  await page.getByRole('application').focus();
  for (let i = 0; i < 3; i++) await page.keyboard.press('PageDown');
  await reads(page.locator('.heat-told'), /^meter \d+, /);
  await picture(page, 'heatmap-10000');
  assert.deepEqual(page.problems, []);
});

test('the overview counts ten thousand meters', async () => {
  const page = await world.at('overview');
  await reads(page.locator('.fleet .big'), /10.000 meters/);
  await reads(page.locator('.fleet-part', { hasText: 'Never seen' }), /10.000/);
});
