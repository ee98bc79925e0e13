// The Debian packages on a machine with nothing on it: installed, set up as docs/operations.md says,
// run under systemd, killed, upgraded, purged. The machine is a debootstrap with its own systemd.
//
//     tests/run packages          (root; about 3 minutes)
//
// AMR_DEBS: folder of the packages (build/release/deb).
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { arch } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { until } from '../e2e/processes.mjs';
import { Machine } from './machine.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DEBS = process.env.AMR_DEBS ?? join(ROOT, 'build/release/deb');
const ANVIL = `contracts/node_modules/@foundry-rs/anvil-linux-${arch() === 'arm64' ? 'arm64' : 'amd64'}/bin/anvil`;
// anvil's first accounts, known to everybody: the administrator's and the server's
const RICH = [
  '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80',
  '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d',
];
const SERIAL = 'GW-0001';
const UNITS = ['amr-broker.service', 'amr-bridge.service', `amr-meter@${SERIAL}.service`];

const machine = new Machine();
let failed = true;
const debs = readdirSync(DEBS).filter((name) => name.endsWith('.deb'));

before(() => {
  machine.make();
  machine.prepare('mkdir -p /opt/debs');
  for (const name of debs) machine.put(join(DEBS, name), `opt/debs/${name}`);
  machine.put(join(ROOT, ANVIL), 'opt/anvil');
  machine.prepare(`
    apt-get -q update
    apt-get -q -y install --no-install-recommends systemd systemd-sysv
    apt-get -q -y install --no-install-recommends --download-only /opt/debs/*.deb`);
  machine.boot();
}, { timeout: 600_000 });

after(() => {
  if (failed && machine.init) console.log(machine.try('journalctl --no-pager | tail -n 150').stdout);
  machine.end(failed && process.env.AMR_KEEP);
});

const journal = (unit) => machine.try(`journalctl --no-pager -o cat -u '${unit}'`).stdout;
const state = (unit) => machine.try(`systemctl is-active '${unit}'`).stdout.trim();
const pid = (unit) => machine.run(`systemctl show -p MainPID --value '${unit}'`).trim();

const batches = () => (journal('amr-bridge').match(/batch sealed /g) ?? []).length;
const moreSealed = (what) => {
  const had = batches();
  return until(`batches to be sealed ${what}`, () => batches() > had + 1, 60_000);
};

test('packages install on a bare Debian and start nothing', () => {
  machine.run('apt-get -q -y install --no-install-recommends /opt/debs/*.deb');
  assert.equal(state('amr-broker'), 'inactive');
  assert.equal(state('amr-bridge'), 'inactive');
  assert.deepEqual(debs.map((name) => name.split('_')[0]).sort(), ['amr-bridge', 'amr-broker', 'amr-meter', 'amrctl']);
});

test('a service that is not set up says what is missing', () => {
  assert.notEqual(machine.try('systemctl start amr-bridge').code, 0);
  assert.match(machine.run('journalctl --no-pager -u amr-bridge'), /credentials|bridge\.key/);
  machine.run('systemctl stop amr-bridge');
});

test('each program has its manual page', () => {
  for (const page of ['man8/amr-bridge.8', 'man8/amr-meter.8', 'man1/amrctl.1'])
    assert.match(machine.read(`usr/share/man/${page}`), /^\.TH /m);
});

test('every option stands in the example configurations, with its meaning', () => {
  for (const [program, file] of [
    ['amr-bridge', '/etc/amr/bridge.conf'],
    ['amr-meter', '/usr/share/doc/amr-meter/examples/meter.conf'],
  ]) {
    const text = machine.read(file);
    const options = [...machine.run(`${program} --help`).matchAll(/^ {2}--([a-z0-9-]+)/gm)].map((m) => m[1]);
    for (const name of options.filter((o) => !['config', 'dump-config', 'help', 'version'].includes(o)))
      assert.match(text, new RegExp(`^# \\S.*\\n(# )?${name} = `, 'm'), `${name} in ${file}`);
    machine.run(`${program} --config ${file} --dump-config`);
  }
});

test('set up by the guide, readings are sealed', { timeout: 180_000 }, async () => {
  machine.write('etc/systemd/system/anvil.service', `[Service]
ExecStart=/opt/anvil --chain-id 31337 --block-time 1 --max-persisted-states 0 --enable-tx-gas-limit
`);
  machine.run('chmod 755 /opt/anvil; systemctl daemon-reload; systemctl start anvil');
  machine.run(`umask 077; mkdir -p /srv/admin; cd /srv/admin
    echo admin-passphrase >admin.pass; echo ${RICH[0]} >rich; echo ${RICH[1]} >server-key
    amrctl key import --keystore admin.json --passphrase-file admin.pass --secret-file rich`);
  await until('the chain', () => machine.try('amrctl status --rpc http://127.0.0.1:8545').stdout.includes('31337') || journal('anvil').includes('Listening'));
  machine.run(SETUP);
  machine.run(`systemctl enable --now amr-broker amr-bridge amr-meter@${SERIAL}`);
  await moreSealed('at first');
  for (const unit of UNITS) assert.equal(state(unit), 'active', unit);
});

// docs/operations.md, "Setting up a server", with this test's names
const SETUP = `cd /srv/admin; umask 022
  as_admin='--keystore admin.json --passphrase-file admin.pass --rpc http://127.0.0.1:8545'
  amrctl deploy $as_admin --bytecode /usr/share/amr/MeterLedger.bin --output ledger.conf
  amrctl pki init --dir pki
  amrctl pki issue --dir pki --role bridge --name bridge
  install -d /etc/amr/bridge
  (umask 077; od -An -N24 -tx1 /dev/urandom | tr -d ' \\n' >/etc/amr/bridge/passphrase)
  amrctl key import --secret-file server-key --keystore /etc/amr/bridge/keystore.json --passphrase-file /etc/amr/bridge/passphrase >server.address
  amrctl server add "$(cat server.address)" --group 1 $as_admin --config ledger.conf
  install -m 644 pki/ca.crt pki/bridge.crt /etc/amr/bridge/
  install -m 600 pki/bridge.key /etc/amr/bridge/
  cat ledger.conf >>/etc/amr/bridge.conf
  install -m 644 pki/ca.crt pki/server.crt /etc/amr/broker/
  install -m 600 pki/server.key /etc/amr/broker/
  amr-meter init --dir /etc/amr/meters --serial ${SERIAL}
  amrctl enrol --group 1 --pki pki $as_admin --config ledger.conf --servers ssl://localhost:8883 /etc/amr/meters
  printf 'AMR_METER_SOURCE=sim\\nAMR_METER_INTERVAL_S=1\\n' >/etc/amr/meters/${SERIAL}.env`;

test('the dashboard answers on loopback', () => {
  const get = (path) => machine.run(`perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new("127.0.0.1:8080") or die; print $s "GET ${path} HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n"; print while <$s>'`);
  assert.match(get('/healthz'), / 200 /);
  assert.match(get('/'), / 200 /);
});

test('no service can read a key on disk, and none runs as root', () => {
  for (const unit of UNITS) {
    const user = machine.run(`systemctl show -p User --value '${unit}'`).trim();
    assert.match(user, /^(mosquitto|amr-bridge|amr-meter)$/);
    for (const key of ['/etc/amr/bridge/passphrase', '/etc/amr/bridge/bridge.key', '/etc/amr/broker/server.key', `/etc/amr/meters/${SERIAL}.signing-key`])
      assert.notEqual(machine.try(`setpriv --reuid=${user} --clear-groups cat ${key}`).code, 0, `${user} ${key}`);
  }
});

test('systemd-analyze finds little to say', (t) => {
  for (const unit of UNITS) {
    const said = machine.run(`systemd-analyze security --no-pager '${unit}' | tail -n 1`);
    const score = Number(said.match(/: ([\d.]+)/)[1]);
    t.diagnostic(`${unit}: exposure ${score}`);
    assert.ok(score <= 2, said);
  }
});

for (const unit of UNITS)
  test(`${unit.replace(/@.*|\.service/, '')} killed comes back, and readings go on`, { timeout: 120_000 }, async () => {
    const before = pid(unit);
    machine.run(`systemctl kill -s KILL '${unit}'`);
    await until('another process', () => state(unit) === 'active' && !['0', before].includes(pid(unit)));
    await moreSealed('after the kill');
  });

test('a bridge without a chain starts, and is told by systemd to be up', { timeout: 120_000 }, async () => {
  machine.run('systemctl kill -s STOP anvil; timeout 30 systemctl restart amr-bridge');
  assert.equal(state('amr-bridge'), 'active');
  machine.run('systemctl kill -s CONT anvil');
  await moreSealed('when the chain answers');
});

test('an upgrade restarts what ran and keeps what was configured', { timeout: 180_000 }, async () => {
  const [conf, before] = [machine.read('etc/amr/bridge.conf'), pid('amr-bridge')];
  machine.run('apt-get -q -y install --reinstall /opt/debs/*.deb');
  assert.notEqual(pid('amr-bridge'), before);
  assert.equal(machine.read('etc/amr/bridge.conf'), conf);
  await moreSealed('after the upgrade');
});

test('the WebSockets listener opens after its example is copied', { timeout: 60_000 }, async () => {
  machine.run(`cp /usr/share/doc/amr-broker/examples/websockets.conf /etc/amr/broker/conf.d/
    (umask 077; echo correct-horse-battery >/srv/admin/alice)
    amrctl staff add alice --file /etc/amr/broker/staff --password-file /srv/admin/alice
    systemctl restart amr-broker`);
  assert.match(machine.run('stat -c "%a %U:%G" /etc/amr/broker/staff'), /^640 root:mosquitto/);
  const reached = `perl -MIO::Socket::INET -e 'IO::Socket::INET->new("localhost:8884") or exit 1'`;
  await until('the listener', () => machine.try(reached).code === 0);
  await moreSealed('beside it');
});

test('removed, nothing runs; purged, only keys and stores are left', () => {
  machine.run('apt-get -q -y remove amr-bridge amr-broker amr-meter amrctl');
  for (const unit of UNITS) assert.notEqual(state(unit), 'active', unit);
  assert.equal(machine.try('pgrep -x "amr-bridge|amr-meter"').stdout, '');
  const said = machine.run('apt-get -q -y purge amr-bridge amr-broker amr-meter amrctl');
  assert.match(said, /kept \/var\/lib\/amr-bridge/);
  const left = machine.run('find / -xdev -ipath "*amr*" -not -path "/srv/*" -not -path "/opt/*" -not -path "/proc/*" -not -path "/sys/*" -not -path "/var/cache/apt/*" -not -path "/usr/share/zoneinfo/*"').trim().split('\n');
  const kept = /^\/(etc\/amr(\/(bridge|broker|meters)(\/.*)?)?|var\/lib\/(private\/)?amr-(bridge|meter)(\/.*)?|var\/lib\/dpkg.*|var\/lib\/systemd\/.*)$/;
  assert.deepEqual(left.filter((name) => name && !kept.test(name)), []);
  assert.ok(machine.has('etc/amr/bridge/keystore.json') && machine.has('var/lib/amr-bridge/bridge.db'));
  failed = false;
});
