// Everything that a MeterLedger says about readings, fetched over JSON-RPC: its events in order,
// and its views. The ABI is written here by hand, so that a contract compiled by this project is
// met from the outside.
import { createPublicClient, hexToBytes, http, parseAbi, parseEventLogs } from 'viem';

const ABI = parseAbi([
  'event ServerAdded(address indexed server, uint16 indexed group)',
  'event ServerRemoved(address indexed server, uint16 indexed group)',
  'event MetersRegistered(uint32 indexed firstMeter, address[] signers)',
  'event SignerRotated(uint32 indexed meter, address indexed signer)',
  'event MeterClosed(uint32 indexed meter)',
  'event MeterReopened(uint32 indexed meter)',
  'event BatchSubmitted(bytes32 indexed root, address indexed server, uint16 indexed group, uint64 number, uint32 accepted, uint32 rejected, bytes records)',
  'event ReadingRejected(bytes32 indexed root, uint32 indexed meter, uint32 timestamp, uint8 reason)',
  'struct Reading { uint32 timestamp; uint48 importWh; uint48 exportWh; uint8 quality; }',
  'struct Report { uint32 meter; uint32 sequence; Reading[] readings; }',
  'struct Batch { uint64 number; uint48 blockNumber; uint40 timestamp; uint32 accepted; uint32 rejected; }',
  'function batchCount(uint16 group) view returns (uint64)',
  'function batchInfo(uint16 group, bytes32 root) view returns (Batch)',
  'function latestReading(uint32 meter) view returns (uint32 timestamp, uint48 importWh, uint48 exportWh)',
  'function verifyReport(bytes32 root, Report report, bytes signature, bytes32[] proof) view returns (bool)',
]);
const BLOCKS_A_QUERY = 5000n;

/** The digest's ingredients in the shape that the ABI and viem's typed data share. */
export const toReport = ({ meter, sequence, readings }) => ({
  meter,
  sequence,
  readings: readings.map((r) => ({
    timestamp: r.t,
    importWh: r.importWh,
    exportWh: r.exportWh,
    quality: r.quality,
  })),
});

async function fetchEvents(client, address, last) {
  const events = [];
  for (let from = 0n; from <= last; from += BLOCKS_A_QUERY) {
    const to = from + BLOCKS_A_QUERY - 1n < last ? from + BLOCKS_A_QUERY - 1n : last;
    const logs = await client.getLogs({ address, fromBlock: from, toBlock: to });
    for (const log of parseEventLogs({ abi: ABI, logs, strict: true }))
      events.push({
        ...log.args,
        name: log.eventName,
        block: Number(log.blockNumber),
        index: log.logIndex,
        transaction: log.transactionHash,
      });
  }
  const times = new Map();
  for (const event of events) {
    if (event.name !== 'BatchSubmitted') continue;
    event.records = hexToBytes(event.records);
    if (!times.has(event.block))
      times.set(
        event.block,
        Number((await client.getBlock({ blockNumber: BigInt(event.block) })).timestamp)
      );
    event.time = times.get(event.block);
  }
  return events.sort((a, b) => a.block - b.block || a.index - b.index);
}

/**
 * {domain, events, batchCount(group), batchInfo(group, root), latestReading(meter, from),
 * verifyReport(root, report, signature, proof)}: what check() in verify.mjs works on.
 */
export async function openLedger(url, address) {
  const client = createPublicClient({ transport: http(url, { timeout: 60_000 }) });
  const [chainId, block] = [await client.getChainId(), await client.getBlockNumber()];
  const read = (functionName, args, account) =>
    client.readContract({ address, abi: ABI, functionName, args, account, blockNumber: block });
  return {
    domain: { name: 'MeterLedger', version: '1', chainId, verifyingContract: address },
    block: Number(block),
    events: await fetchEvents(client, address, block),
    batchCount: async (group) => Number(await read('batchCount', [group])),
    batchInfo: (group, root) => read('batchInfo', [group, root]),
    latestReading: async (meter, from) => (await read('latestReading', [meter], from)).map(Number),
    verifyReport: (root, report, signature, proof) =>
      read('verifyReport', [root, toReport(report), signature, proof]),
  };
}
