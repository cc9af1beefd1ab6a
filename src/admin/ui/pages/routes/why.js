/** The API tells in English words how an endpoint is seen: these are the same in the language that is shown. */
import { t, has } from '../../i18n.js';
import { duration } from '../../format.js';

const WORDS = {
  'cooling after a failure': 'cooling', 'breaker open after failures in a row': 'open', 'another request finds out whether it is back': 'probing',
  'all its keys are cooling': 'keys', 'all its keys are cooling after a rate limit': 'limited', 'its quota leaves nothing for this request': 'quota',
  'given up by this request': 'spent', "the conversation's own, but over its share of the load": 'crowded', 'switched off': 'disabled',
  'speaks no format that the request can be said in': 'format', 'takes no streams': 'streaming', 'takes streams only': 'non_streaming', 'takes no tools': 'tools',
  'takes no images': 'images', 'does not go on with a begun answer': 'prefill', 'its context is too small': 'context',
  "the caller's credential went to another provider": 'credential', 'its whole quota is too small': 'whole_quota', 'not its turn': 'not_reached',
  'an endpoint is asked at once': 'asks',
};

function one(text) {
  const later = /^(.*) for ([\d.]+) s more$/.exec(text);
  const key = `routes.why.${WORDS[later ? later[1] : text]}`;
  if (!has(key)) return text;
  return later ? t('routes.why.more', { why: t(key), time: duration(Number(later[2]) * 1000) }) : t(key);
}

/** @param {string} text `why` or `outlook` of an explanation */
export function why(text) {
  const attempts = /^attempts? ([\d, ]+)$/.exec(text);
  if (attempts) return t('routes.why.attempt', { n: attempts[1] });
  return text.split('; ').map(one).join(t('routes.why.and'));
}

/** The state of a candidate as a `State` tone: what keeps it away decides. */
export function toneOfCandidate({ state, why: text }) {
  if (state === 'asked') return 'ok';
  if (state === 'incapable') return 'off';
  if (state === 'skipped') return /cooling/.test(text) ? 'cool' : /breaker/.test(text) ? 'bad' : 'warn';
  return 'off';
}

/** What a request would meet with first: {tone, text}. */
export function outlook(text) {
  const wait = /waited for, ([\d.]+) s/.exec(text) || /back in ([\d.]+) s/.exec(text);
  const time = wait && duration(Number(wait[1]) * 1000);
  if (/^an endpoint is asked/.test(text)) return { tone: 'ok', text: t('routes.outlook.asks') };
  if (/is waited for/.test(text)) return { tone: 'cool', text: t('routes.outlook.waits', { time }) };
  if (/no endpoint can serve/.test(text)) return { tone: 'bad', text: t('routes.outlook.incapable') };
  if (/nobody is there/.test(text)) return { tone: 'bad', text: time ? t('routes.outlook.back', { time }) : t('routes.outlook.nobody') };
  return { tone: 'off', text };
}
