// verify: does the chain hold exactly what the meters signed?
//
//     node tests/verify/verify.mjs --rpc URL --contract 0x... EXPORT...
//
// An EXPORT is what `amr-meter export` printed: one report a line. Shares no code with the programs
// it checks: viem computes digests and recovers signers, @openzeppelin/merkle-tree rebuilds trees
// and proves leaves, the record format is decoded by records.mjs, the contract's rules are applied
// here once more. For every batch on chain:
//
//   - its server was listed for its group, its number follows the one before;
//   - its records, in order, are the next reports of the meters' own exports: nothing missing,
//     doubled, altered or invented;
//   - every report's signature recovers to the signer that the chain had registered by then;
//   - the Merkle tree over those reports has the batch's root, and a proof holds for each report;
//   - the readings that the contract rejected are those that its rules reject, for those reasons.
//
// Then the contract's views are asked (batchCount, batchInfo, latestReading, verifyReport), and what
// the meters were told (sealed, in which batch) is compared.
//
// exit status: 0 all agree, 1 something does not (each said in a line), 2 usage or no answer.
import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { hashTypedData, recoverAddress } from 'viem';
import { openLedger, toReport } from './ledger.mjs';
import { decodeRecords } from './records.mjs';

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
const LEAF = ['bytes32', 'bytes32', 'bytes32', 'uint8'];
const FUTURE_TOLERANCE_S = 15 * 60;
const REASON = { unknown: 1, closed: 2, rollback: 3, stale: 4, future: 5, unsorted: 6 };
const PROOFS_ASKED_MAX = 200;

const sameReading = (a, b) =>
  a.t === b.t && a.importWh === b.importWh && a.exportWh === b.exportWh && a.quality === b.quality;
const show = (r) => `t=${r.t} import=${r.importWh} export=${r.exportWh} quality=${r.quality}`;

/** The lines of an export as reports; `seal` is what the meter was told, where it was. */
export function parseExport(text, source) {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line, i) => {
      try {
        const { report, state, batch, tx, block } = JSON.parse(line);
        const readings = report.readings.map((r) => ({
          t: r.t,
          importWh: r.import_wh,
          exportWh: r.export_wh,
          quality: r.quality,
        }));
        const seal = state === 'sealed' ? { batch, block, transaction: tx } : undefined;
        return {
          meter: report.meter,
          sequence: report.sequence,
          readings,
          sig: report.sig,
          state,
          seal,
        };
      } catch (error) {
        throw new Error(`${source}:${i + 1}: ${error.message}`);
      }
    });
}

/** What the chain knew of servers and meters at one moment; events move it on. */
class Registry {
  constructor() {
    this.servers = new Map();
    this.signers = new Map();
    this.closed = new Set();
  }

  apply(event) {
    const { name, meter } = event;
    if (name === 'ServerAdded') this.servers.set(event.server, event.group);
    if (name === 'ServerRemoved') this.servers.delete(event.server);
    if (name === 'MetersRegistered')
      event.signers.forEach((signer, i) => this.signers.set(event.firstMeter + i, signer));
    if (name === 'SignerRotated') this.signers.set(meter, event.signer);
    if (name === 'MeterClosed') this.closed.add(meter);
    if (name === 'MeterReopened') this.closed.delete(meter);
  }
}

class Checker {
  constructor(ledger, reports) {
    this.ledger = ledger;
    this.registry = new Registry();
    this.problems = [];
    this.counts = {
      batches: 0,
      reports: 0,
      readings: 0,
      rejected: 0,
      signatures: 0,
      proofs: 0,
      asked: 0,
      waiting: 0,
    };
    this.batchNumbers = new Map();
    this.latest = new Map(); // meter: last accepted reading
    this.sealed = []; // {report, leaf, root, tree}
    this.queues = this.#queueReports(reports);
  }

  problem(text) {
    this.problems.push(text);
  }

  /** meter: its reports in order of sequence, and how many of them the chain has had so far. */
  #queueReports(reports) {
    const queues = new Map();
    for (const report of [...reports].sort(
      (a, b) => a.meter - b.meter || a.sequence - b.sequence
    )) {
      if (!queues.has(report.meter)) queues.set(report.meter, { reports: [], next: 0 });
      const queue = queues.get(report.meter);
      if (queue.reports.at(-1)?.sequence === report.sequence)
        this.problem(`meter ${report.meter} exports sequence ${report.sequence} twice`);
      queue.reports.push(report);
    }
    return queues;
  }

  /** Takes the meter's next reports until they account for all of these readings. */
  #takeReports(meter, readings, where) {
    const queue = this.queues.get(meter);
    const taken = [];
    let at = 0;
    while (at < readings.length) {
      const report = queue?.reports[queue.next];
      const wrong =
        !report ||
        report.readings.findIndex((r, i) => !readings[at + i] || !sameReading(r, readings[at + i]));
      if (wrong === true || wrong >= 0) {
        this.#explain(
          meter,
          readings[at + (wrong === true ? 0 : wrong)],
          report?.readings[wrong],
          queue,
          where
        );
        return taken;
      }
      queue.next++;
      at += report.readings.length;
      taken.push(report);
    }
    return taken;
  }

  #explain(meter, onChain, wanted, queue, where) {
    if (!onChain) {
      this.problem(`${where}: meter ${meter}: a reading of a report is missing: ${show(wanted)}`);
      return;
    }
    const holder =
      queue?.reports.findIndex((report) => report.readings.some((r) => sameReading(r, onChain))) ??
      -1;
    const text = `${where}: meter ${meter}: ${show(onChain)}`;
    if (holder < 0) this.problem(`${text}: no report of the meter has this reading`);
    else if (holder < queue.next) this.problem(`${text}: is on chain before already`);
    else if (holder > queue.next)
      this.problem(`${text}: sequence ${queue.reports[queue.next].sequence} was left out`);
    else this.problem(`${text}: only part of its report is on chain`);
  }

  /** The contract's rules, applied again: what it should have rejected, and its new state. */
  #applyRules(records, time) {
    const rejected = [];
    let highest = -1;
    let current;
    let unsorted = false;
    for (const record of records) {
      if (record.meter !== current) {
        current = record.meter;
        unsorted = current < highest;
        highest = Math.max(highest, current);
      }
      const last = this.latest.get(current) ?? { t: 0, importWh: 0, exportWh: 0 };
      let reason = 0;
      if (unsorted) reason = REASON.unsorted;
      else if (!this.registry.signers.has(current)) reason = REASON.unknown;
      else if (this.registry.closed.has(current)) reason = REASON.closed;
      else if (record.t > time + FUTURE_TOLERANCE_S) reason = REASON.future;
      else if (record.t <= last.t) reason = REASON.stale;
      else if (record.importWh < last.importWh || record.exportWh < last.exportWh)
        reason = REASON.rollback;
      if (reason) rejected.push(`${current}/${record.t}/${reason}`);
      else this.latest.set(current, record);
    }
    return rejected;
  }

  async #leafOf(report, where) {
    const digest = hashTypedData({
      domain: this.ledger.domain,
      types: TYPES,
      primaryType: 'Report',
      message: toReport(report),
    });
    const signer = await recoverAddress({ hash: digest, signature: report.sig }).catch(
      () => 'nobody'
    );
    this.counts.signatures++;
    const registered = this.registry.signers.get(report.meter);
    if (signer !== registered)
      this.problem(
        `${where}: meter ${report.meter} sequence ${
          report.sequence
        } was signed by ${signer}, registered is ${registered ?? 'nobody'}`
      );
    const { sig } = report;
    return [
      digest,
      `0x${sig.slice(2, 66)}`,
      `0x${sig.slice(66, 130)}`,
      parseInt(sig.slice(130, 132), 16),
    ];
  }

  async #checkTree(batch, reports, where) {
    if (reports.length === 0) return;
    const leaves = [];
    for (const report of reports) leaves.push(await this.#leafOf(report, where));
    const tree = StandardMerkleTree.of(leaves, LEAF);
    if (tree.root !== batch.root)
      this.problem(`${where}: the tree over its ${reports.length} reports has root ${tree.root}`);
    for (const [i, leaf] of leaves.entries()) {
      const proof = tree.getProof(leaf);
      if (!StandardMerkleTree.verify(batch.root, LEAF, leaf, proof))
        this.problem(
          `${where}: no proof for meter ${reports[i].meter} sequence ${reports[i].sequence}`
        );
      this.counts.proofs++;
      this.sealed.push({ report: reports[i], batch, proof });
    }
  }

  async #checkBatch(batch, rejections) {
    const where = `batch ${batch.group}/${batch.number}`;
    this.counts.batches++;
    const expected = (this.batchNumbers.get(batch.group) ?? 0) + 1;
    if (Number(batch.number) !== expected)
      this.problem(`${where}: number ${expected} was expected`);
    this.batchNumbers.set(batch.group, Number(batch.number));
    if (this.registry.servers.get(batch.server) !== batch.group)
      this.problem(`${where}: ${batch.server} was not listed for group ${batch.group}`);

    let records;
    try {
      records = decodeRecords(batch.records, batch.group);
    } catch (error) {
      this.problem(`${where}: ${error.message}`);
      return;
    }
    const byMeter = new Map();
    for (const record of records)
      byMeter.set(record.meter, [...(byMeter.get(record.meter) ?? []), record]);
    const reports = [...byMeter].flatMap(([meter, readings]) =>
      this.#takeReports(meter, readings, where)
    );
    await this.#checkTree(batch, reports, where);
    this.#checkVerdicts(batch, records, rejections, where);
    this.counts.reports += reports.length;
  }

  #checkVerdicts(batch, records, rejections, where) {
    const should = this.#applyRules(records, batch.time);
    const did = rejections.map((r) => `${r.meter}/${r.timestamp}/${r.reason}`);
    if (should.join() !== did.join())
      this.problem(`${where}: rejected meter/time/reason [${did}], the rules say [${should}]`);
    if (batch.rejected !== did.length || batch.accepted !== records.length - did.length)
      this.problem(
        `${where}: says ${batch.accepted} accepted and ${batch.rejected} rejected of ${records.length}`
      );
    this.counts.readings += records.length - did.length;
    this.counts.rejected += did.length;
  }

  async checkEvents() {
    let rejections = [];
    for (const event of this.ledger.events) {
      this.registry.apply(event);
      if (event.name === 'ReadingRejected') rejections.push(event);
      if (event.name !== 'BatchSubmitted') continue;
      await this.#checkBatch(event, rejections);
      rejections = [];
    }
  }

  /** What the meters were told, and what is still on its way. */
  checkReceipts() {
    const where = new Map(this.sealed.map(({ report, batch }) => [report, batch]));
    for (const [meter, { reports }] of this.queues) {
      for (const report of reports) {
        const batch = where.get(report);
        const name = `meter ${meter} sequence ${report.sequence}`;
        if (!batch) {
          this.counts.waiting++;
          if (report.seal)
            this.problem(`${name}: told sealed in ${report.seal.batch}, but is not on chain`);
        } else if (report.seal) {
          const told = `batch ${report.seal.batch} block ${report.seal.block} transaction ${report.seal.transaction}`;
          const is = `batch ${batch.root} block ${batch.block} transaction ${batch.transaction}`;
          if (told !== is) this.problem(`${name}: told ${told}, is in ${is}`);
        }
      }
    }
  }

  async checkViews() {
    const { ledger } = this;
    for (const [group, number] of this.batchNumbers)
      if ((await ledger.batchCount(group)) !== number)
        this.problem(`group ${group}: batchCount is not ${number}`);
    for (const event of ledger.events) {
      if (event.name !== 'BatchSubmitted') continue;
      const info = await ledger.batchInfo(event.group, event.root);
      if (
        info.number !== event.number ||
        Number(info.blockNumber) !== event.block ||
        info.accepted !== event.accepted
      )
        this.problem(`batch ${event.group}/${event.number}: batchInfo says otherwise`);
    }
    const [server] = this.registry.servers.keys();
    for (const [meter, last] of this.latest) {
      const view = await ledger.latestReading(meter, server);
      if (view.join() !== [last.t, last.importWh, last.exportWh].join())
        this.problem(`meter ${meter}: latestReading is ${view}, the logs end with ${show(last)}`);
    }
    const step = Math.max(1, Math.ceil(this.sealed.length / PROOFS_ASKED_MAX));
    for (let i = 0; i < this.sealed.length; i += step) {
      const { report, batch, proof } = this.sealed[i];
      this.counts.asked++;
      if (!(await ledger.verifyReport(batch.root, report, report.sig, proof)))
        this.problem(`meter ${report.meter} sequence ${report.sequence}: verifyReport says no`);
    }
  }
}

/** Compares a ledger (ledger.mjs) with the meters' reports; {counts, problems}. */
export async function check(ledger, reports) {
  const checker = new Checker(ledger, reports);
  await checker.checkEvents();
  checker.checkReceipts();
  await checker.checkViews();
  if (checker.counts.batches === 0) checker.problem('there is no batch on chain');
  return { counts: checker.counts, problems: checker.problems };
}

function printResult({ counts, problems }, block) {
  const row = (number, text) => console.log(`${String(number).padStart(8)}  ${text}`);
  row(
    counts.batches,
    `batches up to block ${block}, each by a listed server, numbered without gaps`
  );
  row(
    counts.readings,
    `readings sealed, each reported by its meter, none missing, doubled or invented`
  );
  row(counts.rejected, 'readings rejected by the contract, for the reasons its rules give');
  row(counts.signatures, 'EIP-712 signatures recovered to the registered signers');
  row(counts.proofs, "Merkle proofs checked against the batches' roots, trees rebuilt");
  row(counts.asked, "reports confirmed by the contract's verifyReport");
  row(counts.waiting, 'reports still on their way');
  for (const problem of problems.slice(0, 50)) console.log(`WRONG  ${problem}`);
  console.log(problems.length ? `${problems.length} problems` : 'all agree');
}

function usage(text) {
  console.error(`verify: ${text}\nusage: verify.mjs --rpc URL --contract ADDRESS EXPORT...`);
  process.exit(2);
}

async function main(argv) {
  const options = {};
  const files = [];
  for (let i = 0; i < argv.length; i++) {
    if (argv[i] === '--rpc' || argv[i] === '--contract') options[argv[i].slice(2)] = argv[++i];
    else if (argv[i].startsWith('-')) usage(`unknown option ${argv[i]}`);
    else files.push(argv[i]);
  }
  if (!options.rpc || !options.contract || files.length === 0) usage('an argument is missing');
  const reports = files.flatMap((file) => parseExport(readFileSync(file, 'utf8'), file));
  const ledger = await openLedger(options.rpc, options.contract);
  const result = await check(ledger, reports);
  printResult(result, ledger.block);
  return result.problems.length ? 1 : 0;
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  main(process.argv.slice(2)).then(
    (status) => process.exit(status),
    (error) => {
      console.error(`verify: ${error.message}`);
      process.exit(2);
    }
  );
