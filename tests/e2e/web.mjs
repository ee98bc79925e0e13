// The web side of a bridge under test: its options, staff, a client that keeps cookie and CSRF
// token, and a live connection that keeps what it was sent.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { freePort, until } from './processes.mjs';

export const PASSWORD = 'correct horse battery';

/** Adds a person to the stage's staff file. */
export function addStaff(stage, name, role) {
  const password = stage.path('keys', `${name}.password`);
  writeFileSync(password, `${PASSWORD}\n`, { mode: 0o600 });
  stage.ctl(
    ...['staff', 'add', name, '--role', role, '--file', stage.path('staff')],
    ...['--password-file', password],
  );
}

/** Starts the stage's bridge again, with a dashboard; viewer vera and operator olaf can log in. */
export async function serveWeb(stage, options = []) {
  const port = await freePort();
  addStaff(stage, 'vera', 'viewer');
  addStaff(stage, 'olaf', 'operator');
  if (stage.bridge) await stage.bridge.stop();
  await stage.startBridge([
    ...['--web-listen', `127.0.0.1:${port}`, '--web-staff', stage.path('staff')],
    ...['--web-interval-s', 1, ...options],
  ]);
  stage.web = `http://127.0.0.1:${port}`;
  return stage.web;
}

/** Any request, as it stands: fetch would not let us set Host, Origin or Cookie. */
export function ask(url, { method = 'GET', headers = {}, body } = {}) {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method, headers, agent: false }, (answer) => {
      const parts = [];
      answer.on('data', (part) => parts.push(part));
      answer.on('end', () => {
        const bytes = Buffer.concat(parts);
        const type = answer.headers['content-type'] ?? '';
        const json = /json/.test(type) && !answer.headers['content-encoding'];
        resolve({
          status: answer.statusCode,
          headers: answer.headers,
          bytes,
          text: bytes.toString(),
          body: json && bytes.length ? JSON.parse(bytes) : undefined,
        });
      });
    });
    sent.on('error', (error) => reject(new Error(`${method} ${url}: ${error.message}`)));
    if (body !== undefined) {
      const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
      if (!headers['content-type']) sent.setHeader('content-type', 'application/json');
      sent.setHeader('content-length', bytes.length);
      sent.end(bytes);
    } else {
      if (method === 'POST') sent.setHeader('content-length', 0);
      sent.end();
    }
  });
}

/** Somebody at the dashboard. */
export class Visitor {
  constructor(stage, token) {
    this.origin = stage.web;
    this.base = `${stage.web}/api/v1`;
    this.token = token;
  }

  static async login(stage, name, password = PASSWORD) {
    const visitor = new Visitor(stage);
    const answer = await visitor.post('/login', { name, password });
    assert.equal(answer.status, 200, answer.text);
    visitor.cookie = answer.headers['set-cookie'][0].split(';')[0];
    visitor.session = answer.body;
    return visitor;
  }

  headers(extra = {}) {
    const headers = { origin: this.origin, ...extra };
    if (this.token) headers.authorization = `Bearer ${this.token}`;
    if (this.cookie) headers.cookie = this.cookie;
    if (this.session) headers['x-csrf-token'] ??= this.session.csrf;
    return headers;
  }

  ask(method, path, { body, headers } = {}) {
    const url = path.startsWith('http') ? path : this.base + path;
    return ask(url, { method, headers: this.headers(headers), body });
  }

  get(path, headers) {
    return this.ask('GET', path, { headers });
  }

  post(path, body, headers) {
    return this.ask('POST', path, { body, headers });
  }

  async data(path) {
    const answer = await this.get(path);
    assert.equal(answer.status, 200, `${path}: ${answer.text}`);
    return answer.body;
  }
}

export { until };
