/** What a call to a model looks like in each of the four formats. */

/** For a `Select` or `Combobox`. Names of products: the same in every language. */
export const FORMATS = [
  { value: 'openai_chat', label: 'OpenAI Chat' }, { value: 'openai_responses', label: 'OpenAI Responses' },
  { value: 'anthropic', label: 'Anthropic Messages' }, { value: 'gemini', label: 'Gemini' },
];

/** The name of a format for people. */
export const formatName = (value) => FORMATS.find((one) => one.value === value)?.label ?? value;

const PATHS = { openai_chat: '/v1/chat/completions', openai_responses: '/v1/responses', anthropic: '/v1/messages' };

/** Where a call of that format goes. Gemini has the model, and whether it streams, in its path. */
export const pathOf = (format, model, stream) => PATHS[format]
  ?? `/v1beta/models/${encodeURIComponent(model)}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`;

/** The format of a call by its path, or null. */
export function formatOf(path) {
  if (/generateContent/i.test(path)) return 'gemini';
  const bare = path.split('?')[0].replace(/^\/(openai|anthropic|gemini)\//, '/');
  return Object.keys(PATHS).find((format) => PATHS[format] === bare) ?? null;
}

/** The model that a call asks for. */
export const modelOf = (path, body) => {
  const named = /\/models\/([^:]+):/.exec(path);
  return named ? decodeURIComponent(named[1]) : body?.model ?? null;
};

/** Whether a call asks for a stream. */
export const streams = (path, body) => (/:streamGenerateContent/.test(path) ? true : !!body?.stream);

const clean = (object) => Object.fromEntries(Object.entries(object).filter(([, value]) => value != null && value !== '' && !(Array.isArray(value) && !value.length)));
const DOT = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==';

const MAKERS = {
  openai_chat: (call) => ({
    model: call.model,
    messages: [...(call.system ? [{ role: 'system', content: call.system }] : []), ...call.turns.map((turn) => ({
      role: turn.role,
      content: call.image && turn.role === 'user' ? [{ type: 'text', text: turn.text }, { type: 'image_url', image_url: { url: `data:image/png;base64,${DOT}` } }] : turn.text,
    }))],
    ...clean({ temperature: call.temperature, top_p: call.top_p, max_tokens: call.max_tokens, stop: call.stop, tools: call.tools }),
    ...(call.stream ? { stream: true, stream_options: { include_usage: true } } : {}),
  }),
  openai_responses: (call) => ({
    model: call.model,
    ...clean({ instructions: call.system }),
    input: call.turns.map((turn) => ({
      role: turn.role,
      content: call.image && turn.role === 'user' ? [{ type: 'input_text', text: turn.text }, { type: 'input_image', image_url: `data:image/png;base64,${DOT}` }] : turn.text,
    })),
    ...clean({ temperature: call.temperature, top_p: call.top_p, max_output_tokens: call.max_tokens, tools: call.tools }),
    ...(call.stream ? { stream: true } : {}),
  }),
  anthropic: (call) => ({
    model: call.model,
    max_tokens: call.max_tokens ?? 1024,
    ...clean({ system: call.system }),
    messages: call.turns.map((turn) => ({
      role: turn.role,
      content: call.image && turn.role === 'user' ? [{ type: 'text', text: turn.text }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: DOT } }] : turn.text,
    })),
    ...clean({ temperature: call.temperature, top_p: call.top_p, stop_sequences: call.stop, tools: call.tools }),
    ...(call.stream ? { stream: true } : {}),
  }),
  gemini: (call) => {
    const config = clean({ temperature: call.temperature, topP: call.top_p, maxOutputTokens: call.max_tokens, stopSequences: call.stop });
    return {
      ...(call.system ? { systemInstruction: { parts: [{ text: call.system }] } } : {}),
      contents: call.turns.map((turn) => ({
        role: turn.role === 'assistant' ? 'model' : 'user',
        parts: call.image && turn.role === 'user' ? [{ text: turn.text }, { inlineData: { mimeType: 'image/png', data: DOT } }] : [{ text: turn.text }],
      })),
      ...(Object.keys(config).length ? { generationConfig: config } : {}),
      ...clean({ tools: call.tools }),
    };
  },
};

/**
 * @param {{format: string, model: string, stream?: boolean, system?: string, turns: {role: 'user'|'assistant', text: string}[], temperature?: number,
 *   top_p?: number, max_tokens?: number, stop?: string[], tools?: any[], image?: boolean}} call `tools` in the format's own words; `image`: a small one with each turn
 * @returns {{path: string, body: object}} as `/playground` and `/explain` take it
 */
export const callOf = (call) => ({ path: pathOf(call.format, call.model, call.stream), body: MAKERS[call.format](call) });

/** A tool in the format's own words. */
export function toolOf(format, name, description, parameters) {
  if (format === 'openai_chat') return { type: 'function', function: { name, description, parameters } };
  if (format === 'openai_responses') return { type: 'function', name, description, parameters };
  if (format === 'anthropic') return { name, description, input_schema: parameters };
  return { functionDeclarations: [{ name, description, parameters }] };
}
