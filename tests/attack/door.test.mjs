// What people would try at the broker's door. Each attack says in one line what was tried, what
// happened, and what the broker's log says; it fails where that is not so. All the while BERT-1, an
// honest meter, must be served.
import assert from 'node:assert/strict';
import { copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { foreignCertificate } from '../e2e/household.mjs';
import { run, until, within } from '../e2e/processes.mjs';
import { CLOSED, Door } from './door.mjs';

const DENIED = 0x87; // MQTT 5: not authorised
const NOW = Math.floor(Date.now() / 1000);
const OPTIONS = ['strikes 40', 'shut-out-s 5', 'messages-per-s 50', 'messages-burst 100'];
const reading = (t, import_wh) => ({ t: NOW - 3600 + t, import_wh });

const door = new Door();
let anna, bert, carl, neighbour, alice, bridge;
let sequence = 0;
let bertSequence = 0;

const next = (wh = 1000) => anna.report(door, ++sequence, [reading(sequence, wh + sequence)]);

/** The honest meter is served, and soon. */
async function neighbourServed() {
  const from = Date.now();
  const n = ++bertSequence;
  const report = await bert.report(door, n, [reading(n, 5000 + n)]);
  assert.equal(
    await neighbour.publish(bert.topic('reading'), report),
    0,
    'the neighbour is served',
  );
  return Date.now() - from;
}

async function join(household, options) {
  const client = door.connect(household, options);
  assert.deepEqual(await client.outcome(), { code: 0 });
  return client;
}

/** attack() returns what happened; the log must then say `pattern` (null: it says nothing). */
async function attack(t, tried, pattern, body) {
  let done = false;
  await t.test(tried, async (t) => {
    const from = door.broker.here();
    const happened = await body(t);
    let line = 'nothing';
    if (pattern) {
      const [found] = await door.broker.says(new RegExp(`^.*${pattern.source}.*$`, 'm'), { from });
      line = found.replace(/^\S+ /, '').slice(0, 160);
    }
    const ms = await neighbourServed();
    t.diagnostic(`tried: ${tried} | happened: ${happened} | log: ${line} | neighbour: ${ms} ms`);
    done = true;
  });
  assert.ok(done, `${tried}: not repelled as it should be`);
}

const packet = (...bytes) => Buffer.from(bytes.flat());
const text = (s) => [0, s.length, ...Buffer.from(s)];

async function raw(bytes) {
  const socket = door.raw(anna);
  socket.on('secureConnect', () => socket.write(bytes));
  await within('the broker to hang up', socket.gone);
  assert.ok(socket.answer.length === 0 || socket.answer[3] >= 0x80, 'no welcome');
  return 'the broker hung up';
}

async function connecting(t) {
  const log = (words) => new RegExp(words);
  await attack(
    t,
    'CONNECT of a protocol that does not exist',
    log('Invalid protocol|disconnected'),
    () => raw(packet(0x10, 12, text('MQTX'), 5, 2, 0, 10, 0, 0)),
  );
  await attack(
    t,
    'CONNECT cut short in a field',
    log('malformed|[Pp]rotocol error|disconnected'),
    () => raw(packet(0x10, 8, text('MQTT'), 5, 0xff)),
  );
  await attack(
    t,
    'a first packet that says it is 256 MiB long',
    log('disconnected|[Mm]alformed'),
    async () => {
      const before = door.brokerMib();
      const result = await raw(packet(0x10, 0xff, 0xff, 0xff, 0x7f, text('MQTT')));
      assert.ok(door.brokerMib() - before < 32, 'nothing is set aside for it');
      return result;
    },
  );
  await attack(t, 'a length field of five bytes', log('disconnected|[Mm]alformed'), () =>
    raw(packet(0x10, 0xff, 0xff, 0xff, 0xff, 0x01)),
  );
  await attack(t, 'PUBLISH before CONNECT', log('disconnected|[Pp]rotocol'), () =>
    raw(packet(0x30, 8, text('a/b'), 1, 2, 3)),
  );
  await attack(t, '200 connections that never finish their TLS handshake', null, async () => {
    const sockets = Array.from({ length: 200 }, () => door.tcp());
    for (const socket of sockets) socket.write(packet(0x16, 3, 1, 2, 0, 1, 0));
    await neighbourServed();
    for (const socket of sockets) socket.destroy();
    return 'the others are served';
  });
  await attack(
    t,
    '1,000 connections of garbage, as fast as they go',
    log('OpenSSL Error'),
    async () => {
      const from = Date.now();
      for (let i = 0; i < 10; i++) {
        const sockets = Array.from({ length: 100 }, () => door.tcp()); // the broker's backlog
        for (const socket of sockets) socket.write('GET / HTTP/1.1\r\n\r\n');
        await within('100 refusals', Promise.all(sockets.map((socket) => socket.gone)));
      }
      return `all hung up on in ${Date.now() - from} ms`;
    },
  );
}

async function identities(t) {
  await attack(t, 'no certificate', /peer did not return a certificate/, async () => {
    const { code } = await door.client({ clientId: anna.serial }).outcome();
    assert.notEqual(code, 0);
    return `TLS refused: ${code}`;
  });
  await attack(
    t,
    "a certificate of another authority with a meter's name",
    /OpenSSL Error/,
    async () => {
      const forged = foreignCertificate(door.path('meters'), anna.serial, anna.account.address);
      const { code } = await door.client({ clientId: anna.serial, ...forged }).outcome();
      assert.notEqual(code, 0);
      return `TLS refused: ${code}`;
    },
  );
  await attack(t, "another meter's client id (takeover)", /cause=client-id /, async () => {
    const client = await join(anna);
    const { code } = await door.connect(carl, { clientId: anna.serial }).outcome();
    assert.equal(code, DENIED);
    assert.equal(client.closed, false, 'the victim stays');
    await client.end();
    return 'CONNACK 0x87, the victim stays connected';
  });
  await attack(t, 'the client id of the bridge', /cause=client-id /, async () => {
    const { code } = await door.connect(carl, { clientId: 'bridge' }).outcome();
    assert.equal(code, DENIED);
    return 'CONNACK 0x87';
  });
}

async function topics(t) {
  const client = await join(carl);
  const denied = (topic, options) => async () => {
    assert.equal(await client.publish(topic, '{}', options), DENIED);
    return 'PUBACK 0x87';
  };
  const closed = (filter) => async () => {
    const codes = await client.mqtt.subscribeAsync(filter, { qos: 1 }).then(
      (granted) => granted.map((grant) => grant.qos),
      () => [DENIED], // mqtt.js 5 rejects where every filter was refused
    );
    assert.ok(codes.every((code) => code >= 0x80));
    return 'SUBACK 0x87';
  };
  const publishes = {
    "another meter's reading topic": [anna.topic('reading')],
    'its own receipt topic': [carl.topic('receipt')],
    'a topic of another group': [carl.topic('reading', 2)],
    $CONTROL: ['$CONTROL/dynamic-security/v1'],
    'a reading that is to be retained': [carl.topic('reading'), { retain: true }],
  };
  for (const [what, args] of Object.entries(publishes))
    await attack(t, `publishing on ${what}`, /publish denied cause=denied /, denied(...args));
  await attack(t, 'publishing on $SYS', null, denied('$SYS/broker/uptime')); // Mosquitto says no itself
  const filters = ['#', 'amr/v1/1/+/reading', '$SYS/#', anna.topic('command')];
  for (const filter of [...filters, `$share/x/${carl.topic('command')}`])
    await attack(t, `subscribing to ${filter}`, /subscribe denied cause=denied /, closed(filter));
  await client.end();

  await attack(t, 'a Will on the reading topic', /Will denied cause=denied /, async () => {
    const payload = JSON.stringify(await carl.report(door, 1, [reading(1, 1)]));
    const will = { topic: carl.topic('reading'), payload: Buffer.from(payload), qos: 1 };
    const dying = await join(carl, { will });
    dying.mqtt.stream.destroy();
    await door.broker.says(/Will denied/);
    assert.equal(bridge.messages.filter((m) => m.topic === carl.topic('reading')).length, 0);
    return 'connected, but the bridge never gets the Will';
  });
}

async function reports(t) {
  const client = await join(anna);
  const refused = (cause, make) =>
    attack(t, make.tried, new RegExp(`report rejected cause=${cause} `), async () => {
      client.messages.length = 0;
      assert.equal(await client.publish(anna.topic('reading'), await make.report()), DENIED);
      await client.message('a receipt', (m) => m.json?.cause === cause);
      return `PUBACK 0x87 and a receipt "rejected", cause ${cause}`;
    });
  const good = await next();
  assert.equal(await client.publish(anna.topic('reading'), good), 0);
  await attack(t, 'an exact replay by the meter itself', null, async () => {
    assert.equal(await client.publish(anna.topic('reading'), good), 0);
    return 'let through: it is a legitimate resend, sealed once all the same';
  });
  const cases = {
    conflict: [
      'a report with the same sequence and other content',
      () => anna.report(door, sequence, [reading(sequence, 4000)]),
    ],
    rollback: [
      'a report whose register falls',
      () => anna.report(door, sequence + 1, [reading(900, 1)]),
    ],
    identity: ["another meter's report", () => bert.report(door, 77, [reading(1, 1)])],
    signature: [
      'a report signed by another key',
      () => anna.report(door, sequence + 1, [reading(901, 2000)], { account: carl.account }),
    ],
    future: [
      'a report from an hour ahead',
      () => anna.report(door, sequence + 1, [reading(3600 + 3600, 2000)]),
    ],
    malformed: ['a report with an unknown key', async () => ({ ...(await next()), note: 'hello' })],
    oversize: ['a report of 20,000 bytes', () => ' '.repeat(20_000)],
  };
  for (const [cause, [tried, report]] of Object.entries(cases))
    await refused(cause, { tried, report });
  await refused('signature', {
    tried: 'a report changed after it was signed',
    report: async () => {
      const report = await anna.report(door, sequence + 1, [reading(902, 2000)]);
      report.readings[0].import_wh++;
      return report;
    },
  });
  await attack(
    t,
    'a packet of 100 kB',
    /ANNA-1 disconnected|oversize|packet too large/,
    async () => {
      client.mqtt.publish(anna.topic('reading'), ' '.repeat(100_000), { qos: 1 }, () => {});
      await until('the connection to end', () => client.closed);
      return 'the broker hung up';
    },
  );
}

async function floods(t) {
  await attack(
    t,
    'a flood of bad reports',
    /client shut out cause=shut-out client="CARL-1"/,
    async () => {
      const client = await join(carl);
      let sent = 0;
      const flood = setInterval(() => {
        for (let i = 0; i < 20 && !client.closed; i++, sent++)
          client.mqtt.publish(carl.topic('reading'), 'bad', { qos: 0 });
      }, 10);
      await until('the flood to be shut out', () => client.closed);
      clearInterval(flood);
      assert.equal((await door.connect(carl).outcome()).code, DENIED, 'stays out');
      return `shut out, alone, after ${sent} at most, and not let in again`;
    },
  );
  await attack(
    t,
    'a flood of good messages',
    /message rejected cause=rate client="ANNA-1"/,
    async () => {
      const client = await join(anna);
      const answers = await Promise.all(
        Array.from({ length: 120 }, () => client.publish(anna.topic('telemetry'), '{}')),
      );
      const late = answers.filter((code) => code === DENIED).length;
      assert.ok(late > 0 && late < 40, `${late} of 120 are too many`);
      await client.end();
      return `${late} of 120 at once refused, the client stays connected`;
    },
  );
  await attack(
    t,
    'guessing a password',
    /login refused cause=shut-out client="alice~console"/,
    async () => {
      const good = door.staffLogin('alice', 'correct horse');
      assert.deepEqual(await good.outcome(), { code: 0 });
      await good.end();
      let guesses = 0;
      const from = door.broker.here();
      const refused = async (password) => (await door.staffLogin('alice', password).outcome()).code;
      await until('the address to be shut out', async () => {
        assert.equal(await refused(`guess ${++guesses}`), DENIED);
        return /cause=shut-out client="alice~console"/.test(door.broker.text(from));
      });
      assert.equal(await refused('correct horse'), DENIED, 'even the right one, from this address');
      return `after ${guesses} guesses the address may not even try the right one`;
    },
  );
}

async function reloads(t) {
  const durable = { clean: false, properties: { sessionExpiryInterval: 600 } };
  await attack(t, 'SIGHUP with sessions on line and off line', /[Rr]eload/, async () => {
    const absent = await join(anna, durable);
    await absent.subscribe(anna.topic('receipt'));
    await absent.end();
    process.kill(door.broker.pid, 'SIGHUP');
    await neighbourServed();
    assert.equal(neighbour.closed || alice.closed || bridge.closed, false, 'nobody is dropped');
    assert.equal(await bridge.publish(anna.topic('receipt'), '{"kept":1}'), 0);
    const back = await join(anna, durable);
    await back.message('what was sent meanwhile', (m) => m.json?.kept === 1);
    await back.end();
    return 'nobody dropped, the absent one gets its messages later';
  });
}

async function registries(t) {
  const unreadable = /registry not readable, the last good state stays cause=registry .*/;
  const aside = `${door.registry}.aside`;
  const healed = async (from) => door.broker.says(/registry read meters=/, { from });
  const spoil = (tried, spoiling) =>
    attack(t, `the registry file is ${tried}`, unreadable, async () => {
      const from = door.broker.here();
      copyFileSync(door.registry, aside);
      const restore = (await spoiling()) ?? (() => renameSync(aside, door.registry));
      await door.broker.says(unreadable, { from });
      const ms = await neighbourServed();
      const back = door.broker.here();
      await restore();
      await healed(back);
      return `known meters are served (${ms} ms); read again once it is good`;
    });
  await spoil('gone', () => rmSync(door.registry));
  await spoil('locked', () => door.lockRegistry());
  await spoil('garbage', () => {
    const bytes = readFileSync(aside);
    bytes.fill(0xa5, 0, 200);
    writeFileSync(`${door.registry}.new`, bytes);
    renameSync(`${door.registry}.new`, door.registry);
  });
  await spoil('of a newer version', () => {
    const bytes = readFileSync(aside);
    bytes.writeUInt32BE(99, 60); // PRAGMA user_version
    bytes.writeUInt32BE(bytes.readUInt32BE(24) + 1, 24); // the change counter
    writeFileSync(`${door.registry}.new`, bytes);
    renameSync(`${door.registry}.new`, door.registry);
  });
}

async function revocation(t) {
  await attack(
    t,
    'a meter that is closed while connected',
    /client disconnected cause=closed client="ANNA-1"/,
    async () => {
      const client = await join(anna);
      anna.status = CLOSED;
      const from = Date.now();
      door.register(anna);
      await until('it to be thrown out', () => client.closed);
      const took = Date.now() - from;
      assert.ok(took < 2000, `${took} ms`);
      assert.equal((await door.connect(anna).outcome()).code, DENIED);
      return `disconnected after ${took} ms and not let in again`;
    },
  );
  await attack(
    t,
    "mosquitto_pub with a closed meter's certificate",
    /login refused cause=closed /,
    async () => {
      const { code } = run('mosquitto_pub', [
        ...['-h', '127.0.0.1', '-p', door.brokerPort, '--cafile', door.path('pki/ca.crt')],
        ...[
          '--cert',
          anna.files.cert,
          '--key',
          anna.files.key,
          '-i',
          anna.serial,
          '-V',
          'mqttv311',
        ],
        ...['-q', 1, '-t', anna.topic('reading'), '-m', '{}'],
      ]);
      assert.notEqual(code, 0);
      return `refused, exit status ${code}`;
    },
  );
}

async function noRegistry(t) {
  await attack(t, 'starting without a registry', /cause=registry /, async () => {
    await door.broker.stop();
    rmSync(door.registry);
    await door.restartBroker();
    const from = door.broker.mark;
    await door.broker.says(/registry not readable, no meter is admitted cause=registry/, { from });
    assert.equal((await door.connect(bert).outcome()).code, DENIED);
    door.register(bert);
    await door.broker.says(/registry read meters=1 /, { from });
    neighbour = await join(bert);
    return 'no meter is admitted until there is one';
  });
}

test("the broker's door", { timeout: 85_000 }, async (t) => {
  let good = false;
  try {
    await door.open({ options: OPTIONS, serials: ['ANNA-1', 'BERT-1', 'CARL-1'] });
    [anna, bert, carl] = door.households;
    neighbour = await join(bert);
    alice = await door.watchAlarms();
    const pki = (name) => readFileSync(door.path('pki', name));
    bridge = door.client({ clientId: 'bridge', cert: pki('bridge.crt'), key: pki('bridge.key') });
    assert.deepEqual(await bridge.outcome(), { code: 0 });
    await bridge.subscribe('amr/v1/1/+/reading');
    for (const part of [
      connecting,
      identities,
      topics,
      reports,
      floods,
      reloads,
      registries,
      revocation,
      noRegistry,
    ])
      await part(t);
    good = true;
  } finally {
    const wrong = await door.end();
    if (good && wrong.length === 0) rmSync(door.dir, { recursive: true });
    else console.log(`kept ${door.dir}\n${wrong.join('\n')}`);
    if (good) assert.deepEqual(wrong, [], 'no report of a sanitizer, nothing left running');
  }
});
