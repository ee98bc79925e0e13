// wallet: an operator's signature under a command, by the wallet in the browser (EIP-1193). The
// wallet shows what is signed; no key ever comes near this page.

const provider = () => window.ethereum;

export const hasWallet = () => typeof provider()?.request === 'function';

const REFUSED = 4001;

/** The 65 bytes of the signature, in hexadecimal. */
export async function sign(typedData) {
  if (!hasWallet()) throw new Error('There is no wallet in this browser.');
  try {
    const [account] = await provider().request({ method: 'eth_requestAccounts' });
    return await provider().request({
      method: 'eth_signTypedData_v4',
      params: [account, JSON.stringify(typedData)],
    });
  } catch (error) {
    if (error?.code === REFUSED) throw new Error('You did not sign.');
    throw new Error(`The wallet says: ${error?.message ?? error}`);
  }
}
