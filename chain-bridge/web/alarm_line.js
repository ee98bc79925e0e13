// alarm_line: one group of alarms in a line or two.
import { meterPath } from './api.js';
import { el } from './dom.js';
import * as f from './format.js';
import { chip } from './icons.js';
import { cause } from './words.js';

/** Whom it is about: a meter with a link, how many of them, or the system itself. */
export function whom(alarm) {
  if (alarm.meters > 1) return f.count(alarm.meters, 'meter');
  if (alarm.serial || alarm.meter)
    return el('a', { href: `#/meter/${meterPath(alarm)}` }, alarm.serial ?? `meter ${alarm.meter}`);
  return alarm.source === 'broker' ? 'the broker' : 'the bridge';
}

export function alarmLine(alarm) {
  const { word, icon, tone } = cause(alarm.cause);
  const times = alarm.count > 1 ? ` × ${f.number(alarm.count)}` : '';
  return el(
    'div',
    { class: `alarm-line${alarm.acknowledged_t ? ' taken' : ''}` },
    chip({
      word: word + times,
      icon,
      tone: alarm.acknowledged_t ? 'mute' : tone,
      help: alarm.cause,
    }),
    el('time', { title: f.timeWithZone(alarm.last_t) }, f.span(alarm.first_t, alarm.last_t)),
    el('p', {}, whom(alarm), ': ', alarm.text),
  );
}
