// The packed records of MeterLedger's batches, read from the description of the format in
// IMeterLedger.sol and from nothing else of this project.

const GAPS = 0x80;
const QUALITY = 0x40;
const WH_MAX = 2 ** 47 - 1;

/** A cursor over big-endian bytes that knows where they end. */
class Cursor {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  take(width) {
    if (this.at + width > this.bytes.length) throw new Error(`records end within byte ${this.at}`);
    let value = 0;
    for (let i = 0; i < width; i++) value = value * 256 + this.bytes[this.at++];
    return value;
  }
}

/** The widths that a shape byte gives the fields of an item, checked. */
function readShape(cursor, first) {
  const shape = cursor.take(1);
  const code = { time: (shape >> 4) & 3, import: (shape >> 2) & 3, export: shape & 3 };
  const registerMax = first ? 3 : 2;
  if (
    (shape & GAPS && !first) ||
    code.time === 3 ||
    code.import > registerMax ||
    code.export > registerMax
  )
    throw new Error(`shape ${shape} before byte ${cursor.at}`);
  return {
    code,
    gaps: (shape & GAPS) !== 0,
    quality: (shape & QUALITY) !== 0,
    empty: (shape & ~GAPS) === 0,
  };
}

function readItem(cursor, { code, quality }, before, header) {
  const time = cursor.take(2 * code.time);
  const imported = cursor.take(2 * code.import);
  const exported = cursor.take(2 * code.export);
  const item = {
    t: before ? before.t + (code.time ? time + 1 : header.interval) : time,
    importWh: (before?.importWh ?? 0) + imported,
    exportWh: (before?.exportWh ?? 0) + exported,
    quality: quality ? cursor.take(1) : 0,
  };
  if (!before && code.time !== 2) item.t += header.baseTime;
  if (item.t >= 2 ** 32 || item.importWh > WH_MAX || item.exportWh > WH_MAX)
    throw new Error(`a reading before byte ${cursor.at} is out of range`);
  return item;
}

/** Bytes of one batch of a group as [{meter, t, importWh, exportWh, quality}], in their order. */
export function decodeRecords(bytes, group) {
  const cursor = new Cursor(bytes);
  if (cursor.take(1) !== 1) throw new Error('records are not of format 1');
  const header = { baseTime: cursor.take(4), interval: cursor.take(2) };
  const readings = [];
  let lowest = 0;
  while (cursor.at < bytes.length) {
    const first = readShape(cursor, true);
    const meters = cursor.take(1);
    let number = cursor.take(2);
    const further = cursor.take(1);
    const next = readShape(cursor, false);
    if (meters === 0 || first.empty || (further === 0) !== next.empty || number < lowest)
      throw new Error(`a block before byte ${cursor.at} breaks the format`);
    for (let i = 0; i < meters; i++, number++) {
      if (first.gaps) number += cursor.take(1);
      if (number > 65535) throw new Error(`no such meter before byte ${cursor.at}`);
      const meter = group * 65536 + number;
      let item = readItem(cursor, first, undefined, header);
      readings.push({ meter, ...item });
      for (let j = 0; j < further; j++) {
        item = readItem(cursor, next, item, header);
        readings.push({ meter, ...item });
      }
    }
    lowest = number - 1;
  }
  return readings;
}
