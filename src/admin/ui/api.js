/**
 * The admin API. Paths are below `/admin/api/v1`. A call that finds the session over waits for the sign-in that is laid
 * over the page, and is then made again.
 */
import { session, signedInAgain, enter, leave } from './session.js';

const ROOT = '/admin/api/v1';

const sentences = (...parts) => parts.filter(Boolean).map((part) => part[0].toUpperCase() + part.slice(1) + (/[.?!。？！]$/.test(part) ? '' : '.')).join(' ');

/** An answer that is a problem (RFC 9457), or none at all (`status` 0). */
export class ApiError extends Error {
  constructor(problem) {
    super(problem.detail || problem.title || '');
    /** HTTP status; 0: the gateway was not reached. */
    this.status = problem.status;
    /** Its name: 'invalid', 'conflict', 'unreachable', … */
    this.name = (problem.type || '').split(':').pop() || 'unknown';
    this.title = problem.title || '';
    this.detail = problem.detail || '';
    /** [{object?, field?, message, help?}] */
    this.problems = problem.problems || [];
    /** Why a vendor could not be asked, as a code, and its own words. */
    this.reason = problem.reason ?? null;
    this.vendorWords = problem.vendor_words ?? '';
    /** Seconds to wait (429, 503). */
    this.retryAfter = problem.retryAfter ?? null;
  }

  /** What is wrong with a field, for its `Field error=`. */
  field(name) {
    const found = this.problems.find((one) => one.field === name || one.field?.endsWith(`.${name}`));
    return found ? sentences(found.message, found.help) : null;
  }

  /** Problems of none of these fields: for the head of a form. */
  others(names) {
    return this.problems.filter((one) => !names.some((name) => one.field === name || one.field?.endsWith(`.${name}`)));
  }

  /** Somebody else changed it meanwhile. */
  get stale() { return this.status === 412; }
}

function address(path, query) {
  const url = new URL(path.startsWith('/admin') ? path : ROOT + path, location.origin);
  for (const [key, value] of Object.entries(query || {})) {
    for (const one of Array.isArray(value) ? value : [value]) if (one != null && one !== '') url.searchParams.append(key, one);
  }
  return url;
}

async function failure(response) {
  let problem = {};
  try { problem = await response.json(); } catch { /* no problem+json: the status says it */ }
  if (problem.error) problem = { detail: problem.error.message, ...problem };
  const wait = Number(response.headers.get('retry-after'));
  return new ApiError({ title: response.statusText, ...problem, status: response.status, retryAfter: wait || null });
}

/**
 * A call, with its whole answer.
 * @param {string} method
 * @param {string} path below the API's root
 * @param {{query?: object, body?: any, etag?: string, create?: boolean, signal?: AbortSignal, headers?: object, raw?: boolean, anonymous?: boolean}} options
 *   `etag` → If-Match; `create` → If-None-Match: *; `raw`: the Response itself (streams, files); a string body is sent as it is.
 */
export async function call(method, path, options = {}) {
  const headers = { accept: 'application/json', ...options.headers };
  const csrf = session.peek()?.csrf;
  if (csrf && method !== 'GET') headers['x-csrf-token'] = csrf;
  if (options.etag) headers['if-match'] = options.etag;
  if (options.create) headers['if-none-match'] = '*';
  let body = options.body;
  if (body !== undefined && typeof body !== 'string') body = JSON.stringify(body);
  if (body !== undefined) headers['content-type'] ??= method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  let response;
  try {
    response = await fetch(address(path, options.query), { method, headers, body, signal: options.signal, cache: 'no-store' });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError({ type: 'unreachable', status: 0 });
  }
  if (response.status === 401 && !options.anonymous && session.peek()) {
    await signedInAgain();
    return call(method, path, options);
  }
  if (!response.ok) throw await failure(response);
  if (options.raw) return response;
  const text = await response.text();
  const json = /json/.test(response.headers.get('content-type') || '');
  return { data: text && json ? JSON.parse(text) : text, etag: response.headers.get('etag'), status: response.status };
}

const data = async (...args) => (await call(...args)).data;

/** `await api.get('/providers')` → the body. Options as in `call`. */
export const api = {
  get: (path, options) => data('GET', path, options),
  post: (path, body, options) => data('POST', path, { ...options, body }),
  put: (path, body, options) => data('PUT', path, { ...options, body }),
  patch: (path, body, options) => data('PATCH', path, { ...options, body }),
  del: (path, options) => data('DELETE', path, options),
};

/** The path of an object: `objectPath('models', name)`. */
export const objectPath = (kind, name) => `/${kind}/${encodeURIComponent(name)}`;

/** Asks who is signed in; null where nobody is. */
export async function whoAmI() {
  try {
    // The document asks before the modules are there (boot.js); a later look asks anew.
    const early = globalThis.tidegateSession;
    delete globalThis.tidegateSession;
    const answer = await early?.catch(() => null);
    const who = answer?.ok ? await answer.json() : await data('GET', '/session', { anonymous: true });
    if (who.account == null) { session.value = null; return; }
    enter(who);
  } catch (error) {
    if (error.status !== 401) throw error;
    session.value = null;
  }
}

export const signIn = async (account, password) => {
  enter(await data('POST', '/login', { body: { account: account || undefined, password }, anonymous: true }));
};

export async function signOut() {
  try { await data('POST', '/logout', { anonymous: true }); } finally { leave(); }
}

/** Fetches a file and hands it to the browser to keep. */
export async function download(path, filename, options) {
  const response = await call('GET', path, { ...options, raw: true });
  const link = document.createElement('a');
  link.href = URL.createObjectURL(await response.blob());
  link.download = filename;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10e3);
}
