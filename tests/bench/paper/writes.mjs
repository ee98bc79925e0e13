// Response time of N writes: one transaction a reading, each awaited before the next, as the source
// paper did; and our bridge, which batches.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createWalletClient, encodeDeployData, http } from 'viem';
import { mnemonicToAccount } from 'viem/accounts';
import {
  ROOT,
  Stage,
  WAIT_MS,
  onStage,
  register,
  send,
  sign,
  until,
  watchBatches,
} from '../bench_lib.mjs';

const MNEMONIC = 'test test test test test test test test test test test junk'; // anvil's own
const GROUP = 1;
const MOST_METERS = 500;

async function deployContract(stage, wallet, account) {
  const file = join(ROOT, 'contracts/out/TxPerReading.sol/TxPerReading.json');
  const { abi, bytecode } = JSON.parse(readFileSync(file));
  const data = encodeDeployData({ abi, bytecode: bytecode.object, args: [account.address, GROUP, 101] });
  const hash = await wallet.sendTransaction({ account, data, chain: null, gas: 10_000_000n });
  const receipt = await stage.rpc.waitForTransactionReceipt({ hash, pollingInterval: 20 });
  return { abi, address: receipt.contractAddress };
}

/** Seconds from the first write until the n-th is in a block, for each of `counts`. */
export async function serialWrites(counts, blockTime) {
  const stage = new Stage();
  const seconds = {};
  try {
    await stage.startChain({ blockTime });
    const account = mnemonicToAccount(MNEMONIC);
    const wallet = createWalletClient({ account, transport: http(stage.rpcUrl) });
    const { abi, address } = await deployContract(stage, wallet, account);
    const t = Math.floor(Date.now() / 1000) - 3600;
    const begin = performance.now();
    for (let i = 1; i <= Math.max(...counts); i++) {
      const args = [GROUP * 65536 + (i % 100), t + i, 1000 + i];
      const call = { address, abi, functionName: 'submit', args, chain: null, gas: 100_000n };
      const hash = await wallet.writeContract(call);
      await stage.rpc.waitForTransactionReceipt({ hash, pollingInterval: 10 });
      if (counts.includes(i)) seconds[i] = (performance.now() - begin) / 1000;
    }
  } finally {
    await stage.end();
  }
  return seconds;
}

/** Seconds from the first publish until the bridge has told that all `count` readings are sealed. */
export function batchedWrites(count, blockTime) {
  const meters = Math.min(count, count > 10_000 ? MOST_METERS : 100);
  return onStage(
    async (stage) => {
      await register(stage, meters);
      sign(stage, meters, count / meters, 1);
      const seen = await watchBatches(stage);
      const from = await send(stage, meters);
      await until('all of it to be sealed', () => seen.readings >= count, WAIT_MS);
      return (seen.ms - from) / 1000;
    },
    { chain: { blockTime } },
  );
}
