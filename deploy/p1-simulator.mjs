// p1-simulator: a household's DSMR 5 meter on a TCP port, as a serial-to-network box offers its P1
// port: a telegram a second, registers that rise, CRC16 at the end, to whoever is connected.
//
//     node deploy/p1-simulator.mjs [--port 0] [--serial TEXT] [--import-wh N] [--period-ms 1000]
//
// Listens on loopback and prints "listening on 127.0.0.1:PORT". Source: DSMR 5.0.2 P1 companion
// standard; a telegram is "/" header, empty line, data objects, "!" CRC16, lines end in CR LF. The
// CRC is CRC-16/ARC over everything from "/" to "!".
import { createServer } from 'node:net';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    serial: { type: 'string', default: 'E0047000012345678' },
    'import-wh': { type: 'string', default: '4711000' },
    'period-ms': { type: 'string', default: '1000' },
  },
});
const periodMs = Number(options['period-ms']);

function crc16(bytes) {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
  }
  return crc.toString(16).toUpperCase().padStart(4, '0');
}

/** Central European Summer Time: from the last Sunday of March to that of October, 01:00 UTC. */
function isSummer(date) {
  const change = (month) => {
    const last = new Date(Date.UTC(date.getUTCFullYear(), month + 1, 0, 1));
    return last.getTime() - last.getUTCDay() * 86_400_000;
  };
  return date.getTime() >= change(2) && date.getTime() < change(9);
}

/** YYMMDDhhmmssX, the meter's local time; X is S in summer, W in winter. */
function stamp(date) {
  const summer = isSummer(date);
  const local = new Date(date.getTime() + (summer ? 2 : 1) * 3_600_000);
  return local.toISOString().slice(2, 19).replace(/[-T:]/g, '') + (summer ? 'S' : 'W');
}

const fixed = (value, digits, decimals) =>
  value.toFixed(decimals).padStart(digits + 1 + decimals, '0');
const kwh = (wh) => `${fixed(Math.floor(wh) / 1000, 6, 3)}*kWh`;

/** The state of a house: a base load, a swell over minutes, and a little sun given back. */
class House {
  constructor(importWh) {
    this.importWh = [importWh * 0.45, importWh * 0.55]; // tariff 1 night, 2 day
    this.exportWh = [1200, 3400];
    this.startMs = Date.now();
    this.atMs = this.startMs;
  }

  step(nowMs) {
    const hours = (nowMs - this.atMs) / 3_600_000;
    const minutes = (nowMs - this.startMs) / 60_000;
    this.atMs = nowMs;
    const watts = 1800 + 1500 * Math.sin(minutes * 2.1) + 900 * Math.sin(minutes * 7.3);
    this.importW = Math.max(0, watts);
    this.exportW = Math.max(0, -watts);
    const tariff = new Date(nowMs).getUTCHours() < 6 ? 0 : 1;
    this.tariff = tariff + 1;
    this.importWh[tariff] += this.importW * hours;
    this.exportWh[tariff] += this.exportW * hours;
  }
}

function telegram(house, nowMs) {
  const kw = (w) => `${fixed(w / 1000, 2, 3)}*kW`;
  const text = [
    '/AMR5\\SIMULATED-HOUSEHOLD',
    '',
    '1-3:0.2.8(50)',
    `0-0:1.0.0(${stamp(new Date(nowMs))})`,
    `0-0:96.1.1(${Buffer.from(options.serial).toString('hex').toUpperCase()})`,
    `1-0:1.8.1(${kwh(house.importWh[0])})`,
    `1-0:1.8.2(${kwh(house.importWh[1])})`,
    `1-0:2.8.1(${kwh(house.exportWh[0])})`,
    `1-0:2.8.2(${kwh(house.exportWh[1])})`,
    `0-0:96.14.0(000${house.tariff})`,
    `1-0:1.7.0(${kw(house.importW)})`,
    `1-0:2.7.0(${kw(house.exportW)})`,
    '0-0:96.7.21(00004)',
    '0-0:96.7.9(00002)',
    '1-0:32.32.0(00001)',
    '1-0:32.36.0(00000)',
    '0-0:96.13.0()',
    `1-0:32.7.0(${fixed(230 + Math.sin(nowMs / 7000), 3, 1)}*V)`,
    `1-0:31.7.0(${String(Math.round(house.importW / 230)).padStart(3, '0')}*A)`,
    `1-0:21.7.0(${kw(house.importW)})`,
    `1-0:22.7.0(${kw(house.exportW)})`,
    '!',
  ].join('\r\n');
  return `${text}${crc16(Buffer.from(text, 'latin1'))}\r\n`;
}

const house = new House(Number(options['import-wh']));
const readers = new Set();
const server = createServer((socket) => {
  readers.add(socket);
  socket.on('error', () => socket.destroy());
  socket.on('close', () => readers.delete(socket));
  socket.resume(); // a P1 port listens to nobody
});
server.on('error', (error) => {
  console.error(`p1-simulator: ${error.message}`);
  process.exit(1);
});
server.listen(Number(options.port), '127.0.0.1', () => {
  console.log(`listening on 127.0.0.1:${server.address().port}`);
});

setInterval(() => {
  const now = Date.now();
  house.step(now);
  const text = telegram(house, now);
  for (const socket of readers) {
    // A reader that does not keep up loses telegrams, as on a serial line, and costs no memory.
    if (socket.writableLength < 65_536) socket.write(text, 'latin1');
  }
}, periodMs);

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));
