// C, Solidity and public libraries agree: on digests, signatures, packed records, Merkle roots and
// proofs, and on what is in the ledger afterwards; on every hardfork from London to Osaka.
//
//     node test/oracle.mjs ORACLE [SEED]
//
// ORACLE is the program of test/oracle.c. For each batch that it makes up, viem computes the
// digests and recovers the signers, @openzeppelin/merkle-tree builds the tree, tools/records.mjs
// packs and unpacks the records, and the contract on a private node takes the batch, verifies every
// report and is read back. Prints a line a hardfork; exit status 1 on the first difference.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';

import { deploy, send, startNode, TX_BYTES_MAX } from '../tools/node.mjs';
import { packRecords, unpackRecords } from '../tools/records.mjs';

const require = createRequire(import.meta.url);
const { StandardMerkleTree } = require('@openzeppelin/merkle-tree');
const {
  decodeEventLog, decodeFunctionResult, encodeFunctionData, hashTypedData, hexToBytes,
  parseSignature, recoverAddress, toHex,
} = require('viem');
const { privateKeyToAddress } = require('viem/accounts');

const HARDFORKS = ['london', 'shanghai', 'cancun', 'prague', 'osaka'];
const BATCHES = 12;
const NOW = 1_793_145_600;
const GROUP = 7;
const FIRST = GROUP * 65536 + 100;
const METERS = 60;

const types = {
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
  Command: [
    { name: 'id', type: 'uint64' },
    { name: 'meter', type: 'uint32' },
    { name: 'kind', type: 'uint8' },
    { name: 'argument', type: 'uint32' },
    { name: 'notAfter', type: 'uint40' },
  ],
  CommandResult: [
    { name: 'id', type: 'uint64' },
    { name: 'meter', type: 'uint32' },
    { name: 'outcome', type: 'uint8' },
    { name: 'timestamp', type: 'uint32' },
  ],
};

let checks = 0;
function same(what, a, b) {
  checks++;
  const [x, y] = [a, b].map((value) =>
    JSON.stringify(value, (_, v) => (typeof v === 'bigint' ? Number(v) : v)));
  if (x.toLowerCase() !== y.toLowerCase()) throw new Error(`${what}: ${x} is not ${y}`);
}

const addressOf = (key) => privateKeyToAddress(toHex(key, { size: 32 }));

/** The ledger on a node, with the oracle's meters; call and transact by function name. */
async function setUp(node) {
  const { rpc } = node;
  const [admin, server] = await rpc('eth_accounts');
  const { abi, address } = await deploy(rpc, admin, 'MeterLedger', [admin]);
  const transact = (from, functionName, args) =>
    send(rpc, { from, to: address, data: encodeFunctionData({ abi, functionName, args }) });
  const call = async (functionName, args) => {
    const data = encodeFunctionData({ abi, functionName, args });
    const result = await rpc('eth_call', { from: admin, to: address, data }, 'latest');
    return decodeFunctionResult({ abi, functionName, data: result });
  };
  await transact(admin, 'addServer', [server, GROUP]);
  await transact(admin, 'addOperator', [addressOf(255)]);
  const signers = Array.from({ length: METERS }, (_, i) => addressOf(i + 1));
  await transact(admin, 'registerMeters', [FIRST, signers]);
  const domain = { name: 'MeterLedger', version: '1', chainId: 31337, verifyingContract: address };
  return { abi, address, server, transact, call, domain };
}

function typed(ledger, primaryType, message) {
  return hashTypedData({ domain: ledger.domain, types, primaryType, message });
}

const message = (report) => ({
  ...report,
  readings: report.readings.map(([timestamp, importWh, exportWh, quality]) =>
    ({ timestamp, importWh, exportWh, quality })),
});

async function checkReport(ledger, report) {
  const digest = typed(ledger, 'Report', message(report));
  same('report digest, viem', digest, report.digest);
  same('report digest, contract', await ledger.call('reportDigest', [message(report)]), digest);
  const signer = await recoverAddress({ hash: digest, signature: report.signature });
  same('signer', signer, addressOf(report.meter - FIRST + 1));
}

function checkRecords(batch) {
  const readings = batch.reports.flatMap((report) =>
    report.readings.map(([timestamp, importWh, exportWh, quality]) =>
      ({ number: report.meter % 65536, timestamp, importWh, exportWh, quality })));
  same('packed records', toHex(packRecords(readings)), batch.records);
  same('unpacked records', unpackRecords(hexToBytes(batch.records)), readings);
  return readings;
}

function checkTree(batch) {
  const leaves = batch.reports.map(({ digest, signature }) => {
    const { r, s, v } = parseSignature(signature);
    return [digest, r, s, Number(v)];
  });
  const tree = StandardMerkleTree.of(leaves, ['bytes32', 'bytes32', 'bytes32', 'uint8']);
  same('root', tree.root, batch.root);
  batch.proofs.forEach((proof, i) => same('proof', tree.getProof(i), proof));
}

async function checkBatch(ledger, batch) {
  const readings = checkRecords(batch);
  checkTree(batch);
  for (const report of batch.reports) await checkReport(ledger, report);
  const receipt = await ledger.transact(ledger.server, 'submitBatch', [batch.root, batch.records]);
  const event = decodeEventLog({ abi: ledger.abi, ...receipt.logs.at(-1) }).args;
  same('records in the event', event.records, batch.records);
  same('accepted, rejected', [event.accepted, event.rejected], [readings.length, 0]);
  if (batch.records.length / 2 > TX_BYTES_MAX) throw new Error('a batch above 128 KB');
  for (let i = 0; i < batch.reports.length; i++) {
    const report = batch.reports[i];
    const args = [batch.root, message(report), report.signature, batch.proofs[i]];
    same('verifyReport', await ledger.call('verifyReport', args), true);
    same('latest', await ledger.call('latestReading', [report.meter]), report.readings.at(-1).slice(0, 3));
  }
}

async function checkCommand(ledger, line) {
  const { id, meter, commandKind: kind, argument, notAfter, outcome, timestamp } = line;
  const command = { id, meter, kind, argument, notAfter };
  const result = { id, meter, outcome, timestamp };
  same('command digest, viem', typed(ledger, 'Command', command), line.digest);
  same('command digest, contract', await ledger.call('commandDigest', [command]), line.digest);
  same('result digest, viem', typed(ledger, 'CommandResult', result), line.resultDigest);
  same('result digest, contract', await ledger.call('resultDigest', [result]), line.resultDigest);
  await ledger.transact(ledger.server, 'issueCommand', [command, line.signature]);
  await ledger.transact(ledger.server, 'recordResult', [result, line.resultSignature]);
}

async function check(oracle, seed, hardfork) {
  const started = Date.now();
  const node = await startNode({ hardfork, timestamp: NOW });
  const ledger = await setUp(node);
  const args = [seed, BATCHES, 31337, ledger.address, NOW].map(String);
  const lines = execFileSync(oracle, args, { maxBuffer: 1 << 28 }).toString().trim().split('\n');
  let readings = 0;
  for (const line of lines.map((text) => JSON.parse(text))) {
    if (line.kind === 'batch') await checkBatch(ledger, line);
    else await checkCommand(ledger, line);
    for (const report of line.reports ?? []) readings += report.readings.length;
  }
  node.stop();
  const seconds = ((Date.now() - started) / 1000).toFixed(1);
  console.log(`${hardfork.padEnd(9)} ${BATCHES} batches, ${readings} readings, ${BATCHES} commands: ` +
    `the same in C, Solidity and JavaScript (${seconds} s)`);
}

const [oracle, seed = String(Date.now() % 1e9)] = process.argv.slice(2);
if (!oracle) {
  console.error('usage: node test/oracle.mjs ORACLE [SEED]');
  process.exit(2);
}
console.log(`seed ${seed}`);
for (let i = 0; i < HARDFORKS.length; i++) await check(oracle, String(Number(seed) + i), HARDFORKS[i]);
console.log(`${checks} comparisons`);
process.exit(0);
