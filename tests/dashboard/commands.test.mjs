// From a button to a relay and back: an operator's wallet signs in the browser, the bridge relays,
// the chain records, the meter obeys and its answer appears on the page.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { Operator } from '../e2e/operator.mjs';
import { accessible, picture, reads } from './browser.mjs';
import { World } from './world.mjs';

let world;
let operator;
let relay;

before(async () => {
  world = await World.make();
  const { stage } = world;
  operator = await Operator.make(stage);
  const file = stage.path('meters', 'C-01.relay');
  writeFileSync(file, '1\n');
  relay = () => readFileSync(file, 'utf8').trim();
  const meter = stage.addMeter('C-01', 'sim', ['--operators', operator.address, '--relay', file]);
  await stage.startMeters(meter);
  await meter.says(/ connected /);
});

after(async () => {
  assert.deepEqual(await world.end(), []);
});

/** A browser with a wallet (EIP-1193) whose owner agrees to all, or to nothing. */
async function pageWithWallet(agrees) {
  const page = await world.page('olga');
  await page.exposeFunction('walletSigns', async (json) => {
    const { domain, types, primaryType, message } = JSON.parse(json);
    delete types.EIP712Domain;
    return operator.account.signTypedData({ domain, types, primaryType, message });
  });
  await page.evaluate(
    ([address, yes]) => {
      window.ethereum = {
        async request({ method, params }) {
          if (!yes) throw Object.assign(new Error('User rejected the request.'), { code: 4001 });
          return method === 'eth_requestAccounts' ? [address] : window.walletSigns(params[1]);
        },
      };
      location.hash = '#/meter/C-01';
    },
    [operator.address, agrees],
  );
  await page.getByRole('button', { name: 'Disconnect' }).waitFor();
  return page;
}

async function send(page, word) {
  await page.getByRole('button', { name: word, exact: true }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('button', { name: /sign and send/ }).waitFor();
  return dialog;
}

test('a command signed in the browser opens the relay, and the page says so', async () => {
  const page = await pageWithWallet(true);
  const dialog = await send(page, 'Disconnect');
  await picture(page, 'command-question');
  await accessible(page);
  await dialog.getByRole('button', { name: /sign and send/ }).click();
  await reads(page.locator('.commands li').first(), /Disconnect[\s\S]*Confirmed by the meter/);
  await reads(page.locator('.title-line'), /Relay: disconnected/);
  assert.equal(relay(), '0');
  await picture(page, 'command-confirmed');
  await accessible(page);
  assert.deepEqual(page.problems, []);
  await page.context().close();
});

test('an interval is set from the page', async () => {
  const page = await pageWithWallet(true);
  const dialog = await send(page, 'Set interval');
  await dialog.getByLabel('New interval, in seconds').fill('2');
  await dialog.getByRole('button', { name: /sign and send/ }).click();
  await reads(page.locator('.commands li').first(), /Set interval to 2 s[\s\S]*Confirmed/);
  await page.context().close();
});

test('an operator who does not sign sends nothing', async () => {
  const page = await pageWithWallet(false);
  const before = await page.locator('.commands li').count();
  const dialog = await send(page, 'Read now');
  await dialog.getByRole('button', { name: /sign and send/ }).click();
  await reads(dialog.getByRole('alert'), /You did not sign/);
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('.commands li').count(), before);
  await page.context().close();
});

test('a signature of somebody who is no operator is refused in words', async () => {
  const listed = operator;
  operator = await Operator.make(world.stage, { listed: false });
  const page = await pageWithWallet(true);
  const dialog = await send(page, 'Read now');
  await dialog.getByRole('button', { name: /sign and send/ }).click();
  await reads(page.locator('.commands li').first(), /Read now[\s\S]*Refused[\s\S]*operator/i);
  operator = listed;
  await page.context().close();
});

test('a viewer has no buttons for commands', async () => {
  const page = await world.at('meter/C-01', 'victor');
  await reads(page.locator('#view'), /your account may only look/);
  assert.equal(await page.getByRole('button', { name: 'Disconnect' }).count(), 0);
  await page.context().close();
});
