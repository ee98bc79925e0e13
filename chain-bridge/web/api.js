// api: requests to this server, their failures in words.
//
// A request that finds the session ended tells everybody by the event `logged-out` of `access`.

const BASE = '/api/v1/';

export const access = new EventTarget();
let csrf = '';

/** What went wrong, in a sentence for people; status 0: the server did not answer. */
export class Failure extends Error {
  constructor(message, status = 0, retryS = 0) {
    super(message);
    this.status = status;
    this.retryS = retryS;
  }
}

export const rememberCsrf = (token) => {
  csrf = token ?? '';
};

const WORDS = {
  401: 'You are not logged in.',
  403: 'Your role does not allow this.',
  404: 'There is no such thing.',
  429: 'Too many requests.',
  503: 'The server cannot do this now.',
};

async function failureOf(answer) {
  let detail = '';
  try {
    const problem = await answer.json();
    detail = problem.detail || problem.title || '';
  } catch {
    // Not a problem document: the status says enough.
  }
  const retry = Number(answer.headers.get('Retry-After')) || 0;
  const text = detail || WORDS[answer.status] || `The server answered ${answer.status}.`;
  return new Failure(text, answer.status, retry);
}

async function request(method, path, { body, signal, text } = {}) {
  const headers = {};
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (method !== 'GET') headers['X-CSRF-Token'] = csrf;
  let answer;
  try {
    answer = await fetch(BASE + path, {
      method,
      headers,
      signal,
      credentials: 'same-origin',
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Failure('The server does not answer.');
  }
  if (!answer.ok) {
    const failure = await failureOf(answer);
    if (answer.status === 401 && path !== 'login') access.dispatchEvent(new Event('logged-out'));
    throw failure;
  }
  if (answer.status === 204) return null;
  return text ? answer.text() : answer.json();
}

const query = (values = {}) => {
  const filled = Object.entries(values).filter(
    ([, v]) => v !== undefined && v !== null && v !== '',
  );
  return filled.length ? `?${new URLSearchParams(filled)}` : '';
};

export const get = (path, values, signal) => request('GET', path + query(values), { signal });
export const post = (path, body) => request('POST', path, { body });
export const drop = (path) => request('DELETE', path);
export const address = (path, values) => BASE + path + query(values);

/** All pages of a list, joined. */
export async function getAll(path, values, signal, join) {
  let whole = null;
  let cursor;
  do {
    const page = await get(path, { ...values, cursor }, signal);
    whole = whole === null ? page : join(whole, page);
    cursor = page.next_cursor;
  } while (cursor);
  return whole;
}

/** How the server names a meter: by its serial, or by id before it was ever heard of. */
export const meterPath = (row) => row.serial ?? `id:${row.meter}`;
