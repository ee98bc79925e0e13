// A downloaded proof, checked with none of our code: OpenZeppelin's tree and viem's EIP-712.
import assert from 'node:assert/strict';
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { hashTypedData, recoverAddress } from 'viem';

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

export async function parseProof(stage, proof) {
  const { report } = proof;
  const message = {
    meter: report.meter,
    sequence: report.sequence,
    readings: report.readings.map((r) => ({
      timestamp: r.t,
      importWh: r.import_wh,
      exportWh: r.export_wh,
      quality: r.quality,
    })),
  };
  const hash = hashTypedData({
    domain: stage.domain(),
    types: TYPES,
    primaryType: 'Report',
    message,
  });
  assert.equal(await recoverAddress({ hash, signature: report.sig }), proof.signer);
  const leaf = [hash, report.sig.slice(0, 66), `0x${report.sig.slice(66, 130)}`, parseInt(report.sig.slice(130), 16)];
  const types = ['bytes32', 'bytes32', 'bytes32', 'uint8'];
  assert.ok(StandardMerkleTree.verify(proof.root, types, leaf, proof.proof), 'the proof leads to the root');
}
