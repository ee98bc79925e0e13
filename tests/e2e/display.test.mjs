// The meter's display on the real LCDproc server: LCDd with its text driver prints what its LCD of
// 20 by 4 characters shows. A display that goes away or never was there does not touch metering.
import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { scenario, until } from './harness.mjs';
import { freePort } from './processes.mjs';

const MODULES = ['x86_64-linux-gnu', 'aarch64-linux-gnu']
  .map((arch) => `/usr/lib/${arch}/lcdproc/`)
  .find(existsSync);

function startLcd(stage, port) {
  const conf = stage.path('LCDd.conf');
  const server = {
    ...{ DriverPath: MODULES, Driver: 'text', Bind: '127.0.0.1', Port: port, Foreground: 'yes' },
    ...{ ReportToSyslog: 'no', ReportLevel: 2, ServerScreen: 'no', WaitTime: 1 },
  };
  const lines = Object.entries(server).map(([name, value]) => `${name}=${value}`);
  writeFileSync(conf, ['[server]', ...lines, '[text]', 'Size=20x4', ''].join('\n'));
  const lcd = stage.program('LCDd', '/usr/sbin/LCDd', ['-f', '-c', conf]);
  lcd.mayFail = true;
  return lcd.start();
}

scenario('an LCD shows what the meter reads, and may be pulled out', async (stage) => {
  const port = await freePort();
  const lcd = startLcd(stage, port);
  await until('LCDd to listen', () => /Listening|sock_init|\+-+\+/.test(lcd.text()) || lcd.ended);
  const meter = stage.addMeter('LCD-01', 'sim', ['--display', `lcdproc://127.0.0.1:${port}`]);
  await stage.startMeters(meter);
  await lcd.says(/\|LCD-01 +\d\d:\d\d:\d\d\|\n\|now +\d+\.\d{3} kWh\|\n\|read +\d+\.\d{3} kWh\|/);
  await lcd.kill();
  await meter.says(/ display is away, trying again: /);
  const sealed = () => stage.exportOf(meter).filter((report) => report.state === 'sealed').length;
  const before = sealed();
  await until('the meter to seal on', () => sealed() >= before + 3);
  assert.equal(meter.text().match(/display is away/g).length, 1);
});
