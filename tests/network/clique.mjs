// A network of validators of a client that people run in production: geth 1.13.15 (the last that
// makes blocks of a proof-of-authority network by itself), clique, each on a host of its own.
//
// AMR_GETH: the program (build/geth/geth; `tests/run network` builds it through the Go module proxy).
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createPublicClient, http } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { run, until } from '../e2e/harness.mjs';
import { Field } from './field.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const GETH = process.env.AMR_GETH ?? join(ROOT, 'build/geth/geth');
const CHAIN_ID = 4242;
export const VALIDATORS = ['v1', 'v2', 'v3', 'v4'];
/** A clique chain of 4 can replace its last blocks; what half of the signers and one have built on stays. */
export const FINALITY = 3;
const PERIOD_S = 2;

const lower = (address) => address.slice(2).toLowerCase();

/** Clique's extra data: 32 bytes, the signers in order, room for a signature. */
const extraData = (signers) => `0x${'00'.repeat(32)}${signers.map((s) => lower(s.address)).sort().join('')}${'00'.repeat(65)}`;

function genesis(signers, rich) {
  const forks = ['homestead', 'eip150', 'eip155', 'eip158', 'byzantium', 'constantinople', 'petersburg', 'istanbul', 'berlin', 'london'];
  return {
    config: {
      chainId: CHAIN_ID,
      ...Object.fromEntries(forks.map((fork) => [`${fork}Block`, 0])),
      clique: { period: PERIOD_S, epoch: 30000 },
    },
    difficulty: '1',
    gasLimit: '30000000',
    extraData: extraData(signers),
    alloc: Object.fromEntries(rich.map((address) => [lower(address), { balance: '1000000000000000000000' }])),
  };
}

export class Clique extends Field {
  chainHosts() {
    return VALIDATORS;
  }

  program(name, command, args, env) {
    const host = name.match(/^geth-(\w+)/)?.[1];
    if (!host) return super.program(name, command, args, env);
    const [inside, rest] = this.hosts.on(host, command, args);
    return Object.getPrototypeOf(Field.prototype).program.call(this, name, inside, rest, env);
  }

  /** Money is in the genesis block: accounts are known before. */
  async account(name) {
    const options = ['--keystore', this.path('keys', `${name}.json`), '--passphrase-file', this.path('keys', `${name}.pass`)];
    if (!this.accounts?.has(name)) {
      writeFileSync(options[3], `${name}-passphrase\n`, { mode: 0o600 });
      this.ctl('key', 'new', '--scrypt-log-n', 12, ...options);
      (this.accounts ??= new Map()).set(name, this.ctl('key', 'show', ...options).trim());
    }
    return { options, address: this.accounts.get(name) };
  }

  async startChain() {
    const rich = [];
    for (const name of ['admin', 'server', 's1']) rich.push((await this.account(name)).address);
    const nodes = VALIDATORS.map((name) => {
      const [node, signer] = [generatePrivateKey(), generatePrivateKey()];
      return { name, node, signer, enode: privateKeyToAccount(node).publicKey.slice(4), address: privateKeyToAccount(signer).address, at: this.hosts.address(name) };
    });
    writeFileSync(this.path('genesis.json'), JSON.stringify(genesis(nodes, rich)));
    this.nodes = new Map(nodes.map((node) => [node.name, this.prepare(node, nodes)]));
    for (const node of this.nodes.values()) node.start();
    for (const node of this.nodes.values()) await node.says(/HTTP server started/);
    this.rpcUrl = `http://${this.hosts.address('v2')}:8545`;
    this.wsUrl = VALIDATORS.map((name) => `ws://${this.hosts.address(name)}:8546`).join(',');
    this.rpc = createPublicClient({ transport: http(this.rpcUrl) });
    await until('blocks to be made', async () => (await this.rpc.getBlockNumber().catch(() => 0n)) > 1n, 60_000);
  }

  prepare({ name, node, signer, address, at }, nodes) {
    const dir = this.path(name);
    const file = (part) => join(dir, part);
    mkdirSync(dir);
    const files = { nodekey: node.slice(2), signer: signer.slice(2), password: 'validator\n' };
    for (const [part, text] of Object.entries(files)) writeFileSync(file(part), text, { mode: 0o600 });
    const peers = nodes.filter((other) => other.name !== name).map((other) => `"enode://${other.enode}@${other.at}:30303"`);
    writeFileSync(file('config.toml'), `[Node.P2P]\nStaticNodes = [${peers.join(', ')}]\nTrustedNodes = [${peers.join(', ')}]\n`);
    for (const args of [['init', this.path('genesis.json')], ['account', 'import', '--lightkdf', '--password', file('password'), file('signer')]]) {
      const [first, ...rest] = args;
      const verb = first === 'account' ? ['account', rest.shift()] : [first];
      const { code, stderr } = run(GETH, ['--datadir', dir, ...verb, ...rest].flatMap((a) => a), { timeoutMs: 60_000 });
      assert.equal(code, 0, stderr);
    }
    return this.program(`geth-${name}`, GETH, [
      ...['--config', file('config.toml'), '--datadir', dir, '--networkid', CHAIN_ID, '--nodekey', file('nodekey')],
      ...['--nodiscover', '--port', 30303, '--nat', 'none', '--syncmode', 'full', '--gcmode', 'archive', '--ipcdisable', '--cache', 64],
      ...['--http', '--http.addr', at, '--ws', '--ws.addr', at, '--ws.origins', '*', '--allow-insecure-unlock'],
      ...['--mine', '--miner.etherbase', address, '--miner.gasprice', 1, '--unlock', address, '--password', file('password')],
    ], {});
  }
}
