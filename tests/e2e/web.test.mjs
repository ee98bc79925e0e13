// Dashboard, API and live data of a real bridge: every path of the API's description is called and
// its answers are held to the schemas; then what is refused, bounded, and resumed.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';
import Ajv from 'ajv/dist/2020.js';
import { privateKeyToAccount } from 'viem/accounts';
import { WebSocket } from 'ws';
import { parseProof } from './web_proof.mjs';
import { scenario, until } from './harness.mjs';
import { PASSWORD, Visitor, addStaff, ask, serveWeb } from './web.mjs';

const DESCRIPTION = JSON.parse(
  readFileSync(fileURLToPath(new URL('../../chain-bridge/web/openapi.json', import.meta.url))),
);

/** Calls operations and holds each answer to the description. */
class Described {
  constructor(visitor) {
    this.visitor = visitor;
    this.called = new Set();
    this.ajv = new Ajv({ strict: false, allErrors: true });
    this.ajv.addSchema(DESCRIPTION, 'api');
  }

  operation(method, template) {
    const operation = DESCRIPTION.paths[template]?.[method.toLowerCase()];
    assert.ok(operation, `${method} ${template} is described`);
    return operation;
  }

  check(operation, template, method, answer) {
    const name = `${method} ${template} ${answer.status}`;
    let described = operation.responses[answer.status];
    assert.ok(described, `${name} is described: ${answer.text.slice(0, 200)}`);
    this.called.add(`${method} ${template}`);
    const pointer = described.$ref
      ? described.$ref.slice(1)
      : `/paths/${template.replaceAll('~', '~0').replaceAll('/', '~1')}/${method.toLowerCase()}/responses/${answer.status}`;
    if (described.$ref) described = DESCRIPTION.components.responses[described.$ref.split('/').pop()];
    const [type] = (answer.headers['content-type'] ?? '').split(';');
    if (!described.content) return assert.equal(answer.text, '', name);
    assert.ok(described.content[type], `${name} comes as one of its types, not ${type}`);
    if (!/json/.test(type)) return undefined;
    const escaped = type.replaceAll('/', '~1');
    const validate = this.ajv.getSchema(`api#${encodeURI(pointer)}/content/${escaped}/schema`);
    assert.ok(validate(answer.body), `${name}: ${this.ajv.errorsText(validate.errors)}`);
    return undefined;
  }

  async call(method, template, path = template, options = {}) {
    const operation = this.operation(method, template);
    const outside = DESCRIPTION.paths[template].servers;
    const url = outside ? this.visitor.origin + path : path;
    const answer = await this.visitor.ask(method, url, options);
    this.check(operation, template, method, answer);
    return answer;
  }
}

const all = Object.entries(DESCRIPTION.paths).flatMap(([path, methods]) =>
  Object.keys(methods)
    .filter((m) => ['get', 'post', 'delete'].includes(m))
    .map((m) => `${m.toUpperCase()} ${path}`),
);

/** Meters with sealed readings, a never-seen one, an alarm, and somebody logged in. */
async function busyStage(stage, options) {
  await serveWeb(stage, options);
  const odd = stage.household('N-01');
  const client = await stage.admit(odd);
  await client.publish(odd.topic('reading'), 'no report');
  const meters = ['A-01', 'A-02'].map((serial) =>
    stage.addMeter(serial, 'sim', ['--telemetry-s', 1, '--sim-speed', 60]),
  );
  await stage.startMeters(...meters);
  const visitor = await Visitor.login(stage, 'olaf');
  await until(
    'sealed readings',
    async () =>
      (await visitor.data('/meters')).items.filter((row) => row.sealed_sequence >= 3).length === 2 &&
      (await visitor.data('/alarms')).items.some(({ cause }) => cause === 'malformed'),
  );
  return visitor;
}

scenario('every path answers as the API is described', async (stage) => {
  const visitor = await busyStage(stage);
  const api = new Described(visitor);
  const { body: page } = await api.call('GET', '/meters', '/meters?sort=serial&limit=2');
  assert.equal(page.total, 3);
  assert.equal(page.items.length, 2);
  const { body: rest } = await api.call(
    'GET',
    '/meters',
    `/meters?sort=serial&limit=2&cursor=${page.next_cursor}`,
  );
  assert.deepEqual(
    [...page.items, ...rest.items].map((row) => row.serial),
    [null, 'A-01', 'A-02'],
  );
  assert.equal((await api.call('GET', '/meters', '/meters?status=never')).body.total, 1);
  assert.equal((await api.call('GET', '/meters', '/meters?search=a-02')).body.total, 1);
  for (const path of ['/overview', '/load', '/session', '/heatmap', '/batches', '/tokens'])
    await api.call('GET', path);
  await api.call('GET', '/meters/{meter}', '/meters/A-01');
  await api.call('GET', '/meters/{meter}', `/meters/id:${page.items[0].meter}`);
  await api.call('GET', '/meters/{meter}', '/meters/nobody');
  const { body: events } = await api.call('GET', '/meters/{meter}/events', '/meters/A-01/events');
  assert.ok(events.items.some((event) => event.code === 2), 'the meter told its power up');
  const { body: readings } = await api.call(
    'GET',
    '/meters/{meter}/readings',
    '/meters/A-01/readings?limit=3000',
  );
  assert.deepEqual(
    readings.items.map((r) => r.t),
    readings.items.map((r) => r.t).sort((a, b) => b - a),
  );
  const sealed = readings.items.find((reading) => reading.state === 'sealed');
  const { body: some } = await api.call(
    'GET',
    '/meters/{meter}/readings',
    `/meters/A-01/readings?order=asc&from=${sealed.t}&to=${sealed.t + 1}`,
  );
  assert.deepEqual(some.items, [sealed]);
  await api.call('GET', '/batches/{root}', `/batches/${sealed.root}`);
  await api.call('GET', '/batches/{root}', `/batches/0x${'00'.repeat(32)}`);
  const proof = await api.call('GET', '/proofs/{meter}/{time}', `/proofs/A-01/${sealed.t}`);
  await parseProof(stage, proof.body);
  await api.call('GET', '/proofs/{meter}/{time}', '/proofs/A-01/1');
  await api.call('GET', '/reports/daily', '/reports/daily');
  const { body: daily } = await api.call(
    'GET',
    '/reports/daily',
    `/reports/daily?date=${new Date().toISOString().slice(0, 10)}`,
  );
  assert.ok(daily.read > 0 && !daily.complete);
  const csv = await api.call('GET', '/reports/daily', '/reports/daily?format=csv');
  assert.equal(csv.text.split('\r\n').length, 5, 'a head, three meters, the end');
  assert.match(csv.headers['content-disposition'], /daily-[-0-9]+\.csv/);
  await api.call('GET', '/reports/daily', '/reports/daily?date=2026-02-30');

  const { body: alarms } = await api.call('GET', '/alarms', '/alarms?state=open');
  // Others may be there: a meter that knocked before the broker had read the registry.
  const alarm = alarms.items.find(({ cause }) => cause === 'malformed');
  await api.call('GET', '/alarms/{id}', `/alarms/${alarm.id}`);
  const { body: seen } = await api.call(
    'POST',
    '/alarms/{id}/acknowledge',
    `/alarms/${alarm.id}/acknowledge`,
    { body: { note: 'known' } },
  );
  assert.equal(seen.acknowledged_by, 'olaf');
  await api.call('POST', '/alarms/{id}/acknowledge', '/alarms/999999/acknowledge', { body: {} });
  await api.call('POST', '/alarms/acknowledge', '/alarms/acknowledge', {
    body: { ids: alarms.items.map((a) => a.id) },
  });

  const { body: made } = await api.call('POST', '/tokens', '/tokens', {
    body: { name: 'grafana', role: 'viewer', days: 1 },
  });
  await api.call('POST', '/tokens', '/tokens', { body: { name: 'grafana', role: 'viewer' } });
  const program = new Visitor(stage, made.token);
  assert.equal((await program.data('/session')).name, 'grafana');
  assert.equal((await program.post('/tokens', { name: 'x', role: 'operator' })).status, 403);
  await api.call('DELETE', '/tokens/{id}', `/tokens/${made.id}`);
  assert.equal((await program.get('/session')).status, 401);

  const { body: next } = await api.call(
    'GET',
    '/commands/next',
    '/commands/next?meter=A-01&kind=3',
  );
  const stranger = privateKeyToAccount(`0x${'11'.repeat(32)}`);
  const { EIP712Domain: _, ...types } = next.typed_data.types;
  const signature = await stranger.signTypedData({ ...next.typed_data, types });
  await api.call('POST', '/commands', '/commands', {
    body: { command: next.command, signature },
  });
  await api.call('POST', '/commands', '/commands', { body: { command: next.command } });
  await api.call('GET', '/commands', '/commands?meter=A-01');
  for (const path of ['/metrics', '/healthz', '/readyz', '/openapi.json'])
    await api.call('GET', path);
  api.called.add('GET /live');
  await api.call('POST', '/login', '/login', { body: { name: 'vera', password: PASSWORD } });
  await api.call('POST', '/logout', '/logout');
  assert.equal((await visitor.get('/session')).status, 401);
  assert.deepEqual(
    all.filter((name) => !api.called.has(name)),
    [],
    'all that is described was called',
  );
});

scenario('nobody guesses, forges or reads without a login', async (stage) => {
  await serveWeb(stage);
  const guest = new Visitor(stage);
  for (const name of all.filter((n) => n.startsWith('GET'))) {
    const path = name.slice(4).replaceAll(/\{\w+\}/g, '1');
    if (/openapi|metrics|healthz|readyz|live/.test(path)) continue;
    assert.equal((await guest.get(path)).status, 401, path);
  }
  const vera = await Visitor.login(stage, 'vera');
  const olaf = await Visitor.login(stage, 'olaf');
  assert.match((await vera.get('/session')).text, /"role":"viewer"/);
  const body = { name: 'x', role: 'viewer' };
  const refused = (answer, status) => assert.equal(answer.status, status, answer.text);
  refused(await vera.post('/tokens', body), 403);
  refused(await olaf.post('/tokens', body, { 'x-csrf-token': vera.session.csrf }), 403);
  refused(await olaf.post('/tokens', body, { origin: 'https://evil.example' }), 403);
  refused(await olaf.post('/tokens', body, { 'content-type': 'text/plain' }), 400);
  refused(await olaf.get('/session', { host: 'evil.example' }), 421);
  refused(await olaf.get(stage.web, { host: 'evil.example' }), 421);
  refused(await olaf.post('/tokens', '{"name":"x","role":"viewer","extra":1}'), 400);
  refused(await olaf.ask('DELETE', '/session'), 405);

  const cookie = (await guest.post('/login', { name: 'vera', password: PASSWORD })).headers[
    'set-cookie'
  ][0];
  for (const rule of ['__Host-', 'Secure', 'HttpOnly', 'SameSite=Strict', 'Path=/'])
    assert.ok(cookie.includes(rule), rule);
  // Whoever is taken out of the staff file, or changes role, is out with the next login of anybody.
  addStaff(stage, 'vera', 'operator');
  stage.ctl('staff', 'remove', 'olaf', '--file', stage.path('staff'));
  const again = await Visitor.login(stage, 'vera');
  assert.equal(again.session.role, 'operator');
  for (const old of [vera, olaf]) refused(await old.get('/session'), 401);

  for (let i = 0; i < 10; i++)
    refused(await guest.post('/login', { name: 'vera', password: `no ${i}` }), 401);
  const late = await guest.post('/login', { name: 'vera', password: PASSWORD });
  refused(late, 429);
  assert.ok(Number(late.headers['retry-after']) > 0);
  assert.equal((await again.get('/session')).status, 200, 'who is in stays in');

  const text = stage.bridge.text();
  assert.ok(!text.includes(PASSWORD) && !text.includes(olaf.session.csrf));
});

scenario('long, slow and odd requests are bounded', async (stage) => {
  const url = new URL(await serveWeb(stage));
  const olaf = await Visitor.login(stage, 'olaf');
  const big = await olaf.post('/tokens', 'x'.repeat(20_000));
  assert.equal(big.status, 413);
  assert.equal((await olaf.get(`/meters?search=${'x'.repeat(600)}`)).status, 414);
  assert.equal((await olaf.get('/meters?search=%zz')).status >= 400, true);
  assert.equal((await olaf.get('/meters?limit=2&limit=3')).status, 400);
  assert.equal((await olaf.get('/meters?bogus=1')).status, 400);
  assert.equal((await ask(`${stage.web}/../../etc/passwd`)).status, 404);

  // Half a request each; the bridge goes on answering, and hangs up on them by itself.
  const sockets = [];
  for (let i = 0; i < 200; i++) {
    const socket = connect(Number(url.port), url.hostname);
    socket.on('error', () => {});
    socket.ended = new Promise((resolve) => socket.on('close', resolve));
    socket.write('GET /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ');
    sockets.push(socket);
  }
  await Promise.all(sockets.map((socket) => socket.ended));
  assert.equal((await olaf.get('/session')).status, 200);
});

/** A live connection that remembers its frames. */
class Page {
  constructor(visitor, headers = visitor.headers()) {
    this.frames = [];
    this.socket = new WebSocket(`${visitor.base.replace('http', 'ws')}/live`, { headers });
    this.opened = new Promise((resolve, reject) => {
      this.socket.on('open', () => resolve('open'));
      this.socket.on('unexpected-response', (_, answer) => resolve(answer.statusCode));
      this.socket.on('error', reject);
    });
    this.closed = new Promise((resolve) => this.socket.on('close', (code) => resolve(code)));
    this.socket.on('message', (text) => this.frames.push(JSON.parse(text)));
  }

  say(message) {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  frame(what, wanted) {
    return until(what, () => this.frames.find(wanted));
  }
}

scenario('live pages get a snapshot, then what changed, and resume', async (stage) => {
  const visitor = await busyStage(stage);
  const page = new Page(visitor);
  assert.equal(await page.opened, 'open');
  page.say({ subscribe: ['overview', 'meters', 'alarms', 'batches', 'meter'], meters: ['A-01'], meter: 'A-02' });
  const first = await page.frame('a snapshot', (frame) => frame.type === 'snapshot');
  const overview = await visitor.data('/overview');
  assert.deepEqual(Object.keys(first.overview).sort(), Object.keys(overview).sort());
  assert.equal(first.meters[0].serial, 'A-01');
  assert.ok(first.batches.length > 0 && first.alarms.length > 0);
  const delta = await page.frame('a new reading', (frame) => frame.meter?.readings);
  assert.equal(delta.type, 'delta');
  assert.ok(delta.sequence > first.sequence && delta.data_t > first.t);
  assert.equal(delta.meter.row.serial, 'A-02');
  assert.ok(page.frames.slice(1).every((frame) => frame.overview?.target_percent === undefined));
  await page.frame('a batch', (frame) => frame.type === 'delta' && frame.batches);
  const meter = stage.meters.find(({ serial }) => serial === 'A-02');
  await meter.stop();
  await stage.startMeters(meter);
  const told = await page.frame('an event', (frame) => frame.meter?.events);
  assert.deepEqual([told.meter.events[0].code, told.meter.row.serial], [2, 'A-02']); // power up

  const { boot, sequence } = page.frames.at(-1);
  page.socket.close();
  await page.closed;
  const again = new Page(visitor);
  await again.opened;
  again.say({ subscribe: ['overview', 'meters'], meters: ['A-01', 'N-01'], since: sequence, boot });
  const resumed = await again.frame('what was missed', () => true);
  assert.equal(resumed.type, 'delta');
  assert.equal(resumed.overview?.target_percent, undefined);
  again.say({ subscribe: ['overview'], since: sequence, boot: 'another' });
  await again.frame('all anew', (frame) => frame.type === 'snapshot');

  const foreign = new Page(visitor, visitor.headers({ origin: 'https://evil.example' }));
  assert.equal(await foreign.opened, 403);
  const unknown = new Page(new Visitor(stage));
  assert.equal(await unknown.opened, 401);
  const rude = new Page(visitor);
  await rude.opened;
  rude.say('{"subscribe":["everything"]}');
  assert.equal(await rude.closed, 1008);
  await visitor.post('/logout');
  assert.equal(await again.closed, 4401);
});

scenario('promtool takes the metrics and the alert rules', async (stage) => {
  const visitor = await busyStage(stage);
  const { text } = await ask(`${stage.web}/metrics`);
  const checked = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
  assert.equal(checked.status, 0, checked.stdout + checked.stderr);
  assert.match(text, /^amr_meters\{state="reporting"\} 2$/m);
  const rules = fileURLToPath(new URL('../../deploy/prometheus/rules.yml', import.meta.url));
  const ruled = spawnSync('promtool', ['check', 'rules', rules], { encoding: 'utf8' });
  assert.equal(ruled.status, 0, ruled.stdout + ruled.stderr);
  const named = new Set(text.match(/^amr_\w+/gm));
  const used = readFileSync(rules, 'utf8').match(/\bamr_\w+/g);
  const board = readFileSync(
    fileURLToPath(new URL('../../deploy/prometheus/grafana.json', import.meta.url)),
    'utf8',
  );
  for (const name of [...used, ...JSON.stringify(JSON.parse(board)).match(/\bamr_\w+/g)])
    assert.ok(named.has(name), `${name} is a metric of the bridge`);

  await stage.broker.stop();
  const ready = await until('unready', async () => {
    const answer = await ask(`${stage.web}/readyz`);
    return answer.status === 503 && answer;
  });
  assert.equal(ready.body.checks.find((check) => check.name === 'broker').ok, false);
  assert.equal((await ask(`${stage.web}/healthz`)).status, 200);
  assert.ok(visitor);
  await stage.restartBroker();
});
