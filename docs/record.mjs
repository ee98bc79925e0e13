// record.mjs: the pictures of amrctl in this folder, made anew from a running system.
//
//   node docs/record.mjs [BIN-DIR]      default: build/dev/bin, built before
//
// Makes a server with `amrctl init`, starts a chain, a broker, a bridge and four simulated meters in
// a temporary folder, types the verbs, and writes what they print as SVG text. Needs the tests'
// packages (deploy/install) and the compiled contract.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Stage, until } from '../tests/e2e/harness.mjs';
import { freePort, run, seconds } from '../tests/e2e/processes.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const bin = resolve(process.argv[2] ?? 'build/dev/bin');
const code = resolve(here, '../contracts/out/MeterLedger.bin');

// --- text to picture ----------------------------------------------------------------------------

const COLOURS = { 31: '#e06c75', 32: '#7bc275', 33: '#d7a65f', 34: '#6ba8e5', 35: '#c08be0', 36: '#56b6c2', 90: '#7f8794', 2: '#8b93a1' };
const escape = (text) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

/** One line of terminal text, its colours as spans. */
function spans(line) {
  let style = '';
  let svg = '';
  for (const part of line.split(/(\x1b\[[0-9;]*[A-Za-z])/)) {
    const codes = part.match(/^\x1b\[([0-9;]*)m$/)?.[1];
    if (codes !== undefined) {
      for (const number of (codes || '0').split(';').map(Number)) {
        if (number === 0) style = '';
        else if (number === 1) style += ' font-weight="bold"';
        else if (COLOURS[number]) style = style.replace(/ fill="[^"]*"/, '') + ` fill="${COLOURS[number]}"`;
      }
    } else if (part && !part.startsWith('\x1b'))
      svg += style ? `<tspan${style}>${escape(part)}</tspan>` : escape(part);
  }
  return svg;
}

function picture(text, title) {
  const lines = text.replace(/\s+$/, '').split('\n');
  const plain = lines.map((line) => line.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, ''));
  const width = Math.ceil(Math.max(...plain.map((line) => line.length)) * 7.25) + 32;
  const height = lines.length * 17 + 48;
  const rows = lines.map(
    (line, i) => `<text x="16" y="${44 + i * 17}" xml:space="preserve">${spans(line)}</text>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escape(title)}">
<rect width="${width}" height="${height}" rx="8" fill="#1d2128"/>
<g fill="#4b5261"><circle cx="18" cy="15" r="5"/><circle cx="34" cy="15" r="5"/><circle cx="50" cy="15" r="5"/></g>
<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="12" fill="#d5dae2">
${rows.join('\n')}
</g></svg>
`;
}

// --- the system ---------------------------------------------------------------------------------

const stage = new Stage();
const dir = stage.path('amr');
const env = { ...process.env, AMRCTL_CONFIG: join(dir, 'amrctl.conf') };

/** Types a line: what it prints, with the temporary folder's name shortened. */
function type(line) {
  const [program, ...args] = line.split(' ').map((word) => word.replace(/^~\/amr/, dir));
  const made = run(join(bin, program), args, { env, timeoutMs: 120_000 });
  const text = `${made.stdout}${made.stderr}`.replaceAll(dir, '~/amr').replaceAll(/ws:\/\/127\.0\.0\.1:\d+/g, 'ws://127.0.0.1:8545');
  return `\x1b[32m$\x1b[0m \x1b[1m${line}\x1b[0m\n${text}`;
}

const save = (name, title, ...parts) =>
  writeFileSync(join(here, `${name}.svg`), picture(parts.join('\n'), title));

async function serve() {
  stage.program('mosquitto', '/usr/sbin/mosquitto', ['-c', join(dir, 'broker/mosquitto.conf')]).start();
  const bridge = stage.program('amr-bridge', join(bin, 'amr-bridge'), ['--config', join(dir, 'bridge.conf')]);
  await bridge.start().says(/ ready /);
}

async function meters(...serials) {
  for (const serial of serials)
    run(join(bin, 'amr-meter'), ['init', '--dir', join(dir, 'meters'), '--serial', serial]);
  const enrolled = type('amrctl enrol ~/amr/meters');
  for (const [i, serial] of serials.entries()) {
    const meter = stage.program(`meter-${serial}`, join(bin, 'amr-meter'), [
      ...['run', '--config', join(dir, 'meters', `${serial}.conf`), '--interval-s', 2, '--telemetry-s', 1],
      ...['--seed', i + 1, '--sim-speed', 60, '--pv-wp', i === 2 ? 6000 : 0],
    ]);
    await meter.start().says(/ info meter: started /);
  }
  return enrolled;
}

/** The last frame that watch drew on a terminal of its own. */
function watched() {
  const made = run('script', ['-qec', `stty cols 112 rows 24; '${join(bin, 'amrctl')}' watch --seconds 8`, '/dev/null'], {
    env: { ...env, TERM: 'xterm-256color', LC_ALL: 'C.UTF-8' },
    timeoutMs: 60_000,
  });
  const frames = made.stdout.replaceAll('\r', '').split('\x1b[?1049l')[0].split('\x1b[H');
  return frames.at(-1).replaceAll(/ssl:\/\/localhost:\d+/g, 'ssl://localhost:8883');
}

try {
  await stage.startChain({ blockTime: 1 });
  const options = ['--rpc', stage.wsUrl, '--port', String(await freePort())];
  const made = JSON.parse(stage.ctl('init', dir, ...options, '--bytecode', code, '--json'));
  for (const account of [made.admin, made.server, made.operator])
    await stage.rpc.request({ method: 'anvil_setBalance', params: [account, '0x56bc75e2d63100000'] });
  const next = readFileSync(join(dir, 'NEXT'), 'utf8').replaceAll(dir, '~/amr');
  const line = (begin) => next.split('\n').find((text) => text.startsWith(begin));
  const setUp = ['amrctl deploy', 'amrctl server', 'amrctl operator'].map((begin) => type(line(begin)));
  await serve();
  const enrolled = await meters('E0001', 'E0002', 'E0003', 'E0004');
  save('set-up', 'amrctl deploy, server add, operator add, enrol', ...setUp, enrolled);
  await seconds(12);
  const command = await until('a command to be done', () => {
    const text = type('amrctl command disconnect E0003 --yes --config ~/amr/operator.conf');
    return text.includes('recorded') && text;
  }, 120_000);
  save('operate', 'amrctl status, command disconnect, command list', type('amrctl status'), command, type('amrctl command list'));
  save('watch', 'amrctl watch', watched());
} finally {
  const wrong = await stage.end();
  if (wrong.length) console.log(wrong.join('\n'));
  else rmSync(stage.dir, { recursive: true });
}
