// A private anvil for benchmarks and tests: free loopback port, gone when the caller is.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { arch } from 'node:os';
import { fileURLToPath } from 'node:url';

const contracts = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(contracts);
const { encodeDeployData, numberToHex } = require('viem');

/** What a transaction may use since Osaka, and the bytes that nodes take of one. */
export const TX_GAS_MAX = 2 ** 24;
export const TX_BYTES_MAX = 128 * 1024;

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function spawnAnvil(port, hardfork, timestamp) {
  const machine = arch() === 'x64' ? 'amd64' : 'arm64';
  const program = `${contracts}node_modules/@foundry-rs/anvil-linux-${machine}/bin/anvil`;
  const options = ['--host', '127.0.0.1', '--port', port, '--hardfork', hardfork];
  options.push('--max-persisted-states', 0, '--timestamp', timestamp, '--silent');
  // Networks before Osaka have no such limit; batches keep to it there, too.
  if (hardfork === 'osaka') options.push('--enable-tx-gas-limit');
  const child = spawn(program, options.map(String), { stdio: ['ignore', 'ignore', 'inherit'] });
  child.on('error', (error) => {
    console.error(`start anvil: ${error.message} (run contracts/tools/setup)`);
    process.exit(1);
  });
  process.on('exit', () => child.kill('SIGKILL'));
  return child;
}

/** Starts a node; `rpc(method, ...params)` talks to it, `stop()` ends it. */
export async function startNode({ hardfork, timestamp }) {
  const port = await freePort();
  const child = spawnAnvil(port, hardfork, timestamp);
  let id = 0;
  const rpc = async (method, ...params) => {
    const response = await fetch(`http://127.0.0.1:${port}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ jsonrpc: '2.0', id: ++id, method, params }),
    });
    const { result, error } = await response.json();
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  };
  const deadline = Date.now() + 20_000;
  for (;;) {
    try {
      await rpc('eth_chainId');
      return { rpc, stop: () => child.kill('SIGKILL') };
    } catch (error) {
      if (Date.now() > deadline) throw new Error(`anvil does not answer: ${error.message}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Sends from one of the node's own accounts; returns the receipt. */
export async function send(rpc, transaction) {
  const hash = await rpc('eth_sendTransaction', { gas: numberToHex(TX_GAS_MAX), ...transaction });
  let receipt;
  while (!(receipt = await rpc('eth_getTransactionReceipt', hash)))
    await new Promise((resolve) => setTimeout(resolve, 2));
  if (receipt.status !== '0x1') throw new Error(`transaction ${hash} failed`);
  return receipt;
}

/** A contract as tools/build left it, deployed. */
export async function deploy(rpc, from, name, args) {
  const file = `${contracts}out/${name}.sol/${name}.json`;
  const { abi, bytecode } = JSON.parse(readFileSync(file));
  const data = encodeDeployData({ abi, bytecode: bytecode.object, args });
  const { contractAddress } = await send(rpc, { from, data });
  return { abi, address: contractAddress };
}

for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));
