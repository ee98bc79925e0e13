// app: who is logged in, which view is open, and the frame around it.
//
// A view is `{ title, open(root, context) }`. It fills `root` and may come back with a promise; all
// its listeners and requests hang on `context.signal`, which ends when the view is left.
import { access, get, post, rememberCsrf } from './api.js';
import { announce, el, fill, setText } from './dom.js';
import { age, clock, time } from './format.js';
import { icon } from './icons.js';
import { Live } from './live.js';
import { showLogin } from './view_login.js';
import { showFailure } from './state.js';

const VIEWS = {
  overview: { word: 'Overview', load: () => import('./view_overview.js') },
  meters: { word: 'Meters', load: () => import('./view_meters.js') },
  heatmap: { word: 'Heat map', load: () => import('./view_heatmap.js') },
  alarms: { word: 'Alarms', load: () => import('./view_alarms.js') },
  batches: { word: 'Batches', load: () => import('./view_batches.js') },
  report: { word: 'Daily report', load: () => import('./view_report.js') },
  verify: { word: 'Verify', load: () => import('./view_verify.js') },
  meter: { parent: 'meters', load: () => import('./view_meter.js') },
  account: { load: () => import('./view_account.js') },
};
const STALE_S = 15;

const app = document.getElementById('app');
const live = new Live();
let session = null;
let view = null; // AbortController of the open view
let parts = null; // the frame's elements that change

// --- the frame -------------------------------------------------------------------------------

function nextTheme() {
  const root = document.documentElement;
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const now = root.dataset.theme ?? (dark ? 'dark' : 'light');
  root.dataset.theme = now === 'dark' ? 'light' : 'dark';
  try {
    localStorage.setItem('theme', root.dataset.theme);
  } catch {
    // Without storage it lasts until the page is left.
  }
  window.dispatchEvent(new Event('theme'));
}

function navigation() {
  const links = Object.entries(VIEWS)
    .filter(([, { word }]) => word)
    .map(([name, { word }]) =>
      el(
        'li',
        {},
        el(
          'a',
          { href: `#/${name}`, 'data-view': name },
          icon(name),
          el('span', {}, word),
          name === 'alarms' && el('span', { class: 'badge', id: 'open-alarms', hidden: true }),
        ),
      ),
    );
  return el('nav', { class: 'nav', 'aria-label': 'Views' }, el('ul', {}, links));
}

function header() {
  parts.link = el('button', {
    class: 'link-state',
    type: 'button',
    title: 'How old the data is',
    onclick: () => live.retryNow(),
  });
  const theme = el(
    'button',
    { class: 'quiet', type: 'button', title: 'Light or dark', onclick: nextTheme },
    icon('sun'),
    el('span', { class: 'unseen' }, 'Switch between light and dark'),
  );
  const out = el('button', { class: 'quiet wide', type: 'button', onclick: logOut }, 'Log out');
  const who = el(
    'a',
    { class: 'who', href: '#/account', title: `${session.name}, ${session.role}` },
    icon('account'),
    el('span', { class: 'wide' }, session.name, el('small', {}, session.role)),
    el('span', { class: 'unseen' }, 'Your account'),
  );
  return el(
    'header',
    { class: 'top' },
    el(
      'a',
      { class: 'brand', href: '#/overview' },
      el('img', { src: 'icon.svg', alt: '', height: '26' }),
      el('strong', {}, 'AMR Ledger'),
      el('span', { class: 'wide' }, `group ${session.group}`),
    ),
    el('div', { class: 'top-right' }, parts.link, theme, who, out),
  );
}

function showFrame() {
  parts = {};
  parts.view = el('main', { id: 'view', tabindex: '-1' });
  parts.lost = el('div', { class: 'lost', role: 'alert', hidden: true });
  fill(
    app,
    header(),
    el(
      'div',
      { class: 'body' },
      navigation(),
      el('div', { class: 'page' }, parts.lost, parts.view),
    ),
  );
}

function showLink() {
  if (!parts) return;
  const seconds = live.age();
  const old = seconds === null ? '' : `data ${age(seconds)} old`;
  const stale = seconds !== null && seconds > STALE_S;
  const states = {
    live: stale ? ['warn', `Live, ${old}`] : ['ok', `Live, ${old}`],
    connecting: ['warn', `Connecting${old && `, ${old}`}`],
    waiting: ['bad', `Not connected${old && `, ${old}`}`],
    off: ['mute', 'Off'],
  };
  const [tone, text] = states[live.state];
  if (parts.link.dataset.tone !== tone) {
    parts.link.dataset.tone = tone;
    parts.link.className = `link-state ${tone}`;
    const name = { ok: 'ok', warn: 'late', bad: 'silent', mute: 'never' }[tone];
    fill(parts.link, icon(name), el('span', {}));
  }
  setText(parts.link.lastChild, text);
  showLost();
}

/** Only once it was lost: a page that opens is not alarmed about. */
function showLost() {
  const lost = live.state === 'waiting' || (live.state === 'connecting' && !parts.lost.hidden);
  document.body.classList.toggle('stale', lost);
  if (!lost) {
    if (!parts.lost.hidden) announce('Connected again.');
    parts.lost.hidden = true;
    return;
  }
  if (parts.lost.hidden) {
    const heard = live.heardAt();
    const since = heard ? ` What you see is from ${time(heard)}.` : '';
    fill(
      parts.lost,
      icon('silent'),
      el('span', {}, `The connection to the server is lost.${since} `, el('span', {})),
      el('button', { type: 'button', onclick: () => live.retryNow() }, 'Try now'),
    );
    parts.lost.hidden = false;
  }
  const left = Math.ceil((live.retryAt - Date.now()) / 1000);
  const again = live.state === 'connecting' || left < 1 ? 'Trying …' : `Trying again in ${left} s.`;
  setText(parts.lost.children[1].lastChild, again);
}

function showOpenAlarms(open) {
  if (open === undefined) return;
  const badge = document.getElementById('open-alarms');
  if (!badge) return;
  badge.hidden = open === 0;
  fill(badge, String(open), el('span', { class: 'unseen' }, ' open'));
}

// --- views -----------------------------------------------------------------------------------

/** #/meters?status=late → {name: 'meters', rest: [], values: {status: 'late'}} */
function route() {
  const [path, search] = location.hash.replace(/^#\/?/, '').split('?');
  const [name, ...rest] = path.split('/').map(decodeURIComponent);
  return { name: VIEWS[name] ? name : 'overview', rest, values: new URLSearchParams(search) };
}

function markCurrent(name) {
  const current = VIEWS[name].parent ?? name;
  for (const link of document.querySelectorAll('.nav a'))
    if (link.dataset.view === current) {
      link.setAttribute('aria-current', 'page');
      link.scrollIntoView({ block: 'nearest', inline: 'center' });
    } else link.removeAttribute('aria-current');
}

async function showView() {
  if (!session) return;
  view?.abort();
  view = new AbortController();
  const { signal } = view;
  const { name, rest, values } = route();
  live.want({ subscribe: ['overview'] });
  markCurrent(name);
  const root = el('div', { class: `view ${name}` });
  fill(parts.view, root);
  try {
    const { default: opened } = await VIEWS[name].load();
    if (signal.aborted) return;
    const title = typeof opened.title === 'function' ? opened.title(rest) : opened.title;
    document.title = `${title} · AMR Ledger`;
    await opened.open(root, { rest, values, live, session, signal, logOut });
  } catch (failure) {
    if (!signal.aborted) showFailure(root, failure, showView);
  }
}

// --- logging in and out ------------------------------------------------------------------------

async function logOut() {
  await post('logout').catch(() => {});
  ended('');
}

function ended(reason) {
  if (!session) return;
  session = null;
  view?.abort();
  live.stop();
  parts = null;
  document.body.classList.remove('stale');
  showLogin(app, begin, reason);
}

function begin(made) {
  session = made;
  rememberCsrf(session.csrf);
  showFrame();
  live.start();
  showView();
}

async function main() {
  access.addEventListener('logged-out', () => ended('Your session has ended. Log in again.'));
  live.addEventListener('link', showLink);
  live.addEventListener('overview', (event) => showOpenAlarms(event.detail.alarms_open));
  window.addEventListener('hashchange', () => {
    showView();
    document.getElementById('view')?.focus({ preventScroll: true });
    scrollTo(0, 0);
  });
  setInterval(showLink, 1000);
  try {
    begin(await get('session'));
  } catch (failure) {
    if (failure.status === 401) showLogin(app, begin, '');
    else showFailure(app, failure, main);
  }
}

main();
