// A meter that shares no code with ours: viem signs, mqtt.js speaks MQTT, openssl makes the TLS key
// and the request. It can do what an attacker with a meter's keys can do: lie, repeat, pretend.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { hashTypedData } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { run, until, within } from './processes.mjs';

const TYPES = {
  Report: [
    { name: 'meter', type: 'uint32' },
    { name: 'sequence', type: 'uint32' },
    { name: 'readings', type: 'Reading[]' },
  ],
  Reading: [
    { name: 'timestamp', type: 'uint32' },
    { name: 'importWh', type: 'uint48' },
    { name: 'exportWh', type: 'uint48' },
    { name: 'quality', type: 'uint8' },
  ],
};

/** A connection that keeps what it received, and knows why it was refused. */
export class Client {
  constructor(options) {
    this.messages = [];
    this.closed = false;
    this.mqtt = mqtt.connect({
      protocolVersion: 5,
      reconnectPeriod: 0,
      connectTimeout: 10_000,
      ...options,
    });
    this.mqtt.on('message', (topic, payload) => {
      this.messages.push({ topic, text: payload.toString(), ...parse(payload) });
    });
    this.mqtt.on('close', () => (this.closed = true));
  }

  /** Resolves with the CONNACK's reason code, 0 being welcome, or with the transport's error. */
  outcome() {
    const client = this.mqtt;
    return within(
      'an answer to CONNECT',
      new Promise((resolve) => {
        client.once('connect', () => resolve({ code: 0 }));
        client.once('error', (error) => resolve({ code: error.code, text: error.message }));
        client.once('close', () => resolve({ code: 'closed' }));
      }),
    );
  }

  /** The PUBACK's reason code. */
  publish(topic, payload, options = {}) {
    const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
    return within(
      `a PUBACK on ${topic}`,
      new Promise((resolve) => {
        this.mqtt.publish(topic, text, { qos: 1, ...options }, (error, packet) =>
          resolve(error ? (error.code ?? error.message) : (packet?.reasonCode ?? 0)),
        );
      }),
    );
  }

  /** The reason code of each subscription. */
  async subscribe(...topics) {
    const granted = await within('a SUBACK', this.mqtt.subscribeAsync(topics, { qos: 1 }));
    return granted.map((grant) => grant.qos);
  }

  message(what, wanted) {
    return until(what, () => this.messages.find(wanted));
  }

  async end() {
    await this.mqtt.endAsync(true);
  }
}

function parse(payload) {
  try {
    return { json: JSON.parse(payload) };
  } catch {
    return {};
  }
}

export class Household {
  /** Makes keys and the certificate request SERIAL.csr in directory. */
  constructor(directory, serial) {
    this.serial = serial;
    this.account = privateKeyToAccount(generatePrivateKey());
    this.files = {
      key: join(directory, `${serial}.key`),
      csr: join(directory, `${serial}.csr`),
      cert: join(directory, `${serial}.crt`),
    };
    makeRequest(this.files, serial, this.account.address);
  }

  topic(kind, group = 1) {
    return `amr/v1/${group}/${this.serial}/${kind}`;
  }

  connect(stage, options = {}) {
    return new Client({
      ...stage.brokerAddress(),
      clientId: this.serial,
      key: readFileSync(this.files.key),
      cert: readFileSync(this.files.cert),
      ...options,
    });
  }

  /** A signed report as on the wire; `sign` may be another's account. */
  async report(stage, sequence, readings, { meter = this.meter, account = this.account } = {}) {
    const rows = readings.map((r) => ({ quality: 0, export_wh: 0, ...r }));
    const digest = hashTypedData({
      domain: stage.domain(),
      types: TYPES,
      primaryType: 'Report',
      message: {
        meter,
        sequence,
        readings: rows.map((r) => ({
          timestamp: r.t,
          importWh: r.import_wh,
          exportWh: r.export_wh,
          quality: r.quality,
        })),
      },
    });
    const ordered = rows.map(({ t, import_wh, export_wh, quality }) => ({
      t,
      import_wh,
      export_wh,
      quality,
    }));
    return { v: 1, meter, sequence, readings: ordered, sig: await account.sign({ hash: digest }) };
  }
}

function makeRequest(files, serial, address) {
  const made = run('openssl', [
    ...['req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-utf8'],
    ...['-keyout', files.key, '-out', files.csr, '-subj', `/OU=meter/CN=${serial}`],
    ...['-addext', `subjectAltName=URI:did:ethr:${address.toLowerCase()}`],
  ]);
  if (made.code !== 0) throw new Error(made.stderr);
}

/** A certificate authority that nobody here trusts, and a certificate that it made for `serial`. */
export function foreignCertificate(directory, serial, address) {
  const file = (name) => join(directory, name);
  const ca = [
    '-keyout',
    file('foreign-ca.key'),
    '-out',
    file('foreign-ca.crt'),
    '-subj',
    '/CN=Another Utility',
  ];
  const files = { key: file(`foreign-${serial}.key`), csr: file(`foreign-${serial}.csr`) };
  const steps = [
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      2,
      ...ca,
    ],
  ];
  makeRequest(files, serial, address);
  files.cert = file(`foreign-${serial}.crt`);
  steps.push([
    ...[
      'x509',
      '-req',
      '-in',
      files.csr,
      '-days',
      2,
      '-copy_extensions',
      'copy',
      '-out',
      files.cert,
    ],
    ...['-CA', file('foreign-ca.crt'), '-CAkey', file('foreign-ca.key'), '-CAcreateserial'],
  ]);
  for (const step of steps) {
    const made = run('openssl', step);
    if (made.code !== 0) throw new Error(made.stderr);
  }
  return { key: readFileSync(files.key), cert: readFileSync(files.cert) };
}
