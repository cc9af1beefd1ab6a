/** Who is signed in, and what that person may do. */
import { signal, computed } from './lib.js';

/** undefined: not asked yet; null: nobody; else {account, role, csrf, expires_at}. */
export const session = signal(undefined);
/** The session ended while a page was open: sign-in is laid over it, and calls wait in `queue` until it is back. */
export const expired = signal(false);

/** What may be done: `can.write.value`. Buttons of what may not be done are not rendered. */
export const can = { write: computed(() => session.value?.role === 'admin') };

let queue = [];

/** Resolves when somebody has signed in again. */
export function signedInAgain() {
  expired.value = true;
  return new Promise((resolve) => { queue.push(resolve); });
}

/** Takes over what `/login` or `/session` answered. */
export function enter(who) {
  session.value = who;
  expired.value = false;
  const waiting = queue;
  queue = [];
  waiting.forEach((go) => go());
}

/** Nobody is signed in any more; calls that wait never end. */
export function leave() {
  queue = [];
  expired.value = false;
  session.value = null;
}
