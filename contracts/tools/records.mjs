// The record format of MeterLedger.submitBatch, packed and unpacked in JavaScript.
//
// For benchmarks and tests; written from the format's description in IMeterLedger.sol, apart from
// common/record.c, with which tests compare it. A reading here is
// {number, timestamp, importWh, exportWh, quality}, registers as Numbers (< 2^53).

const HEADER_BYTES = 7;
const HEAD_BYTES = 6;
const HEAD_COST = 12; // a block's head, and what it takes to read it, in bytes
const SERIES_COST = 24; // that and an item with all its digits
const COUNT_MAX = 255;

const bytesOf = (shape) => 2 * (shape.time + shape.import + shape.export) + shape.quality;
const shapeByte = (shape) =>
  (shape.quality << 6) | (shape.time << 4) | (shape.import << 2) | shape.export;

function widest(a, b) {
  if (!a || !b) return a ?? b;
  return {
    quality: Math.max(a.quality, b.quality),
    time: Math.max(a.time, b.time),
    import: Math.max(a.import, b.import),
    export: Math.max(a.export, b.export),
  };
}

const code = (value) => (value === 0 ? 0 : value < 2 ** 16 ? 1 : value < 2 ** 32 ? 2 : 3);

/** An item has a byte at least. */
function notEmpty(shape) {
  return bytesOf(shape) ? shape : { ...shape, quality: 1 };
}

function firstShape(reading, header) {
  const time = reading.timestamp - header.baseTime;
  return notEmpty({
    quality: reading.quality ? 1 : 0,
    time: time >= 0 && time < 2 ** 16 ? code(time) : 2,
    import: code(reading.importWh),
    export: code(reading.exportWh),
  });
}

/** The shape of a reading as a further item, undefined if it cannot be one. */
function furtherShape(reading, before, header) {
  const time = reading.timestamp - before.timestamp;
  const importWh = reading.importWh - before.importWh;
  const exportWh = reading.exportWh - before.exportWh;
  if (time < 1 || importWh < 0 || exportWh < 0) return undefined;
  if (code(importWh) === 3 || code(exportWh) === 3) return undefined;
  return notEmpty({
    quality: reading.quality ? 1 : 0,
    time: time === header.interval ? 0 : time - 1 < 2 ** 16 ? 1 : 2,
    import: code(importWh),
    export: code(exportWh),
  });
}

/** The value that more than half of the list have, if there is one. */
function majority(values) {
  let candidate;
  let lead = 0;
  for (const value of values) {
    if (lead === 0) candidate = value;
    lead += value === candidate ? 1 : -1;
  }
  const votes = values.filter((value) => value === candidate).length;
  return votes * 2 > values.length ? candidate : undefined;
}

function headerOf(readings) {
  const firsts = [];
  const steps = [];
  readings.forEach((reading, i) => {
    if (i > 0 && readings[i - 1].number === reading.number) {
      steps.push(reading.timestamp - readings[i - 1].timestamp);
    } else firsts.push(reading.timestamp);
  });
  const interval = majority(steps) ?? 0;
  return {
    baseTime: majority(firsts) ?? Math.min(...firsts),
    interval: interval >= 0 && interval < 2 ** 16 ? interval : 0,
  };
}

/** Bytes that another further item costs beyond its own, as it makes the others wider. */
function growth(run, shape) {
  const joined = bytesOf(widest(run.further, shape));
  const count = run.readings.length;
  return count * joined - (count - 1) * (run.further ? bytesOf(run.further) : 0) - bytesOf(shape);
}

/** Runs of readings that one block can hold for a meter: a first and its further ones. */
function runsOf(readings, header) {
  const runs = [];
  readings.forEach((reading, i) => {
    const run = runs.at(-1);
    const same = run?.number === reading.number;
    const shape = same ? furtherShape(reading, readings[i - 1], header) : undefined;
    if (shape && run.readings.length <= COUNT_MAX && growth(run, shape) <= SERIES_COST) {
      run.readings.push(reading);
      run.further = widest(run.further, shape);
    } else {
      runs.push({
        number: reading.number,
        readings: [reading],
        first: firstShape(reading, header),
        further: undefined,
      });
    }
  });
  return runs;
}

/** Bytes of a block's meters. */
const sizeOf = (block) =>
  block.runs.length *
  (block.gaps + bytesOf(block.first) + block.each * (block.further ? bytesOf(block.further) : 0));

/** Joins the runs of close meters while wider items and gap bytes cost less than another head. */
function blocksOf(runs) {
  const blocks = [];
  for (const run of runs) {
    const own = {
      runs: [run],
      each: run.readings.length - 1,
      gaps: 0,
      first: run.first,
      further: run.further,
    };
    const block = blocks.at(-1);
    const gap = block ? run.number - block.runs.at(-1).number - 1 : -1;
    if (block && block.runs.length < COUNT_MAX && block.each === own.each && gap >= 0 && gap < 256) {
      const joined = {
        runs: [...block.runs, run],
        each: own.each,
        gaps: gap > 0 ? 1 : block.gaps,
        first: widest(block.first, run.first),
        further: widest(block.further, run.further),
      };
      if (sizeOf(joined) - sizeOf(block) - sizeOf(own) <= HEAD_COST) {
        blocks[blocks.length - 1] = joined;
        continue;
      }
    }
    blocks.push(own);
  }
  return blocks;
}

function putNumber(out, value, bytes) {
  for (let i = bytes - 1; i >= 0; i--) out.push(Math.floor(value / 2 ** (8 * i)) % 256);
}

function putItem(out, shape, quality, time, importWh, exportWh) {
  putNumber(out, time, 2 * shape.time);
  putNumber(out, importWh, 2 * shape.import);
  putNumber(out, exportWh, 2 * shape.export);
  if (shape.quality) out.push(quality);
}

function putRun(out, { readings }, block, header) {
  const { first, further } = block;
  readings.forEach((r, i) => {
    const before = readings[i - 1];
    if (!before) {
      const from = first.time === 2 ? 0 : header.baseTime;
      putItem(out, first, r.quality, r.timestamp - from, r.importWh, r.exportWh);
    } else {
      putItem(out, further, r.quality, r.timestamp - before.timestamp - 1,
        r.importWh - before.importWh, r.exportWh - before.exportWh);
    }
  });
}

/** Packs readings sorted by number, then timestamp. */
export function packRecords(readings) {
  const header = headerOf(readings);
  const out = [1];
  putNumber(out, header.baseTime, 4);
  putNumber(out, header.interval, 2);
  for (const block of blocksOf(runsOf(readings, header))) {
    out.push((block.gaps << 7) | shapeByte(block.first), block.runs.length);
    putNumber(out, block.runs[0].number, 2);
    out.push(block.each, block.further ? shapeByte(block.further) : 0);
    let next = block.runs[0].number;
    for (const run of block.runs) {
      if (block.gaps) out.push(run.number - next);
      next = run.number + 1;
      putRun(out, run, block, header);
    }
  }
  return Uint8Array.from(out);
}

/** Unpacks strictly; throws where the contract reverts with MalformedRecords. */
export function unpackRecords(bytes) {
  let at = 0;
  const bad = (where) => {
    throw new Error(`malformed records at ${where}`);
  };
  const take = (count) => {
    let value = 0;
    for (let i = 0; i < count; i++) value = value * 256 + bytes[at++];
    return value;
  };
  const takeShape = () => {
    const byte = take(1);
    return { byte, gap: byte >> 7, quality: (byte >> 6) & 1, time: (byte >> 4) & 3, import: (byte >> 2) & 3, export: byte & 3 };
  };
  if (bytes.length < HEADER_BYTES || take(1) !== 1) bad(0);
  const baseTime = take(4);
  const interval = take(2);
  const readings = [];
  do {
    const start = at;
    if (start + HEAD_BYTES > bytes.length) bad(start);
    const first = takeShape();
    const count = take(1);
    let number = take(2);
    const each = take(1);
    const further = takeShape();
    if (count === 0 || number + count > 65536 || first.time === 3) bad(start);
    if (bytesOf(first) === 0 || (each === 0) !== (further.byte === 0) || further.gap) bad(start);
    if (further.time === 3 || further.import === 3 || further.export === 3) bad(start);
    if (each > 0 && further.time === 0 && interval === 0) bad(start);
    if (at + count * (first.gap + bytesOf(first) + each * bytesOf(further)) > bytes.length) bad(start);
    for (let i = 0; i < count; i++, number++) {
      if (first.gap) {
        number += take(1);
        if (number > 65535) bad(at - 1);
      }
      for (let k = 0; k <= each; k++) {
        const item = at;
        const shape = k ? further : first;
        const from = k ? readings.at(-1) : { timestamp: shape.time === 2 ? 0 : baseTime, importWh: 0, exportWh: 0 };
        const step = k ? (shape.time ? 1 : interval) : 0;
        const reading = {
          number,
          timestamp: from.timestamp + step + take(2 * shape.time),
          importWh: from.importWh + take(2 * shape.import),
          exportWh: from.exportWh + take(2 * shape.export),
          quality: shape.quality ? take(1) : 0,
        };
        if (reading.timestamp >= 2 ** 32 || reading.importWh >= 2 ** 47 || reading.exportWh >= 2 ** 47) bad(item);
        readings.push(reading);
      }
    }
  } while (at < bytes.length);
  return readings;
}
