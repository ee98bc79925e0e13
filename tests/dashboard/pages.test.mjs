// The dashboard as people use it: a real system with three meters, and Chromium.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { hashTypedData, recoverAddress } from 'viem';
import { accessible, numberIn, picture, reads, show } from './browser.mjs';
import { until } from '../e2e/processes.mjs';
import { World } from './world.mjs';

const TYPES = {
  Report: [
    { name: 'meter', type: 'uint32' },
    { name: 'sequence', type: 'uint32' },
    { name: 'readings', type: 'Reading[]' },
  ],
  Reading: [
    { name: 'timestamp', type: 'uint32' },
    { name: 'importWh', type: 'uint48' },
    { name: 'exportWh', type: 'uint48' },
    { name: 'quality', type: 'uint8' },
  ],
};
const VIEWS = [
  'overview',
  'meters',
  'meter/M-01',
  'heatmap',
  'alarms',
  'batches',
  'report',
  'verify',
];
const EMPTY = {
  overview: /No load yet/,
  meters: /No meters yet/,
  heatmap: /There are no meters yet/,
  alarms: /No open alarms/,
  batches: /No batch yet/,
  report: /Nothing on this day/,
};

let world;
let meters;

before(async () => {
  world = await World.make();
});

after(async () => {
  assert.deepEqual(await world.end(), []);
});

/** A test that ends its pages and insists that they did nothing that they must not. */
function scenario(name, body) {
  test(name, { timeout: 120_000 }, async () => {
    const before = world.browser.contexts().length;
    try {
      await body();
      for (const context of world.browser.contexts())
        for (const page of context.pages()) assert.deepEqual(page.problems, []);
    } finally {
      for (const context of world.browser.contexts().slice(before)) await context.close();
    }
  });
}

scenario('before there is a meter every view says so', async () => {
  const page = await world.at('overview');
  for (const [view, words] of Object.entries(EMPTY)) {
    await show(page, view);
    await reads(page.locator('#view'), words);
    await picture(page, `empty-${view}`);
  }
});

scenario('a wrong password is refused in words and the right one opens the overview', async () => {
  const page = await world.page();
  await picture(page, 'login');
  await accessible(page);
  await page.getByLabel('Name').fill('olga');
  await page.getByLabel('Password').fill('guess');
  await page.keyboard.press('Enter');
  await reads(page.getByRole('alert'), /Name or password is wrong/);
  assert.equal(await page.getByLabel('Password').inputValue(), '');
  await page.getByLabel('Password').fill('olga-opens-relays');
  await page.keyboard.press('Enter');
  await reads(page.locator('h1'), /Overview/);
  await page.getByRole('button', { name: 'Log out' }).click();
  await page.getByLabel('Password').waitFor();
  await page.reload();
  await page.getByLabel('Password').waitFor();
});

test('meters start and report', { timeout: 60_000 }, async () => {
  const { stage } = world;
  meters = ['M-01', 'M-02', 'M-03'].map((serial) =>
    stage.addMeter(serial, 'sim', ['--sim-speed', 60, '--telemetry-s', 1]),
  );
  await stage.startMeters(...meters);
  await until('sealed readings', async () => (await stage.sealedReadings()) >= 6);
});

scenario('the overview follows the system while it works', async () => {
  const page = await world.at('overview');
  await reads(page.locator('.fleet .big'), /3 meters/);
  await reads(page.getByText('Sealing'), /Sealing/);
  const block = page.locator('.facts dd').nth(1);
  const first = numberIn(await reads(block, /\d/));
  await reads(block, (text) => numberIn(text) > first);
  await reads(page.locator('.tile').nth(0).locator('strong'), /W$/);
  await reads(page.locator('.link-state'), /^Live, data \d+ s old$/);
  await page
    .locator('section[aria-label="Last batches"] a[href^="#/batches/0x"]')
    .first()
    .waitFor();
  await page.locator('.chart canvas').waitFor();
  await picture(page, 'overview-live');
});

scenario('the meter table finds, filters and sorts by keyboard', async () => {
  const page = await world.at('meters');
  const serials = page.locator('.rows tbody a');
  assert.deepEqual((await serials.allInnerTexts()).sort(), ['M-01', 'M-02', 'M-03']);
  await page.getByLabel('Search by serial or meter id').fill('m-02');
  await reads(page.locator('.heading-right'), /^1 meter$/);
  await page.getByLabel('Search by serial or meter id').fill('nothing');
  await reads(page.locator('#view'), /No such meter/);
  await page.getByLabel('Search by serial or meter id').fill('');
  const head = page.getByRole('columnheader', { name: 'Meter', exact: true });
  await head.getByRole('button').focus();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  assert.equal(await head.getAttribute('aria-sort'), 'descending');
  await reads(serials.first(), /^M-03$/);
  await serials.first().focus();
  await page.keyboard.press('Enter');
  await reads(page.locator('h1'), /^M-03$/);
});

scenario('a meter’s page shows its registers, load and readings and goes on living', async () => {
  const page = await world.at('meter/M-01');
  await reads(page.locator('.registers'), /1-0:1\.8\.0[\s\S]*kWh/);
  await page.locator('section[aria-label="Load"] canvas').waitFor();
  await page.locator('section[aria-label="Voltage"] canvas').waitFor();
  const report = page
    .locator('section[aria-label="Readings"] tbody tr')
    .first()
    .locator('td')
    .nth(4);
  const first = numberIn(await reads(report, /\d/));
  await reads(report, (text) => numberIn(text) > first + 1);
  await reads(page.locator('section[aria-label="Readings"] tbody'), /Sealed/);
  await picture(page, 'meter-live');
  await show(page, 'meter/NO-SUCH');
  await reads(page.getByRole('alert'), /no such|not known|unknown|no meter/i);
});

// --- seals -----------------------------------------------------------------------------------------

/** Opens the check of the newest sealed reading; the downloaded proof. */
async function openSeal(page) {
  await page
    .getByRole('button', { name: /^Verify/ })
    .first()
    .click();
  const dialog = page.getByRole('dialog');
  await dialog.locator('.step').nth(4).waitFor();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    dialog.getByRole('button', { name: 'Download the proof' }).click(),
  ]);
  return { dialog, proof: JSON.parse(readFileSync(await download.path(), 'utf8')) };
}

const digestOf = ({ chain_id: chainId, contract, report }) =>
  hashTypedData({
    domain: { name: 'MeterLedger', version: '1', chainId, verifyingContract: contract },
    types: TYPES,
    primaryType: 'Report',
    message: {
      meter: report.meter,
      sequence: report.sequence,
      readings: report.readings.map((r) => ({
        timestamp: r.t,
        importWh: r.import_wh,
        exportWh: r.export_wh,
        quality: r.quality,
      })),
    },
  });

async function askNode(page, place) {
  page.allowed.add(world.stage.rpcUrl);
  await place.getByLabel('Address of an Ethereum node').fill(world.stage.rpcUrl);
  await place.getByRole('button', { name: 'Ask this node' }).click();
  await place.locator('.step').nth(7).waitFor();
}

async function loadProof(page, proof) {
  await page.locator('#proof-file').setInputFiles({
    name: 'proof.json',
    mimeType: 'application/json',
    buffer: Buffer.from(typeof proof === 'string' ? proof : JSON.stringify(proof)),
  });
  return page.locator('.view.verify');
}

/** The same with the digit at one place changed, whether a number or hexadecimal. */
function changed(proof, path) {
  const copy = structuredClone(proof);
  const keys = path.split('.');
  const last = keys.pop();
  const object = keys.reduce((value, key) => value[key], copy);
  const value = object[last];
  if (typeof value === 'number') object[last] = value + 1;
  else object[last] = value.slice(0, 20) + (value[20] === '7' ? '8' : '7') + value.slice(21);
  return copy;
}

scenario('a seal is recomputed in the browser, and a node confirms it', async () => {
  const page = await world.at('meter/M-01');
  const { dialog, proof } = await openSeal(page);
  const digest = digestOf(proof);
  const signer = await recoverAddress({ hash: digest, signature: proof.report.sig });
  const codes = await dialog.locator('.step code').allInnerTexts();
  assert.equal(codes[2], digest);
  assert.equal(codes[3], signer.toLowerCase());
  await askNode(page, dialog);
  await reads(dialog.locator('.verdict'), /^Proven: the meter signed this report/);
  await picture(page, 'seal-proven');
  await accessible(page);
});

scenario('one changed digit anywhere in a proof is seen', async () => {
  const page = await world.at('meter/M-02');
  const { proof } = await openSeal(page);
  await page.keyboard.press('Escape');
  await show(page, 'verify');
  const places = [
    'report.readings.0.import_wh',
    'report.readings.0.export_wh',
    'report.sequence',
    'report.sig',
    'root',
    'signer',
    'chain_id',
    'contract',
    ...(proof.proof.length ? ['proof.0'] : []),
  ];
  const view = await loadProof(page, proof);
  await reads(view.locator('.verdict'), /agrees with itself/);
  for (const place of places) {
    await loadProof(page, changed(proof, place));
    await reads(view.locator('.verdict'), /^Not proven/);
  }
  await picture(page, 'seal-broken');
  await loadProof(page, '{"what":"else"}');
  await reads(view.locator('.verdict'), /no proof of a report/);
  await loadProof(page, 'no JSON');
  await reads(view.locator('.verdict'), /not JSON/);
});

scenario(
  'a proof that agrees with itself but is not on the chain is refused by a node',
  async () => {
    const page = await world.at('meter/M-02');
    const { proof } = await openSeal(page);
    await page.keyboard.press('Escape');
    await show(page, 'verify');
    // The same report in a tree of its own: all of it fits, but nobody sealed that root.
    const other = { ...proof, proof: [`0x${'ab'.repeat(32)}`] };
    const view = await loadProof(page, other);
    const words = await reads(view.locator('.step.wrong code'), /computed 0x/);
    const [root] = words.match(/0x[0-9a-f]{64}/);
    await loadProof(page, { ...other, root });
    await reads(view.locator('.verdict'), /agrees with itself/);
    await askNode(page, view);
    await reads(view.locator('.verdict'), /^Not proven: the chain holds this root/i);
  },
);

// --- alarms, batches, heat map, report ----------------------------------------------------------------

scenario('an alarm appears, is acknowledged by name, and stays acknowledged', async () => {
  const page = await world.at('alarms');
  const { stage } = world;
  const intruder = stage.client({
    clientId: 'someone-else',
    cert: readFileSync(stage.path('pki/alice.crt')),
    key: readFileSync(stage.path('pki/alice.key')),
  });
  await intruder.outcome();
  const alarm = page.locator('.alarm', { hasText: 'False client name' }).first();
  await alarm.waitFor();
  await alarm.getByText(/Details|alarms/).click();
  await reads(alarm.locator('.members'), /someone-else/);
  await picture(page, 'alarms-open');
  await alarm.getByRole('button', { name: /^Acknowledge/ }).click();
  await reads(page.locator('#view'), /No open alarms|Acknowledge/);
  await page.getByRole('button', { name: 'Acknowledged' }).click();
  await reads(page.locator('.taken-by'), /Acknowledged by olga, .*CET/);
  const other = await world.at('alarms?state=acknowledged', 'victor');
  await reads(other.locator('.taken-by'), /by olga/);
  assert.equal(await other.getByRole('button', { name: /^Acknowledge / }).count(), 0);
});

scenario('a batch tells its transaction, and its reports lead to their meters', async () => {
  const page = await world.at('batches');
  await page.locator('tr', { hasText: 'Sealed' }).locator('a').first().click();
  await reads(page.locator('h1'), /^Batch \d+$/);
  const facts = await reads(page.locator('section[aria-label="What it holds"]'), /0x[0-9a-f]{64}/);
  const [, tx] = facts.match(/(0x[0-9a-f]{64})/g);
  const receipt = await world.stage.rpc.getTransactionReceipt({ hash: tx });
  assert.equal(receipt.to, world.stage.contract.toLowerCase());
  await picture(page, 'batch');
  await page.locator('section[aria-label="Reports"] a').first().click();
  await reads(page.locator('h1'), /^M-0\d$/);
});

scenario('the heat map is drawn, speaks with the arrow keys and has a table', async () => {
  const page = await world.at('heatmap');
  const map = page.getByRole('application');
  await map.focus();
  await page.keyboard.press('End');
  await page.keyboard.press('ArrowDown');
  await reads(page.locator('.heat-told'), /^M-0\d, .*: (read|late|missing|substituted|not due)/);
  await page.getByText('The same as a table').click();
  await page.locator('.heat-table tbody tr').first().waitFor();
  const painted = await page.evaluate(() => {
    const canvas = document.querySelector('.heat canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
  });
  assert.ok(painted > 3, `${painted} colours`);
  await picture(page, 'heatmap-live');
  await map.focus();
  await page.keyboard.press('Enter');
  await reads(page.locator('h1'), /^M-0\d$/);
});

scenario('the daily report comes as a table, as CSV and on paper', async () => {
  const page = await world.at('report');
  await page.locator('.rows tbody a').first().waitFor();
  const [download] = await Promise.all([
    page.waitForEvent('download'),
    page.getByRole('link', { name: 'CSV' }).click(),
  ]);
  const lines = readFileSync(await download.path(), 'utf8')
    .trim()
    .split(/\r?\n/);
  assert.equal(lines.filter((line) => /M-0[123]/.test(line)).length, 3);
  await page.evaluate(() => window.dispatchEvent(new Event('beforeprint')));
  await page.emulateMedia({ media: 'print' });
  assert.equal(await page.locator('.paper tbody tr').count(), 3);
  assert.equal(await page.locator('.nav').isVisible(), false);
  await picture(page, 'report-paper');
});

// --- everything, everywhere -----------------------------------------------------------------------------

for (const size of ['light', 'dark', 'phone'])
  scenario(`every view is accessible, fits and is pictured: ${size}`, async () => {
    const page = await world.page('olga', { size });
    for (const view of [...VIEWS, 'account']) {
      await show(page, view);
      await accessible(page);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok(wide <= 0, `${view} is ${wide} px too wide`);
      await picture(page, `${view.replace('/', '-')}-${size}`);
    }
  });

scenario('the colours can be switched and stay switched', async () => {
  const page = await world.at('overview');
  await page.getByRole('button', { name: /light and dark/ }).click();
  const dark = () =>
    page.evaluate(
      () => getComputedStyle(document.body).colorScheme || document.documentElement.dataset.theme,
    );
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
  await page.reload();
  assert.ok(await dark());
  assert.equal(await page.evaluate(() => document.documentElement.dataset.theme), 'dark');
});

scenario('a view that loads says so, and one that fails offers to try again', async () => {
  const page = await world.at('overview');
  let go;
  const held = new Promise((resolve) => {
    go = resolve;
  });
  await page.route('**/api/v1/batches?*', async (route) => {
    await held;
    await route.fulfill({
      status: 503,
      json: { title: 'Overloaded', status: 503, detail: 'too much to do' },
    });
  });
  await page.evaluate(() => {
    location.hash = '#/batches';
  });
  await reads(page.locator('.loading'), /Loading the batches/);
  go();
  await reads(page.getByRole('alert'), /too much to do/);
  await picture(page, 'failed-batches');
  await page.unroute('**/api/v1/batches?*');
  await page.getByRole('button', { name: 'Try again' }).click();
  await page.locator('tr', { hasText: 'Sealed' }).first().waitFor();
});

scenario('a lost server is told with the age of what is shown, and found again', async () => {
  const page = await world.at('overview');
  await reads(page.locator('.link-state'), /^Live/);
  await world.stage.bridge.stop();
  const lost = page.locator('.lost');
  await reads(lost, /connection to the server is lost\. What you see is from .*(Trying)/);
  await picture(page, 'lost');
  await world.stage.restartBridge();
  await lost
    .getByRole('button', { name: 'Try now' })
    .click({ timeout: 2000 })
    .catch(() => {});
  // Sessions live in the bridge's memory or its store; either way the page finds back to the data.
  await until(
    'the page to be live again or to ask for a login',
    async () =>
      (await page.getByLabel('Password').isVisible()) ||
      /^Live/.test(
        await page
          .locator('.link-state')
          .innerText()
          .catch(() => ''),
      ),
  );
});

scenario('an ended session leads to the login, wherever one is', async () => {
  const page = await world.at('meters');
  await page.context().clearCookies();
  await page.getByRole('link', { name: 'Batches' }).click();
  await page.getByLabel('Password').waitFor();
  await reads(page.locator('.login'), /session has ended/);
});

scenario('who guesses passwords has to wait', async () => {
  const page = await world.page();
  for (let i = 0; i < 40; i++) {
    await page.getByLabel('Name').fill('nobody');
    await page.getByLabel('Password').fill(`guess ${i}`);
    await page.getByRole('button', { name: /^Log in/ }).click();
    const words = await reads(page.getByRole('alert'), /wrong|Too many/);
    if (/Too many/.test(words)) return;
  }
  assert.fail('forty guesses were answered');
});
