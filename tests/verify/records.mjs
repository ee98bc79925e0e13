// The record format of MeterLedger's batches, read from its description in IMeterLedger.sol and
// from nothing else of this project.

const FIRST = 0x80;
const QUALITY = 0x40;
const WIDTHS = { time: [0, 2, 4], register: [0, 2, 4, 6] };
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

function readItem(cursor, shape, before, header) {
  const timeCode = (shape >> 4) & 3;
  if (timeCode === 3) throw new Error(`time code 3 before byte ${cursor.at}`);
  const register = (code, was) => {
    const value = cursor.take(WIDTHS.register[code]);
    return code === 3 ? value : was + value;
  };
  const first = (shape & FIRST) !== 0;
  const from = first ? { t: header.baseTime, importWh: 0, exportWh: 0 } : before;
  const time = cursor.take(WIDTHS.time[timeCode]);
  const added = timeCode === 0 && !first ? header.interval : time;
  const item = {
    t: timeCode === 2 ? time : from.t + added,
    importWh: register((shape >> 2) & 3, from.importWh),
    exportWh: register(shape & 3, from.exportWh),
    quality: shape & QUALITY ? cursor.take(1) : 0,
  };
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
  let meter;
  let before;
  while (cursor.at < bytes.length) {
    const shape = cursor.take(1);
    const count = cursor.take(1);
    if (count === 0) throw new Error(`an empty block before byte ${cursor.at}`);
    const first = (shape & FIRST) !== 0;
    if (!first && meter === undefined) throw new Error('further readings of no meter');
    const start = first ? group * 65536 + cursor.take(2) : undefined;
    for (let i = 0; i < count; i++) {
      if (first) meter = start + i;
      before = readItem(cursor, shape, before, header);
      readings.push({ meter, ...before });
    }
  }
  return readings;
}
