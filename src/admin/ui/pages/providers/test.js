/** Whether a provider answers: a short request through the data plane. */
import { html, useState, useEffect } from '../../lib.js';
import { t, name as named } from '../../i18n.js';
import { api, objectPath } from '../../api.js';
import { useAction } from '../../resource.js';
import { duration } from '../../format.js';
import { Button, Notice, Secret, Field, Problem } from '../../kit/index.js';
import { wordsOf } from './data.js';
import { cheapest } from '../models/data.js';

const callOf = (name, what) => `${objectPath('providers', name)}/${what}`;

/** `{run, busy, result, error}`. @param {object} provider @param {boolean} atOnce */
export function useTest(provider, atOnce, after) {
  const [result, setResult] = useState(null);
  const deed = useAction(async (model) => {
    setResult(null);
    const asked = model ?? cheapest(provider.body.models ?? []);
    const answer = await api.post(callOf(provider.name, 'test'), asked ? { model: asked } : {});
    setResult(answer);
    after?.();
    return answer;
  });
  useEffect(() => { if (atOnce) deed.run(); }, []);
  return { ...deed, result };
}

/** How a test went: what the vendor said, how long it took; for a refused key, a field for the right one. */
export function TestResult({ test, provider, write, reload }) {
  const [key, setKey] = useState('');
  const change = useAction(async () => {
    const at = path(provider.name, 'keys');
    if ([provider.body.keys ?? []].flat().length) await api.patch(`${at}/1`, { value: key.trim() }); else await api.post(at, { value: key.trim() });
    setKey('');
    await reload();
    test.run();
  });
  if (test.busy) return html`<${Notice}>${t('providers.test.busy')}</${Notice}>`;
  if (test.error) return html`<${Problem} error=${test.error} />`;
  if (!test.result) return null;
  const { ok, model, status, took_ms: took, answer, error, reason } = test.result;
  if (ok) return html`<${Notice} kind="ok" title=${t('providers.test.ok', { model, time: duration(took) })}>${answer ? t('providers.test.said', { text: answer.length > 160 ? `${answer.slice(0, 160)}…` : answer }) : t('providers.test.empty')}</${Notice}>`;
  const refused = reason === 'key_refused';
  return html`<${Notice} kind="bad" title=${t(refused ? 'providers.test.key' : 'providers.test.bad', { model, status })}>${named('reason', reason)} ${wordsOf(reason, error)}
    ${refused && write && provider.home === 'database' && provider.body.keys !== 'passthrough' && html`<form class="providers-rekey" onSubmit=${(event) => { event.preventDefault(); if (key.trim()) change.run(); }}>
      <${Field} label=${t('providers.rekey')} hidden error=${change.error?.detail}><${Secret} value=${key} onInput=${setKey} placeholder=${t('providers.rekey')} /></${Field}><${Button} type="submit" busy=${change.busy} disabled=${!key.trim()}>${t('providers.rekey.go')}</${Button}></form>`}</${Notice}>`;
}
