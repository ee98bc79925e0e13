// state: what every view shows while it loads, when there is nothing, and when it failed.
import { announce, el, fill } from './dom.js';
import { icon } from './icons.js';

/** A placeholder of the content's shape; shown only when loading takes noticeable time. */
export function showLoading(root, what) {
  fill(
    root,
    el(
      'div',
      { class: 'loading', role: 'status' },
      el('span', { class: 'spinner', 'aria-hidden': 'true' }),
      `Loading ${what} …`,
    ),
  );
}

export function empty(title, text, ...more) {
  return el(
    'div',
    { class: 'empty' },
    icon('never', 'large'),
    el('p', { class: 'empty-title' }, title),
    text && el('p', {}, text),
    more,
  );
}

export function showFailure(root, failure, again) {
  const words =
    failure.status === undefined ? `This page failed: ${failure.message}` : failure.message;
  fill(
    root,
    el(
      'div',
      { class: 'failure', role: 'alert' },
      icon('silent', 'large'),
      el('p', { class: 'empty-title' }, words),
      failure.status === 0 && el('p', {}, 'The bridge may be restarting, or the network is down.'),
      again && el('button', { type: 'button', onclick: () => again() }, 'Try again'),
    ),
  );
}

/**
 * Loads and shows into `root`: a loading state, then show(what came), or the failure with a button
 * that tries again. Comes back when it is shown, whichever it is.
 */
export async function loadInto(root, what, load, show) {
  showLoading(root, what);
  try {
    const loaded = await load();
    root.textContent = '';
    await show(loaded);
  } catch (failure) {
    if (failure.name === 'AbortError') return;
    showFailure(root, failure, () => loadInto(root, what, load, show));
    announce(failure.message);
  }
}

/** Listens as long as the view is open. */
export function on(target, name, signal, take) {
  target.addEventListener(name, take, { signal });
}

/** Calls every `ms` as long as the view is open. */
export function every(ms, signal, call) {
  const timer = setInterval(call, ms);
  signal.addEventListener('abort', () => clearInterval(timer));
}

/** What the live connection does not follow is loaded again after a break. */
export function afterBreak(live, signal, reload) {
  let broken = false;
  on(live, 'link', signal, ({ detail }) => {
    if (detail === 'live' && broken) reload();
    broken = detail === 'live' ? false : broken || detail === 'waiting';
  });
}

/** Page heading with what belongs to its right. */
export const heading = (title, ...right) =>
  el(
    'div',
    { class: 'heading' },
    el('h1', {}, title),
    el('div', { class: 'heading-right' }, right),
  );

/** A card with a title. */
export function card(title, { class: extra = '', more } = {}, ...content) {
  return el(
    'section',
    { class: `card ${extra}`, 'aria-label': title },
    el('div', { class: 'card-head' }, el('h2', {}, title), more),
    content,
  );
}
