// Chromium without a screen, and what a test does with a page: log in, look, read, take a picture,
// ask axe. Pictures are kept in build/dashboard/ for people to look at.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const ROOT = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const PICTURES = join(ROOT, 'build/dashboard');
const AXE = join(ROOT, 'tests/node_modules/axe-core/axe.min.js');
const WAIT_MS = 20_000;
export const SIZES = {
  light: { viewport: { width: 1280, height: 800 }, colorScheme: 'light' },
  dark: { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' },
  phone: { viewport: { width: 390, height: 844 }, colorScheme: 'light', hasTouch: true },
};

export function launch() {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
}

/** What a page must never do: fail, break its own policy, ask anybody but its server. */
function watch(page, url, problems) {
  const own = new Set([new URL(url).origin]);
  page.allowed = own;
  page.on('pageerror', (error) => problems.push(`error: ${error.stack}`));
  page.on('console', (message) => {
    const text = message.text();
    if (message.type() === 'error' && !/Failed to load resource|WebSocket connection/.test(text))
      problems.push(`console: ${text}`);
  });
  page.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (!own.has(origin) && !['blob:', 'data:'].includes(protocol))
      problems.push(`asked ${request.url()}`);
  });
}

/** A page on the dashboard at `url`, in a browser context of its own. */
export async function openPage(browser, url, { size = 'light', ...more } = {}) {
  const context = await browser.newContext({
    ...SIZES[size],
    timezoneId: 'Europe/Berlin',
    acceptDownloads: true,
    ...more,
  });
  context.setDefaultTimeout(WAIT_MS);
  const page = await context.newPage();
  page.problems = [];
  page.base = url;
  watch(page, url, page.problems);
  await page.goto(url);
  return page;
}

export async function logIn(page, name, password) {
  await page.getByLabel('Name').fill(name);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Log in' }).click();
}

/** Opens a view and waits until it is loaded. */
export async function show(page, view) {
  await page.evaluate((hash) => {
    location.hash = hash;
  }, `#/${view}`);
  await page.locator(`.view.${view.split(/[/?]/)[0]}`).waitFor();
  await loaded(page);
}

export async function loaded(page) {
  await page.waitForFunction(() => !document.querySelector('#view .loading'), null, {
    timeout: WAIT_MS,
  });
}

/** Waits until an element's text passes the test; returns the text. */
export async function reads(locator, test) {
  const good = typeof test === 'function' ? test : (text) => test.test(text);
  const end = Date.now() + WAIT_MS;
  let text = '';
  while (Date.now() < end) {
    text =
      (await locator
        .first()
        .innerText()
        .catch(() => '')) ?? '';
    if (good(text)) return text;
    await locator.page().waitForTimeout(50);
  }
  return assert.fail(`waited for ${test}, read ${JSON.stringify(text)}`);
}

export async function picture(page, name) {
  mkdirSync(PICTURES, { recursive: true });
  await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
}

/** Nothing for axe to complain about; the page's policy forbids scripts, so it goes in by hand. */
export async function accessible(page) {
  await page.evaluate(readFileSync(AXE, 'utf8'));
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }),
  );
  assert.deepEqual(
    violations.map(({ id, nodes }) => `${id}: ${nodes[0].html.slice(0, 200)}`),
    [],
  );
}

/** "1 234.5 kWh" → 1234.5 */
export const numberIn = (text) => Number(text.replace(/[^0-9.−-]/g, '').replace('−', '-'));
