// amrctl report against sums made here from the same readings, over a day of 25 hours, with
// intervals missing and values substituted; and its page, printed by a browser.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { test } from 'node:test';
import { Stage } from './harness.mjs';
import { LedgerWorld } from './ledger_world.mjs';

const QUARTER = 900;
// The week in which daylight saving ended in Berlin: 2025-10-26 had 25 hours.
const FROM = Date.UTC(2025, 9, 23, 22) / 1000; // 2025-10-24T00:00 in Berlin
const DAYS = 4;
const BERLIN = ['--tz', 'Europe/Berlin'];

/** Quarter hours of a meter from its first reading on; `skip` says which are never reported. */
function readingsOf(meter, skip) {
  const readings = [];
  let import_wh = 1_000_000;
  for (let i = 0; i <= DAYS * 96 + 4; i++) {
    import_wh += 20 + ((meter * 7 + i * 13) % 90);
    const quality = meter === 65537 && i >= 100 && i < 110 ? 2 : 0;
    if (!skip(i)) readings.push({ t: FROM + i * QUARTER, import_wh, export_wh: i * 3, quality });
  }
  return readings;
}

const berlinDay = (t) =>
  new Intl.DateTimeFormat('sv-SE', { timeZone: 'Europe/Berlin' }).format(new Date(t * 1000));

/** {day: {import_wh, intervals}} of readings a quarter of an hour apart, by JavaScript's calendar. */
function sumsOf(readings) {
  const days = {};
  for (let i = 1; i < readings.length; i++) {
    const [before, now] = [readings[i - 1], readings[i]];
    if (now.t - before.t !== QUARTER) continue;
    const day = (days[berlinDay(before.t)] ??= { import_wh: 0, intervals: 0, peak_w: 0 });
    const grown = now.import_wh - before.import_wh;
    day.import_wh += grown;
    day.intervals++;
    day.peak_w = Math.max(day.peak_w, grown * 4);
  }
  return days;
}

test('days of 24 and 25 hours, peaks, missing intervals and substituted values', { timeout: 120_000 }, async () => {
  const stage = new Stage();
  let wrong = ['the test failed'];
  try {
    await stage.startChain();
    await stage.deploy();
    const world = new LedgerWorld(stage);
    await world.register(1, 3);
    const all = {
      65537: readingsOf(65537, () => false),
      65538: readingsOf(65538, (i) => i > 200 && i < 231),
    };
    const sequence = {};
    for (let at = 0; at < DAYS * 96 + 5; at += 96) {
      const reports = [];
      for (const [meter, readings] of Object.entries(all)) {
        const part = readings.filter(
          (r) => r.t >= FROM + at * QUARTER && r.t < FROM + (at + 96) * QUARTER,
        );
        sequence[meter] = (sequence[meter] ?? 0) + 1;
        reports.push(await world.report(Number(meter), sequence[meter], part));
      }
      await world.seal(reports);
    }
    const report = (...args) =>
      JSON.parse(stage.ctl('report', ...args, '--json', ...stage.onChain, '--cache', 'none'));

    const rows = report('daily', ...BERLIN);
    const whole = sumsOf(all[65537]);
    const days = Object.keys(whole);
    assert.deepEqual(days, ['2025-10-24', '2025-10-25', '2025-10-26', '2025-10-27']);
    for (const day of days) {
      const row = rows.find((r) => r.meter === 65537 && r.period === day);
      const { import_wh, intervals, peak_w } = whole[day];
      assert.deepEqual(
        [row.import_kwh, row.intervals, row.missing, row.peak_kw, row.estimated_kwh],
        [import_wh / 1000, intervals, 0, peak_w / 1000, 0],
        day,
      );
      assert.equal(row.hours, intervals / 4);
    }
    assert.equal(rows.find((r) => r.meter === 65537 && r.period === '2025-10-26').hours, 25);
    const substituted = rows.filter((r) => r.meter === 65537).map((r) => r.substituted);
    assert.deepEqual(substituted, [0, 10, 0, 0]);
    assert.equal(rows.find((r) => r.meter && r.substituted === 10).substituted_pct, 10.4);

    // 31 intervals of the other have no reading at their end or begin; their energy is estimated.
    const gap = rows.filter((r) => r.meter === 65538);
    assert.deepEqual(gap.map((r) => r.missing), [0, 0, 31, 0]);
    const [first, last] = [all[65538][0], all[65538].at(-1)];
    const total = gap.reduce((sum, r) => sum + r.import_kwh, 0);
    assert.ok(Math.abs(total - (last.import_wh - first.import_wh) / 1000) < 0.005, `${total}`);
    const before = all[65538].find((r) => r.t === FROM + 200 * QUARTER);
    const after = all[65538].find((r) => r.t === FROM + 231 * QUARTER);
    assert.equal(gap[2].estimated_kwh, (after.import_wh - before.import_wh) / 1000);

    // The group is the sum of its meters.
    for (const day of days) {
      const of = (key) => rows.filter((r) => r.period === day).map((r) => r[key]);
      const [group, ...meters] = of('import_kwh');
      assert.ok(Math.abs(group - meters.reduce((a, b) => a + b)) < 0.002);
      assert.equal(of('missing')[0], of('missing')[1] + of('missing')[2]);
    }

    const months = report('monthly', '1/1', ...BERLIN);
    assert.deepEqual(months.map((r) => [r.period, r.hours]), [['2025-10', 745]]);
    assert.ok(months[0].missing > 0, 'what came after the last reading is missing');
    const utc = report('daily', '1/1', '--tz', 'UTC', '--from', '2025-10-26', '--to', '2025-10-26');
    assert.deepEqual(utc.map((r) => [r.hours, r.intervals]), [[24, 96]]);
    const csv = stage.ctl('report', 'daily', '1/1', ...BERLIN, '--csv', ...stage.onChain);
    assert.match(csv, /^period,group,meter,serial,hours,import_kwh/);
    assert.equal(csv.trim().split('\r\n').length, 5);

    // The page is whole in itself, and a browser prints it.
    const page = stage.path('page.html');
    stage.ctl('report', 'daily', ...BERLIN, '--html', page, ...stage.onChain);
    const html = readFileSync(page, 'utf8');
    assert.match(html, /class="missing"/);
    assert.doesNotMatch(html, /<script|https?:|src=/);
    assert.equal(html.match(/<section/g).length, html.match(/<\/section>/g).length);
    for (const browser of ['/usr/bin/chromium'].filter(existsSync)) {
      mkdirSync(stage.path('browser'));
      execFileSync(
        browser,
        [
          ...['--headless', '--no-sandbox', '--disable-gpu', '--no-pdf-header-footer'],
          ...[`--user-data-dir=${stage.path('browser')}`, `--print-to-pdf=${page}.pdf`, page],
        ],
        { stdio: 'ignore', timeout: 60_000 },
      );
      const pages = Number(readFileSync(`${page}.pdf`, 'latin1').match(/\/Count (\d+)/)[1]);
      assert.ok(pages >= 2 && pages <= 4, `${pages} pages`);
    }

    for (const [args, words] of [
      [['--tz', 'Europe/Nowhere'], /no time zone 'Europe\/Nowhere'/],
      [['--from', '2025-02-30'], /date/],
      [['--from', '2025-10-27', '--to', '2025-10-24'], /from is after to/],
      [['--interval-s', '1000'], /do not divide a day/],
      [['1/3'], /no reading of these meters/],
    ]) {
      const said = stage.amrctl('report', 'daily', ...args, ...stage.onChain);
      assert.notEqual(said.code, 0);
      assert.match(said.stderr, words);
    }
    wrong = [];
  } finally {
    wrong.push(...(await stage.end()));
    if (wrong.length === 0) rmSync(stage.dir, { recursive: true });
  }
  assert.deepEqual(wrong, []);
});
