// words: plain language for what the system says in codes.

/** What a meter's status means; the icon and the word stand beside the colour, always. */
export const METER_STATUS = {
  silent: { word: 'Silent', icon: 'silent', tone: 'bad', help: 'nothing heard for a long time' },
  late: { word: 'Late', icon: 'late', tone: 'warn', help: 'the last interval has not arrived' },
  never: { word: 'Never seen', icon: 'never', tone: 'mute', help: 'registered, nothing heard yet' },
  reporting: { word: 'Reporting', icon: 'ok', tone: 'ok', help: 'readings arrive in time' },
  closed: { word: 'Closed', icon: 'closed', tone: 'mute', help: 'taken out of service' },
};

/** Silent first: the order in which somebody has to look. */
export const STATUS_ORDER = ['silent', 'late', 'never', 'reporting', 'closed'];

export const CELL = {
  ok: { word: 'Read', icon: 'ok', tone: 'ok' },
  late: { word: 'Late', icon: 'late', tone: 'warn' },
  substituted: { word: 'Substituted', icon: 'substituted', tone: 'info' },
  missing: { word: 'Missing', icon: 'silent', tone: 'bad' },
  pending: { word: 'Not due', icon: 'never', tone: 'none' },
};

/** DSMR P3 and IDIS event codes. */
const EVENTS = {
  1: 'Power down',
  2: 'Power up',
  3: 'Daylight saving time changed',
  4: 'Clock adjusted: the time before',
  5: 'Clock adjusted: the time after',
  6: 'Clock not reliable',
  7: 'Replace the battery',
  8: 'Battery low',
  10: 'Error register cleared',
  11: 'Alarm register cleared',
  12: 'Program memory error',
  13: 'Working memory error',
  14: 'Stored data error: restored or cloned store',
  15: 'Watchdog restarted the meter',
  16: 'Measurement error: a register fell',
  17: 'New firmware ready',
  18: 'New firmware in use',
  40: 'Terminal cover removed',
  41: 'Terminal cover closed',
  42: 'Strong magnetic field',
  43: 'Magnetic field gone',
  44: 'Meter cover removed',
  45: 'Meter cover closed',
  46: 'Wrong password, several times',
  47: 'Configuration or meter changed',
  49: 'Command without an operator’s signature',
  50: 'Message replayed',
  59: 'Ready for reconnection by a person',
  60: 'Disconnected by a person',
  61: 'Reconnected by a person',
  62: 'Disconnected remotely',
  63: 'Reconnected remotely',
  64: 'Disconnected by the limiter',
  255: 'Event log cleared',
};
const TAMPER = new Set([14, 16, 40, 42, 44, 46, 49, 50]);

export const event = (code) => EVENTS[code] ?? `Event ${code}`;
export const isTamper = (code) => TAMPER.has(code);

export const COMMANDS = {
  1: { word: 'Disconnect', doing: 'switches the supply off', danger: true },
  2: { word: 'Reconnect', doing: 'lets a person at the meter switch the supply on' },
  3: { word: 'Read now', doing: 'reports the registers at once' },
  4: { word: 'Set interval', doing: 'changes how often it reads' },
};

/** A command is done when the relay reads back so, not when it was sent. */
export const COMMAND_STATE = {
  relayed: { word: 'On its way to the chain', icon: 'late', tone: 'info' },
  issued: { word: 'On its way to the meter', icon: 'late', tone: 'info' },
  accepted: { word: 'Accepted; a person confirms', icon: 'late', tone: 'warn' },
  confirmed: { word: 'Confirmed by the meter', icon: 'ok', tone: 'ok' },
  failed: { word: 'Failed', icon: 'silent', tone: 'bad' },
  expired: { word: 'Expired', icon: 'closed', tone: 'mute' },
  refused: { word: 'Refused', icon: 'silent', tone: 'bad' },
};

export const RELAY = {
  connected: { word: 'Connected', icon: 'ok', tone: 'ok' },
  disconnected: { word: 'Disconnected', icon: 'closed', tone: 'bad' },
  ready: { word: 'Ready for reconnection', icon: 'late', tone: 'warn' },
  unknown: { word: 'Not told', icon: 'never', tone: 'mute' },
};

export const READING_STATE = {
  stored: { word: 'Stored', icon: 'late', tone: 'info', help: 'on the server’s disk' },
  claimed: {
    word: 'In a transaction',
    icon: 'late',
    tone: 'info',
    help: 'on its way to the chain',
  },
  sealed: { word: 'Sealed', icon: 'seal', tone: 'ok', help: 'final on the chain' },
  rejected: { word: 'Rejected', icon: 'silent', tone: 'bad', help: 'refused by the contract' },
};

export const BATCH_STATE = {
  open: { word: 'On its way', icon: 'late', tone: 'info', help: 'not final yet' },
  sealed: { word: 'Sealed', icon: 'seal', tone: 'ok', help: 'final on the chain' },
  halted: { word: 'Halted', icon: 'silent', tone: 'bad', help: 'reverted, being taken apart' },
  split: { word: 'Split', icon: 'closed', tone: 'mute', help: 'its parts are other batches' },
};

/** How bad an alarm is and what it says to somebody who has not read the manual. */
const CAUSES = {
  malformed: ['warn', 'Unreadable message'],
  oversize: ['warn', 'Message too long'],
  unknown: ['warn', 'Meter not registered'],
  closed: ['warn', 'Meter out of service'],
  identity: ['bad', 'Message under a false name'],
  signature: ['bad', 'Wrong signature'],
  rollback: ['bad', 'Register went backwards'],
  conflict: ['bad', 'Two reports under one number'],
  stale: ['warn', 'Reading older than the last'],
  future: ['warn', 'Clock ahead'],
  rate: ['warn', 'Too many messages'],
  chain: ['bad', 'Refused by the contract'],
  certificate: ['bad', 'Certificate not accepted'],
  'client-id': ['bad', 'False client name'],
  password: ['warn', 'Login failed'],
  denied: ['warn', 'Topic not allowed'],
  'shut-out': ['bad', 'Client shut out'],
  registry: ['bad', 'Registry file unreadable'],
  staff: ['bad', 'Staff file unreadable'],
  shed: ['bad', 'Messages dropped'],
  'disk-low': ['bad', 'Disk almost full'],
  'store-failed': ['bad', 'Cannot write to disk'],
  'chain-away': ['bad', 'No Ethereum node answers'],
  'chain-wrong': ['bad', 'Wrong chain or contract'],
  'chain-reset': ['bad', 'The chain forgot transactions'],
  'server-not-listed': ['bad', 'Server not listed in the contract'],
  'account-empty': ['bad', 'Account cannot pay'],
  'node-refuses': ['bad', 'Node refuses a transaction'],
  'fee-cap': ['warn', 'Fees above the limit'],
  'nonce-foreign': ['bad', 'Somebody else uses the server’s key'],
  'batch-reverted': ['bad', 'Batch reverted'],
  'archive-failed': ['bad', 'Archive cannot be written'],
  reorg: ['warn', 'Chain reorganised'],
  'command-refused': ['warn', 'Command refused by the contract'],
};

export function cause(code) {
  const [tone, word] = CAUSES[code] ?? ['warn', code];
  return { tone, word, icon: tone === 'bad' ? 'silent' : 'late' };
}

const QUALITY = [
  [1, 'clock unsure'],
  [2, 'substituted'],
  [4, 'meter error'],
];

export const quality = (bits) =>
  QUALITY.filter(([bit]) => bits & bit)
    .map(([, word]) => word)
    .join(', ') || 'good';

const OBIS = {
  '1-0:1.8.0': 'Energy taken',
  '1-0:2.8.0': 'Energy fed in',
};
export const register = (obis, name) => OBIS[obis] ?? name;
