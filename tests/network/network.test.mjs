// A server against a real network: four validators on hosts of their own, of which one is killed, two
// are cut off (the chain halts) and all are restarted, one endpoint is flooded. At the end every
// reading is on the chain, once.
//
//     tests/run network          (root, and the Go module proxy once)
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { until } from '../e2e/harness.mjs';
import { Clique, FINALITY, VALIDATORS } from './clique.mjs';
import { field, more } from './field.mjs';

/** So many calls at once to a node's port, again and again, until told to end. */
function flood(address, width) {
  let on = true;
  let answers = 0;
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'eth_getLogs', params: [{ fromBlock: '0x0', toBlock: 'latest' }] });
  const one = () => {
    if (!on) return;
    const call = request({ host: address, port: 8545, method: 'POST', headers: { 'content-type': 'application/json' } }, (answer) => {
      answers++;
      answer.resume();
      answer.on('end', one);
    });
    call.on('error', () => setTimeout(one, 10));
    call.end(body);
  };
  for (let i = 0; i < width; i++) one();
  return () => {
    on = false;
    return answers;
  };
}

field('a real network: validators killed, flooded, cut off and restarted; each reading once', ['s1'], async (stage, t) => {
  const server = await stage.addServer('s1', 1, ['--finality', FINALITY, '--max-fee-gwei', 0]);
  const meters = ['M-01', 'M-02', 'M-03'].map((serial) => stage.meter(serial, 1, ['s1']));
  await stage.admitted(3, server);
  await stage.startMeters(...meters);
  await more(stage, meters, 'at a steady load');
  const head = () => stage.rpc.getBlockNumber();

  await t.test('one validator of four killed: blocks and seals go on', async () => {
    await stage.nodes.get('v1').kill();
    await more(stage, meters, 'without the first validator', { count: 8 });
    await stage.nodes.get('v1').start().says(/HTTP server started/);
  });

  await t.test("the bridge's endpoint flooded: it goes on", async () => {
    const end = flood(stage.hosts.address('v1'), 200);
    await more(stage, meters, 'during the flood', { count: 8 });
    t.diagnostic(`${end()} answers to the flood`);
  });

  await t.test('two of four cut off: the chain halts, readings are kept, and all is sealed when it heals', async () => {
    for (const name of ['v3', 'v4']) stage.hosts.pull(name);
    const halted = async () => {
      const was = await head();
      await new Promise((resolve) => setTimeout(resolve, 10_000));
      return was === (await head());
    };
    await until('the chain to halt', halted, 90_000);
    const had = meters.map((meter) => stage.exportOf(meter).length);
    await until('meters to measure on', () => meters.every((meter, i) => stage.exportOf(meter).length > had[i] + 5));
    for (const name of ['v3', 'v4']) stage.hosts.plug(name);
    await more(stage, meters, 'after the network healed', { deadlineMs: 240_000 });
  });

  await t.test('all validators restarted: the bridge goes on by itself', async () => {
    for (const name of VALIDATORS) await stage.nodes.get(name).stop();
    for (const name of VALIDATORS) await stage.nodes.get(name).start().says(/HTTP server started/);
    await more(stage, meters, 'after the restart', { deadlineMs: 240_000 });
  });

  await stage.compare(meters);
  assert.doesNotMatch(server.bridge.text(), /rejected by the contract/);
}, Clique);
