#!/usr/bin/env node
// check-proof: is this reading's proof good? Public libraries only, nothing of ours.
//   node check-proof.mjs FILE [RPC-URL]
// Without a node: the signer signed this report, and it is a leaf under the root (mathematics). With
// one: the ledger sealed this root as this batch, in this block and transaction, the signer was the
// meter's by then, the reading was not refused. Exit status: 0 good, 4 not, 1 no answer. Needs: npm
// install viem @openzeppelin/merkle-tree
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { readFileSync } from 'node:fs';
import { createPublicClient, hashTypedData, http, parseAbi, recoverAddress } from 'viem';

const uint = (name, bits) => ({ name, type: `uint${bits}` });
const types = {
  Report: [uint('meter', 32), uint('sequence', 32), { name: 'readings', type: 'Reading[]' }],
  Reading: [uint('timestamp', 32), uint('importWh', 48), uint('exportWh', 48), uint('quality', 8)],
};
const abi = parseAbi([
  'event BatchSubmitted(bytes32 indexed root, address indexed server, uint16 indexed group, uint64 number, uint32 accepted, uint32 rejected, bytes records)',
  'event ReadingRejected(bytes32 indexed root, uint32 indexed meter, uint32 timestamp, uint8 reason)',
  'function meterSignerAt(uint32 meter, uint64 batchNumber) view returns (address)',
]);
const fail = (text, code = 4) => {
  console.error(`check-proof: ${text}`);
  process.exit(code);
};
const need = (good, text) => good || fail(text);
const [file, url] = process.argv.slice(2);
if (!file) fail('usage: check-proof.mjs FILE [RPC-URL]', 2);
try {
  const p = JSON.parse(readFileSync(file, 'utf8'));
  const { meter, sequence, readings, sig, v } = p.report;
  need(p.format === 'amr-proof-1' && v === 1, 'no proof of this format');
  need(readings.some((r) => r.t === p.t), `the report has no reading of time ${p.t}`);
  const message = { meter, sequence, readings: readings.map((r) => ({ timestamp: r.t, importWh: r.import_wh, exportWh: r.export_wh, quality: r.quality })) };
  const domain = { name: 'MeterLedger', version: '1', chainId: p.chain_id, verifyingContract: p.contract };
  const hash = hashTypedData({ domain, types, primaryType: 'Report', message });
  const signer = await recoverAddress({ hash, signature: sig });
  need(signer === p.signer, `signed by ${signer}, not by ${p.signer}`);
  const leaf = [hash, sig.slice(0, 66), `0x${sig.slice(66, 130)}`, Number(`0x${sig.slice(130)}`)];
  const under = StandardMerkleTree.verify(p.root, ['bytes32', 'bytes32', 'bytes32', 'uint8'], leaf, p.proof);
  need(under, 'the hashes do not lead to the root');
  console.log(`mathematics good: ${signer} signed it, under root ${p.root}`);
  if (!url) console.log('chain NOT ASKED: give the URL of a node');
  else {
    const client = createPublicClient({ transport: http(url) });
    need((await client.getChainId()) === p.chain_id, 'the node serves another chain');
    const [address, at] = [p.contract, { fromBlock: BigInt(p.block), toBlock: BigInt(p.block) }];
    const logs = await client.getContractEvents({ address, abi, ...at, args: { root: p.root } });
    const of = (name) => logs.filter((l) => l.eventName === name && l.transactionHash === p.tx).map((l) => l.args);
    const sealed = of('BatchSubmitted').find((b) => b.group === meter >>> 16 && b.number === BigInt(p.batch) && b.root === p.root);
    need(sealed, 'the ledger sealed no such batch in that block and transaction');
    need(!of('ReadingRejected').some((r) => r.meter === meter && r.timestamp === p.t), 'the contract refused the reading');
    const then = await client.readContract({ address, abi, functionName: 'meterSignerAt', args: [meter, sealed.number] });
    need(then === signer, `the meter's signer was ${then} then`);
    console.log(`chain good: sealed by ${sealed.server} as batch ${sealed.group}/${sealed.number}, block ${p.block}`);
  }
} catch (error) {
  fail(error.message, /Http|Timeout/.test(error.name) ? 1 : 4);
}
