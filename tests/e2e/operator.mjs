// An operator that shares no code with ours: viem signs commands and issues them on the chain.
import { createWalletClient, hashTypedData, http, parseAbi } from 'viem';
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts';
import { until } from './processes.mjs';

const ABI = parseAbi([
  'struct Command { uint64 id; uint32 meter; uint8 kind; uint32 argument; uint40 notAfter; }',
  'struct State { bool issued; bool resulted; uint8 outcome; uint32 timestamp; }',
  'function addOperator(address operator)',
  'function issueCommand(Command command, bytes operatorSignature)',
  'error NotOperator(address signer)',
  'error CommandIdNotNext(uint32 meter, uint64 id, uint64 expected)',
  'error CommandExpired(uint40 notAfter)',
  'function commandState(uint32 meter, uint64 id) view returns (State)',
]);
const TYPES = {
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

export const KIND = { disconnect: 1, reconnect: 2, readNow: 3, interval: 4 };
export const OUTCOME = { accepted: 1, confirmed: 2, failed: 3, expired: 4, refused: 5 };

export class Operator {
  /** Listed by the admin unless told otherwise. Anybody may send what it signs: here it is itself. */
  static async make(stage, { listed = true } = {}) {
    const operator = new Operator();
    operator.stage = stage;
    operator.account = privateKeyToAccount(generatePrivateKey());
    operator.address = operator.account.address;
    operator.wallet = createWalletClient({
      account: operator.account,
      transport: http(stage.rpcUrl),
      chain: { id: 31337, name: 'anvil', nativeCurrency: {}, rpcUrls: {} },
    });
    const rpc = (method, ...params) => stage.rpc.request({ method, params });
    await rpc('anvil_setBalance', operator.address, '0x56bc75e2d63100000');
    if (listed) {
      const { address } = stage.admin;
      await rpc('anvil_impersonateAccount', address);
      const admin = createWalletClient({ ...operator.wallet, account: address, transport: http(stage.rpcUrl) });
      const hash = await admin.writeContract({
        ...operator.contract(),
        account: address,
        functionName: 'addOperator',
        args: [operator.address],
      });
      await stage.rpc.waitForTransactionReceipt({ hash });
    }
    return operator;
  }

  contract() {
    return { address: this.stage.contract, abi: ABI, chain: null };
  }

  async sign(command) {
    const digest = hashTypedData({
      domain: this.stage.domain(),
      types: TYPES,
      primaryType: 'Command',
      message: command,
    });
    return this.account.sign({ hash: digest });
  }

  /** Signs and issues; the next id unless one is given. Rejects where the contract does. */
  async issue(meter, kind, { id, argument = 0, validS = 600, notAfter } = {}) {
    this.ids ??= {};
    const next = (this.ids[meter] ?? 0) + 1;
    const now = Math.floor(Date.now() / 1000);
    const command = { id: BigInt(id ?? next), meter, kind, argument, notAfter: notAfter ?? now + validS };
    const signature = await this.sign(command);
    const hash = await this.wallet.writeContract({
      ...this.contract(),
      functionName: 'issueCommand',
      args: [command, signature],
    });
    await this.stage.rpc.waitForTransactionReceipt({ hash });
    this.ids[meter] = Number(command.id);
    return { ...command, id: Number(command.id), signature };
  }

  state(meter, id) {
    return this.stage.rpc.readContract({
      ...this.contract(),
      functionName: 'commandState',
      args: [meter, BigInt(id)],
    });
  }

  /** The outcome that the chain has for the command, once it has one. */
  outcome(meter, id, deadlineMs) {
    return until(
      `a result of command ${id} on the chain`,
      async () => {
        const { resulted, outcome } = await this.state(meter, id);
        return resulted && outcome;
      },
      deadlineMs,
    );
  }
}

/** A result as a meter signs it. */
export async function signedResult(stage, household, { id, outcome, t }) {
  const digest = hashTypedData({
    domain: stage.domain(),
    types: TYPES,
    primaryType: 'CommandResult',
    message: { id: BigInt(id), meter: household.meter, outcome, timestamp: t },
  });
  const sig = await household.account.sign({ hash: digest });
  return { v: 1, id, meter: household.meter, outcome, t, sig };
}
