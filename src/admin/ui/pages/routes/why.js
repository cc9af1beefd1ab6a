/** How an endpoint is seen, and what a request meets with first, in the language that is shown: the API tells both as codes. */
import { t, has, name as named } from '../../i18n.js';
import { duration } from '../../format.js';

/** @param {{reasons: string[], attempts: number[], wait_ms?: number}} candidate of an explanation */
export function why({ reasons, attempts, wait_ms: wait }) {
  if (attempts.length) return t('routes.why.attempt', { n: attempts.join(', ') });
  const words = reasons.map((code) => named('reason', code)).join(t('routes.why.and'));
  return wait > 0 ? t('routes.why.more', { why: words, time: duration(wait) }) : words;
}

/** The state of a candidate as a tone: what keeps it away decides. */
export function toneOfCandidate({ state, reasons: [code] }) {
  if (state === 'asked') return 'ok';
  if (state !== 'skipped') return 'off';
  return { cooling: 'cool', keys: 'cool', limited: 'cool', open: 'bad' }[code] ?? 'warn';
}

const TONES = { asks: 'ok', waits: 'cool' };

/** What a request would meet with first: {tone, text}. */
export function outlook({ outlook_code: code, outlook_wait_ms: wait, outlook: words }) {
  const time = wait > 0 ? duration(wait) : null;
  const tone = TONES[code] ?? 'bad';
  if (code === 'asks') return { tone, text: t('routes.outlook.asks') };
  if (code === 'waits') return { tone, text: t('routes.outlook.waits', { time }) };
  if (!has(`refusal.${code}`)) return { tone, text: words };
  return { tone, text: t(time ? 'routes.outlook.back' : 'routes.outlook.refused', { why: named('refusal', code), time }) };
}
