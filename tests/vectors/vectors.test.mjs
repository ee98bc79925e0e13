// Our C code against viem and @openzeppelin/merkle-tree over random inputs: the program at
// $AMR_VECTORS prints what it made of them, one JSON object a line.
import { execFileSync } from 'node:child_process';
import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { getAddress, hashTypedData, keccak256, recoverAddress } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';

const seed = process.env.AMR_SEED ?? String(Date.now());
const count = process.env.AMR_COUNT ?? '8';
const output = execFileSync(process.env.AMR_VECTORS, [seed, count], {
  encoding: 'utf8',
  maxBuffer: 1 << 28,
});
const vectors = output.trim().split('\n').map((line) => JSON.parse(line));

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
};

function digestOf(vector, payload) {
  return hashTypedData({
    domain: {
      name: 'MeterLedger',
      version: '1',
      chainId: vector.chainId,
      verifyingContract: vector.contract,
    },
    types,
    primaryType: 'Report',
    message: {
      meter: payload.meter,
      sequence: payload.sequence,
      readings: payload.readings.map((r) => ({
        timestamp: r.t,
        importWh: r.import_wh,
        exportWh: r.export_wh,
        quality: r.quality,
      })),
    },
  });
}

const split = (sig) => ['0x' + sig.slice(2, 66), '0x' + sig.slice(66, 130), parseInt(sig.slice(130), 16)];

test(`reports are hashed and signed as viem does (seed ${seed})`, async () => {
  let reports = 0;
  for (const vector of vectors.filter((v) => v.kind === 'tree')) {
    for (const { payload, digest } of vector.reports) {
      assert.equal(digest, digestOf(vector, payload));
      assert.equal(
        await recoverAddress({ hash: digest, signature: payload.sig }),
        getAddress(vector.signer),
      );
      reports++;
    }
  }
  assert.ok(reports >= Number(count));
});

test(`Merkle roots are those of OpenZeppelin (seed ${seed})`, () => {
  for (const vector of vectors.filter((v) => v.kind === 'tree')) {
    const leaves = vector.reports.map(({ payload, digest }) => [digest, ...split(payload.sig)]);
    const tree = StandardMerkleTree.of(leaves, ['bytes32', 'bytes32', 'bytes32', 'uint8']);
    assert.equal(vector.root, tree.root);
  }
});

test(`EIP-1559 transactions are the bytes that viem makes (seed ${seed})`, async () => {
  for (const vector of vectors.filter((v) => v.kind === 'transaction')) {
    const account = privateKeyToAccount(vector.secret);
    const raw = await account.signTransaction({
      type: 'eip1559',
      chainId: vector.chainId,
      nonce: vector.nonce,
      maxPriorityFeePerGas: BigInt(vector.tip),
      maxFeePerGas: BigInt(vector.cap),
      gas: BigInt(vector.gas),
      to: vector.to ? getAddress(vector.to) : undefined,
      data: vector.data,
    });
    assert.equal(vector.raw, raw);
    assert.equal(vector.hash, keccak256(raw));
  }
});
